//! What is asked of a loop by its handles, the end of it among that.

use super::{
    Server,
    handle::{Act, Command, Handle},
    logging::{LOG, caught},
    peer_id::PeerId,
    view::View,
};
use crate::{CloseCode, Phase, SendError};
use std::time::Instant;

/// What handles ask for that is done in a turn, before the connections have theirs.
const COMMANDS_A_TURN: usize = 1024;

/// How often a server that stops accepts: often enough for the longest backlog that systems have unless told otherwise.
const LAST_BATCHES: usize = 16;

impl Server {
    /// Does what handles have asked for, but not so much of it that the connections wait.
    pub(super) fn obey_commands(&mut self, now: Instant) {
        self.has_commands = true;
        for _ in 0..COMMANDS_A_TURN {
            let Some(command) = self.commands.as_ref().and_then(|commands| commands.try_recv().ok()) else {
                self.has_commands = false;
                return;
            };
            self.obey(command, now);
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::With(id, act) => {
                if self.peers.find(id).is_some() {
                    self.with_view(id, now, act);
                } else {
                    discard(act);
                }
            }
            Command::Send(id, message) => {
                self.with_view(id, now, |view, _| report(view.connection.send(&message)));
            }
            Command::Broadcast(ids, message) => {
                for id in ids {
                    self.with_view(id, now, |view, _| report(view.connection.send_shared(&message)));
                }
            }
            Command::Close { id, code, reason } => {
                self.with_view(id, now, |view, _| view.connection.ensure_closed(code, &reason));
            }
            Command::Shutdown { code, deadline } => self.begin_shutdown(code, now.checked_add(deadline), now),
            Command::Stop => {
                self.acceptor = None;
                self.for_each_session(now, |view| view.connection.abort());
            }
        }
    }

    fn begin_shutdown(&mut self, code: CloseCode, cut_off: Option<Instant>, now: Instant) {
        self.accept_the_last(now);
        self.cut_off = cut_off;
        self.for_each_session(now, |view| view.connection.shutdown(code));
    }

    /// Closes the listener, after those that have been waiting for it and those whose request has come unread: closing
    /// their sockets like that would reset them, without the 503 that is due.
    fn accept_the_last(&mut self, now: Instant) {
        let Some(mut acceptor) = self.acceptor.take() else { return };
        self.driver.is_stopping = true;
        // All are accepted, since all are refused: nobody takes another one's place any more.
        let limits = &mut self.driver.limits;
        (limits.max_connections, limits.max_connections_per_address) = (usize::MAX, usize::MAX);
        limits.max_handshakes = usize::MAX;
        acceptor.set_ready();
        for _ in 0..LAST_BATCHES {
            self.accept(&mut acceptor, now);
        }
        drop(acceptor);
        for key in self.peers.keys() {
            if let Some(entry) = self.peers.get_mut(key).filter(|entry| entry.connection.phase() == Phase::Idle) {
                entry.socket.assume_ready();
                self.drive(key, now);
            }
        }
    }

    fn with_view(&mut self, id: PeerId, now: Instant, act: impl FnOnce(View<'_>, &Handle)) {
        let Some((key, entry)) = self.peers.find(id) else { return };
        self.driver.with_view(key, entry, now, act);
        self.settle(key, now);
    }

    pub(super) fn for_each_session(&mut self, now: Instant, mut act: impl FnMut(View<'_>)) {
        for key in self.peers.keys() {
            if let Some(entry) = self.peers.get_mut(key) {
                self.driver.with_view(key, entry, now, |view, _| act(view));
                self.settle(key, now);
            }
        }
    }
}

/// Drops code of the program that is not called. It may own values whose drop panics.
fn discard(act: Act) {
    caught("dropping a command for an ended session", || drop(act));
}

/// Logs a message that cannot be sent.
fn report(sent: Result<(), SendError>) {
    if let Err(error) = sent {
        log::debug!(target: LOG, "not sent: {error}");
    }
}
