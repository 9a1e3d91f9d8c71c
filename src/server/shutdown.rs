//! Stopping a server.

use super::Server;
use crate::{CloseCode, Phase};
use std::time::Instant;

/// The most connections that are accepted before the listener closes: a full backlog.
const LAST_ACCEPTS: usize = 4096;

impl Server {
    /// Accepts the backlog, closes the listener and every session, and later aborts the sessions left at `cut_off`.
    pub(super) fn shut_down(&mut self, code: CloseCode, cut_off: Option<Instant>, now: Instant) {
        self.accept_last(now);
        self.life.set_cut_off(cut_off);
        self.for_each_session(now, |view| view.connection.shutdown(code));
    }

    /// Stops accepting and aborts every session.
    pub(super) fn abort_all(&mut self, now: Instant) {
        self.life.stop_accepting();
        self.for_each_session(now, |mut view| view.cut());
    }

    /// Ends the life of a server that has been stopped, once its last session has ended.
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
    fn accept_last(&mut self, now: Instant) {
        let Some(mut acceptor) = self.life.stop_accepting() else { return };
        acceptor.set_ready();
        acceptor.end_pause();
        for _ in 0..LAST_ACCEPTS {
            match acceptor.next(now) {
                Some(arrival) => self.admit(arrival, now),
                None if acceptor.has_work() => {}
                None => break,
            }
        }
        drop(acceptor);
        for key in self.sessions.keys() {
            if let Some(entry) = self.sessions.get_mut(key).filter(|entry| entry.session().phase() == Phase::Idle) {
                entry.socket_mut().assume_ready();
                self.drive(key, now);
            }
        }
    }
}
