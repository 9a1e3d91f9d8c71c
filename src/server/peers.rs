//! The connections that there are, which of them have work, and which a deadline.

use super::{
    deadlines::Deadlines,
    handler::{Handler, Params, PeerId},
};
use crate::{Connection, SocketAction};
use mio::net::TcpStream;
use slab::Slab;
use std::{fmt, net::SocketAddr, time::Instant};

/// One connection, its socket and its handler.
pub(super) struct Entry {
    pub(super) connection: Connection,
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) handler: Option<Box<dyn Handler>>,
    pub(super) params: Params,
    /// Tells this connection from those that had its key before.
    pub(super) generation: u32,
    /// The socket may have something to read: it has not said `WouldBlock` since it said that it had.
    pub(super) is_readable: bool,
    /// The last write was cut short: the next one waits for the socket to say that it may go on.
    pub(super) is_blocked: bool,
    /// What to do with the socket, once `drive` knows.
    pub(super) is_closed: bool,
    pub(super) is_ready: bool,
    /// How many of the connection's moves have been logged.
    logged: usize,
    deadline: Option<Instant>,
}

/// What the lines of the log are filed under.
pub(super) const LOG: &str = "statesocket";

/// With more than this many bytes waiting to be written, a peer is not read: what it does not take must not make more.
const HIGH_WATER: usize = 64 << 10;

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({})", self.entries.len())
    }
}

impl Entry {
    pub(super) const fn id(&self, key: usize) -> PeerId {
        PeerId::new(key, self.generation)
    }

    pub(super) fn log_moves(&mut self, key: usize) {
        let history = self.connection.history();
        for transition in &history[self.logged..] {
            log::debug!(target: LOG, "{} {}: {transition}", self.id(key), self.address);
        }
        self.logged = history.len();
    }

    /// Whether there is something to read, and it is to be read: a peer that does not read is not read.
    pub(super) fn may_read(&self) -> bool {
        self.is_readable && self.connection.wants_read() && self.connection.transmit().len() <= HIGH_WATER
    }
}

#[derive(Default)]
pub(super) struct Peers {
    entries: Slab<Entry>,
    /// Those that have work, each once.
    ready: Vec<usize>,
    deadlines: Deadlines,
    generation: u32,
}

impl Peers {
    pub(super) fn insert(&mut self, connection: Connection, stream: TcpStream, address: SocketAddr, now: Instant) {
        self.generation = self.generation.wrapping_add(1);
        let key = self.entries.insert(Entry {
            connection,
            stream,
            address,
            handler: None,
            params: Params::default(),
            generation: self.generation,
            is_readable: false,
            is_blocked: false,
            is_closed: false,
            is_ready: false,
            logged: 0,
            deadline: None,
        });
        self.settle(key, now);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn keys(&self) -> Vec<usize> {
        self.entries.iter().map(|(key, _)| key).collect()
    }

    pub(super) fn vacant_key(&self) -> usize {
        self.entries.vacant_key()
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(super) fn find(&mut self, id: PeerId) -> Option<(usize, &mut Entry)> {
        let key = id.key();
        self.entries.get_mut(key).filter(|entry| entry.id(key) == id).map(|entry| (key, entry))
    }

    /// The socket of `key` has something to read, or room to write.
    pub(super) fn set_ready(&mut self, key: usize, is_readable: bool) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.is_readable |= is_readable;
            entry.is_blocked = false;
            if !entry.is_ready {
                entry.is_ready = true;
                self.ready.push(key);
            }
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Those that had work when this turn began; one of them may have gone since, and its key have a new owner.
    pub(super) fn take_ready(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ready)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        self.deadlines.due(now)
    }

    /// After `key` has been driven: removes it if its socket is closed, which is what is returned; else notes what it
    /// waits for.
    pub(super) fn settle(&mut self, key: usize, now: Instant) -> Option<SocketAction> {
        let entry = self.entries.get_mut(key)?;
        entry.log_moves(key);
        if entry.is_closed {
            self.deadlines.replace(key, &mut entry.deadline, None);
            self.entries.remove(key);
            return Some(SocketAction::Close);
        }
        let deadline = entry.connection.poll_timeout(now).map(|(deadline, _)| deadline);
        self.deadlines.replace(key, &mut entry.deadline, deadline);
        if entry.may_read() && !entry.is_ready {
            entry.is_ready = true;
            self.ready.push(key);
        }
        None
    }
}
