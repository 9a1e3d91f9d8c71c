//! Stopping a server.

use super::{Server, accept::Acceptor, clock};
use crate::{CloseCode, Phase};
use std::time::Instant;

/// The most connections that are accepted before the listener closes: a full backlog.
const LAST_ACCEPTS: usize = 4096;

impl Server {
    /// Closes the listening socket, for programs with a loop of their own. See
    /// [`Handle::stop_accepting`](super::Handle::stop_accepting).
    pub fn stop_accepting(&mut self) {
        self.accept_no_more(clock::now());
        self.end_if_empty();
    }

    /// Accepts the backlog and closes the listener. A connection for which there is no room gets a 503.
    pub(super) fn accept_no_more(&mut self, now: Instant) {
        if let Some(acceptor) = self.life.acceptor_mut() {
            acceptor.expect_more();
            self.accept_at_most(LAST_ACCEPTS, now);
        }
        // Your code may have stopped the server while room was made.
        if let Some(acceptor) = self.life.take_acceptor() {
            self.admit_last(acceptor, now);
        }
    }

    /// Accepts the backlog, closes the listener and every session, and later aborts the sessions left at `cut_off`.
    pub(super) fn shut_down(&mut self, code: CloseCode, cut_off: Option<Instant>, now: Instant) {
        self.refuse_last(now);
        self.life.set_cut_off(cut_off);
        self.for_each_session(now, |view| view.connection.shutdown(code));
    }

    /// Stops accepting and aborts every session.
    pub(super) fn abort_all(&mut self, now: Instant) {
        self.life.begin_stop();
        self.for_each_session(now, |mut view| view.cut());
    }

    /// Ends the life of a server that accepts nothing more, once its last session has ended.
    pub(super) fn end_if_empty(&mut self) {
        if self.sessions.is_empty() {
            self.life.end();
        }
        if self.is_stopped() {
            // Nobody shall wait for an answer that will not come.
            self.commands.close();
        }
    }

    /// Closes the listener. The clients in its backlog, and those whose request is unread, are owed a 503: closing
    /// their sockets unread would reset them.
    fn refuse_last(&mut self, now: Instant) {
        if let Some(acceptor) = self.life.begin_stop() {
            self.admit_last(acceptor, now);
        }
        for key in self.sessions.keys() {
            if let Some(entry) = self.sessions.get_mut(key).filter(|entry| entry.session().phase() == Phase::Idle) {
                entry.socket_mut().assume_ready();
                self.drive(key, now);
            }
        }
    }

    /// Admits the connections of the backlog, and closes the listener.
    fn admit_last(&mut self, mut acceptor: Acceptor, now: Instant) {
        acceptor.expect_more();
        for _ in 0..LAST_ACCEPTS {
            match acceptor.next(now) {
                Some(arrival) => self.admit(arrival, now),
                None if acceptor.has_work() => {}
                None => break,
            }
        }
    }
}
