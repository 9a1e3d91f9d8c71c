//! The connections that there are, which of them have work, and which a deadline.

use super::{
    deadlines::Deadlines,
    handler::Handler,
    limits::Limits,
    logging::{LOG, caught},
    params::Params,
    peer_id::PeerId,
    pressure::{Marks, Pressure, Reading},
    socket::Socket,
    stream::ByteStream,
    view::View,
};
use crate::{Connection, Phase};
use http::StatusCode;
use mio::{event::Event, net::TcpStream};
use slab::Slab;
use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

/// One connection, its socket and its handler.
pub(super) struct Entry {
    pub(super) connection: Connection,
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
    pub(super) handler: Option<Box<dyn Handler>>,
    pub(super) params: Params,
    deadline: Option<Instant>,
    /// Tells this connection from those that had its key before.
    generation: u32,
    /// What its request is to be answered with, because it is one too many.
    pub(super) refusal: Option<StatusCode>,
    pub(super) pressure: Pressure,
    /// It has work, and is in the list of those that have.
    pub(super) is_ready: bool,
    /// It counts as a handshake in progress.
    is_opening: bool,
    /// How many of the connection's moves have been logged.
    logged: u8,
}

/// Of a hundred thousand idle connections every byte counts; the socket has more when mio checks its use.
const _: () = assert!(size_of::<Entry>() - size_of::<Socket>() <= 416);

/// Places for so many connections are kept when there are none.
const KEPT_PLACES: usize = 64;

pub(super) struct Peers {
    entries: Slab<Entry>,
    /// Those that have work, each once.
    ready: VecDeque<usize>,
    deadlines: Deadlines,
    /// Those that are to be served; one that is to be refused takes nobody's place.
    by_address: HashMap<IpAddr, usize>,
    refused: usize,
    handshakes: usize,
    generation: u32,
}

impl Peers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            entries: Slab::new(),
            ready: VecDeque::new(),
            deadlines: Deadlines::new(now),
            by_address: HashMap::new(),
            refused: 0,
            handshakes: 0,
            generation: 0,
        }
    }

    pub(super) fn insert(
        &mut self,
        connection: Connection,
        stream: TcpStream,
        address: SocketAddr,
        refusal: Option<StatusCode>,
        now: Instant,
    ) {
        self.generation = self.generation.wrapping_add(1);
        self.handshakes += 1;
        match refusal {
            None => *self.by_address.entry(address.ip()).or_default() += 1,
            Some(_) => self.refused += 1,
        }
        let key = self.entries.insert(Entry {
            connection,
            socket: Socket::new(stream),
            address,
            handler: None,
            params: Params::default(),
            deadline: None,
            generation: self.generation,
            refusal,
            pressure: Pressure::default(),
            is_ready: false,
            is_opening: true,
            logged: 0,
        });
        self.settle(key, now);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are only to be refused.
    pub(super) const fn refused(&self) -> usize {
        self.refused
    }

    /// How many there are to be served.
    pub(super) fn served(&self) -> usize {
        self.entries.len() - self.refused
    }

    /// How many of them are from `address`.
    pub(super) fn count_from(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or_default()
    }

    /// Whether another handshake may begin.
    pub(super) const fn may_open(&self, limits: &Limits) -> bool {
        self.handshakes < limits.max_handshakes
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
    pub(super) fn set_ready(&mut self, key: usize, event: &Event) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.socket.update(event);
            if !entry.is_ready {
                entry.is_ready = true;
                self.ready.push_back(key);
            }
        }
    }

    /// How many have work.
    pub(super) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// The next of those that have work. It may have gone since, and its key have a new owner.
    pub(super) fn take_ready(&mut self) -> Option<usize> {
        let key = self.ready.pop_front()?;
        if let Some(entry) = self.entries.get_mut(key) {
            entry.is_ready = false;
        }
        Some(key)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// One whose deadline has come. The connection may have moved it on meanwhile: driving it finds out. It is to be
    /// read and written before, also if the system has not said yet that it can be: it tells of only so many
    /// at a time.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        let key = self.deadlines.due(now)?;
        if let Some(entry) = self.entries.get_mut(key) {
            entry.socket.assume_ready();
            self.deadlines.remove(key, &mut entry.deadline);
        }
        Some(key)
    }

    /// After `key` has been driven: removes it if its socket is to be closed, which is what is returned; else notes
    /// what it waits for.
    pub(super) fn settle(&mut self, key: usize, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        entry.log_moves(key);
        if entry.is_opening && (entry.socket.is_closed() || entry.has_opened()) {
            entry.is_opening = false;
            self.handshakes -= 1;
        }
        if entry.socket.is_closed() {
            self.remove(key);
            return true;
        }
        let deadline = entry.connection.poll_timeout(now).map(|(deadline, _)| deadline);
        self.deadlines.set_if_earlier(key, &mut entry.deadline, deadline);
        if (entry.may_read() || entry.pressure.is_drained()) && !entry.is_ready {
            entry.is_ready = true;
            self.ready.push_back(key);
        }
        false
    }

    fn remove(&mut self, key: usize) {
        let mut entry = self.entries.remove(key);
        self.deadlines.remove(key, &mut entry.deadline);
        entry.drop_handler();
        if entry.refusal.is_some() {
            self.refused -= 1;
        } else if let Some(count) = self.by_address.get_mut(&entry.address.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&entry.address.ip());
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT_PLACES {
            self.give_back();
        }
    }

    /// Keeps nothing of the memory that a crowd took which has gone.
    fn give_back(&mut self) {
        self.entries = Slab::with_capacity(KEPT_PLACES);
        self.ready.shrink_to(KEPT_PLACES);
        self.by_address.shrink_to(KEPT_PLACES);
    }
}

impl Entry {
    pub(super) const fn id(&self, key: usize) -> PeerId {
        PeerId::new(key, self.generation)
    }

    /// What a handler is given, and the handler.
    pub(super) fn view<'l>(
        &'l mut self,
        key: usize,
        high_water: usize,
    ) -> (View<'l>, Option<&'l mut (dyn Handler + 'static)>) {
        let id = self.id(key);
        let view = View {
            connection: &mut self.connection,
            stream: &mut self.socket,
            pressure: &mut self.pressure,
            high_water,
            id,
            address: self.address,
            params: &self.params,
        };
        (view, self.handler.as_deref_mut())
    }

    /// Writes what is queued, as far as the socket takes it.
    pub(super) fn write(&mut self, marks: Marks) -> io::Result<usize> {
        self.pressure.before_write(self.backlog(), marks);
        self.connection.write_to(&mut self.socket)
    }

    /// After a write: pauses reading, or resumes it.
    pub(super) fn settle_pressure(&mut self, marks: Marks) {
        match self.pressure.after_write(self.backlog(), marks, self.connection.is_reading_paused()) {
            Reading::Keep => {}
            Reading::Pause => self.connection.pause_reading(),
            Reading::Resume => self.connection.resume_reading(),
        }
    }

    /// The bytes that count for back-pressure: none once the program cannot send any more.
    fn backlog(&self) -> usize {
        if self.connection.phase() == Phase::Open { self.connection.queued() } else { 0 }
    }

    const fn has_opened(&self) -> bool {
        !matches!(self.connection.phase(), Phase::Idle | Phase::Requested)
    }

    pub(super) fn log_moves(&mut self, key: usize) {
        let history = self.connection.history();
        for transition in &history[usize::from(self.logged)..] {
            log::debug!(target: LOG, "{} {}: {transition}", self.id(key), self.address);
        }
        self.logged = history.len() as u8;
    }

    /// Drops the handler, whose own code that may run, and panic.
    pub(super) fn drop_handler(&mut self) {
        let handler = self.handler.take();
        caught(format_args!("{}: dropping the handler", self.address), || drop(handler));
    }

    /// Whether a deadline may have come: there is none before the one that is kept.
    pub(super) fn may_be_due(&self, now: Instant) -> bool {
        self.deadline.is_none_or(|deadline| deadline <= now)
    }

    /// Whether there is something to read, and it is to be read.
    pub(super) fn may_read(&self) -> bool {
        self.socket.is_readable() && self.connection.wants_read()
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({})", self.entries.len())
    }
}
