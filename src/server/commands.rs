//! What is asked of a loop by its handles, the end of it among that.

use super::{
    Server,
    handle::{self, Command},
    logging::caught,
    peer::Peer,
};
use crate::{CloseCode, Phase};
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
                let Some((key, entry)) = self.peers.find(id) else { return drop_caught(act) };
                self.driver.with_peer(key, entry, now, act);
                self.settle(key, now);
            }
            Command::Broadcast(ids, message) => {
                for id in ids {
                    let Some((key, entry)) = self.peers.find(id) else { continue };
                    self.driver.with_peer(key, entry, now, |peer| handle::report(peer.send_shared(&message)));
                    self.settle(key, now);
                }
            }
            Command::Shutdown { code, deadline } => self.begin_shutdown(code, now.checked_add(deadline), now),
            Command::Stop => {
                self.acceptor = None;
                self.for_each_peer(now, |peer| peer.abort());
            }
        }
    }

    fn begin_shutdown(&mut self, code: CloseCode, cut_off: Option<Instant>, now: Instant) {
        self.accept_the_last(now);
        self.cut_off = cut_off;
        self.for_each_peer(now, |peer| peer.shutdown(code));
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

    pub(super) fn for_each_peer(&mut self, now: Instant, mut act: impl FnMut(&mut Peer<'_>)) {
        for key in self.peers.keys() {
            if let Some(entry) = self.peers.get_mut(key) {
                self.driver.with_peer(key, entry, now, &mut act);
                self.settle(key, now);
            }
        }
    }
}

/// Drops what an application wants done, whose own code that may run, and panic.
fn drop_caught(act: Box<dyn FnOnce(&mut Peer<'_>) + Send>) {
    caught("dropping a command for an ended session", || drop(act));
}
