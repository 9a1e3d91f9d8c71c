//! Timers, as a handler sets them.

use super::Session;
use std::time::Duration;

/// # Timers
impl Session<'_> {
    /// Calls [`on_timer`](super::super::Handler::on_timer) with `token` after this time, counted from the beginning of
    /// the turn, unless the session ends before. A session has one timer per token: setting it again replaces it. The
    /// call never comes early. It comes late while the loop is busy, and after everything that the client has sent in
    /// time. A time that is too long for the clock never comes.
    ///
    /// ```
    /// use statesocket::{Message, handshake::{Accept, Request}, server::{Handler, Session}};
    /// use std::time::Duration;
    ///
    /// const LOGIN: u64 = 0;
    /// const TICK: u64 = 1;
    ///
    /// struct Feed;
    ///
    /// impl Handler for Feed {
    ///     fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
    ///         if session.accept(Accept::new()).is_ok() {
    ///             session.set_timer(Duration::from_secs(5), LOGIN);
    ///         }
    ///     }
    ///
    ///     fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
    ///         if message.as_text() == Some("secret") && session.cancel_timer(LOGIN) {
    ///             session.set_timer(Duration::from_secs(1), TICK);
    ///         }
    ///     }
    ///
    ///     fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
    ///         match token {
    ///             LOGIN => session.ensure_closed(1008, "log in within 5 s"),
    ///             _ => {
    ///                 if session.send_text("tick").is_ok() {
    ///                     session.set_timer(Duration::from_secs(1), TICK);
    ///                 }
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    pub fn set_timer(&mut self, after: Duration, token: u64) {
        let id = self.id().local();
        match self.view.now.checked_add(after) {
            // An ended session gets no call.
            Some(at) if self.view.connection.disconnected().is_none() => self.view.common.timers.set(id, token, at),
            Some(_) | None => {
                self.cancel_timer(token);
            }
        }
    }

    /// Cancels the timer `token`. Returns whether it was set. If it was, its call does not come.
    pub fn cancel_timer(&mut self, token: u64) -> bool {
        let id = self.id().local();
        self.view.common.timers.cancel(id, token)
    }
}
