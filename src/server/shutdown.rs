//! Stopping a server.

use super::{
    Server,
    accept::Acceptor,
    clock,
    farewell::{Farewell, Shutdown},
};
use crate::{CloseCode, CloseFrame, Phase};
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
        self.hand_over_no_more();
    }

    /// Accepts the backlog, closes the listener, refuses all requests, and begins to close the sessions.
    pub(super) fn shut_down(&mut self, shutdown: Shutdown, now: Instant) {
        self.refuse_last(now);
        let Shutdown { close, spread, grace } = shutdown;
        let (mut opening, mut open) = (Vec::new(), Vec::new());
        for (key, session) in self.sessions.iter() {
            match session.phase() {
                Phase::Idle | Phase::Requested => opening.push(key),
                Phase::Open | Phase::ClientClosed => open.push(session.id()),
                Phase::ApplicationClosed | Phase::Closed => {}
            }
        }
        let cut_off = now.checked_add(spread).and_then(|end| end.checked_add(grace));
        // Your code may shut down the server anew, as soon as it is called.
        self.life.say_goodbye(Farewell::new(close, open, spread, now), cut_off);
        for key in opening {
            self.take_turn(key, now, |turn, _| turn.lend(|view, _| view.connection.shutdown(CloseCode::GOING_AWAY)));
        }
        self.say_goodbye(now);
    }

    /// Closes the sessions of a stopping server whose time has come.
    pub(super) fn say_goodbye(&mut self, now: Instant) {
        while let Some((id, CloseFrame { code, reason })) = self.life.take_goodbye(now) {
            if let Some(key) = self.sessions.find(id) {
                self.take_turn(key, now, |turn, _| {
                    turn.lend(|view, _| view.connection.ensure_closed(code, &reason));
                });
            }
        }
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
            match acceptor.next(&mut self.shared.common.tally, now) {
                Some(arrival) => self.admit(arrival, now),
                None if acceptor.has_work() => {}
                None => break,
            }
        }
    }
}
