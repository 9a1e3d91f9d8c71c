//! Acting on all sessions.

use super::{Server, clock, handle::Handle, session::Session, session_id::SessionId, view::View};
use std::time::Instant;

/// # All sessions
impl Server {
    /// Calls `act` with every session that your code knows, in the order of their ids: from
    /// [`on_request`](super::Handler::on_request) to [`on_disconnect`](super::Handler::on_disconnect), in any phase.
    /// For programs with a loop of their own, between two turns; [`Handle::for_each`] does the same from other threads.
    ///
    /// `act` can do everything that a handler can. If it panics, the session that it was called with ends with 1011, as
    /// after a panic of a handler, and `act` is called with the others. It is not called with sessions that it ends
    /// before their turn.
    ///
    /// ```
    /// use statesocket::{Config, Phase, server::Server};
    ///
    /// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
    /// let mut open = 0;
    /// server.for_each(|session| open += usize::from(session.phase() == Phase::Open));
    /// assert_eq!(open, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn for_each(&mut self, mut act: impl FnMut(&mut Session<'_>)) {
        self.lend_each(None, clock::now(), |view, handle| act(&mut Session::new(view, handle)));
        self.end_if_empty();
    }

    /// Lends each session that your code knows to `act`.
    pub(super) fn lend_each(
        &mut self,
        except: Option<SessionId>,
        now: Instant,
        mut act: impl FnMut(View<'_>, &Handle),
    ) {
        let except = except.and_then(|id| id.local_to(self.shared.common.server));
        for id in self.sessions.known() {
            // Another call of `act` may have ended it.
            if Some(id) != except
                && let Some(key) = self.sessions.find(id)
                && self.sessions.get_mut(key).is_some_and(|entry| entry.session().is_known())
            {
                self.take_turn(key, now, |turn, _| turn.lend(&mut act));
            }
        }
    }
}
