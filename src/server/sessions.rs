//! The sessions of a server with their sockets, counts and deadlines.

mod look;
mod places;

use super::{
    accept::NODELAY_IS_INHERITED,
    deadlines::Deadlines,
    holdings::Holdings,
    intake::Intake,
    network::Network,
    openings::{ByAddress, Opening, Openings},
    ready::ReadyQueue,
    refusal::Refusal,
    report::Report,
    session_core::SessionCore,
    session_core::turn::Turn,
    session_id::LocalId,
    shared::Shared,
    socket::Socket,
    stream::ByteStream,
    system::System,
};
use crate::{Connection, Phase};
use mio::Token;
use slab::Slab;
use std::{collections::HashMap, fmt, io, net::SocketAddr, time::Instant};

/// A session with the socket that carries it.
pub(super) struct Entry {
    session: SessionCore,
    socket: Socket,
    /// The deadline in [`Sessions::deadlines`].
    deadline: Option<Instant>,
}

/// What a turn has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnEnd {
    Usual,
    /// The request of the session waits for its answer, for the first time.
    BeganToWait,
    SessionEnded,
}

/// A server may have a hundred thousand idle sessions, so every byte besides the socket counts.
#[cfg(not(feature = "tracing"))]
const _: () = assert!(size_of::<SessionCore>() + size_of::<Option<Instant>>() <= 408);

/// Slots that an empty server keeps memory for.
const KEPT_SLOTS: usize = 64;

/// The sessions of a server, each under the key that its socket is registered with.
pub(super) struct Sessions {
    entries: Slab<Entry>,
    ready: ReadyQueue,
    deadlines: Deadlines,
    /// How many served sessions each address has. A refused one takes nobody's place.
    served_by_address: HashMap<Network, usize>,
    refused: usize,
    /// The opening handshakes of served sessions.
    openings: Openings,
    refused_openings: Openings,
    by_address: ByAddress,
    /// The number of the newest session.
    generation: u32,
    holdings: Holdings,
}

impl Sessions {
    pub(super) fn new(max_buffered: usize, now: Instant) -> Self {
        Self {
            entries: Slab::new(),
            ready: ReadyQueue::default(),
            deadlines: Deadlines::new(now),
            served_by_address: HashMap::new(),
            refused: 0,
            openings: Openings::default(),
            refused_openings: Openings::default(),
            by_address: ByAddress::default(),
            generation: 0,
            holdings: Holdings::new(max_buffered),
        }
    }

    /// Adds a session. If there is a `refusal`, it answers the request.
    ///
    /// # Errors
    /// If the system cannot report what happens to the socket.
    pub(super) fn insert(
        &mut self,
        connection: Connection,
        mut socket: Socket,
        address: SocketAddr,
        refusal: Option<Refusal>,
        system: &System,
        now: Instant,
    ) -> io::Result<()> {
        let key = self.entries.vacant_key();
        let stream = socket.transport_mut();
        system.watch_stream(stream, Token(key))?;
        if !NODELAY_IS_INHERITED {
            // Without the option small messages are late, but they arrive.
            let _ = stream.set_nodelay();
        }
        self.generation = self.generation.wrapping_add(1);
        match refusal {
            None => *self.served_by_address.entry(Network::of(address.ip())).or_default() += 1,
            Some(_) => self.refused += 1,
        }
        let id = LocalId::new(key, self.generation);
        if refusal.is_none() {
            self.by_address.advance(address.ip(), id, [Opening::Silent; 2]);
        }
        if refusal.is_some() { &mut self.refused_openings } else { &mut self.openings }.insert(id);
        let session = SessionCore::new(id, address, connection, refusal);
        self.holdings.make_place(key);
        self.entries.insert(Entry { session, socket, deadline: None });
        self.finish_turn(key, now);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes that all sessions hold.
    pub(super) const fn held(&self) -> usize {
        self.holdings.sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sessions that your code [knows](SessionCore::is_known), the oldest first.
    pub(super) fn known(&self) -> Vec<LocalId> {
        let known = self.entries.iter().filter(|(_, entry)| entry.session.is_known());
        let mut ids: Vec<_> = known.map(|(_, entry)| entry.session.id()).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &SessionCore)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.session))
    }

    pub(super) fn keys(&self) -> Vec<usize> {
        self.entries.iter().map(|(key, _)| key).collect()
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    /// The key of the session `id`, unless it has ended.
    pub(super) fn find(&self, id: LocalId) -> Option<usize> {
        self.entries.get(id.key()).filter(|entry| entry.session.id() == id).map(|_| id.key())
    }

    /// Whether the session `id` has been told its end.
    pub(super) fn has_ended(&self, id: LocalId) -> bool {
        self.entries.get(id.key()).is_none_or(|entry| entry.session.phase() == Phase::Closed)
    }

    /// The system reports that the socket of `key` can be read or written.
    pub(super) fn set_ready(&mut self, key: usize, report: Report) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.socket.update(report);
            self.ready.push(key);
        }
    }

    /// The socket of `key` may be ready without a report.
    pub(super) fn assume_ready(&mut self, key: usize) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.socket.assume_ready();
        }
    }

    /// Has the session `key` wait for the next turn if its handshake of TLS is not complete and `left` is 0, the number
    /// of such turns that are left; else counts it down. Returns whether the session waits.
    #[cfg(feature = "tls")]
    pub(super) fn postpone_handshake(&mut self, key: usize, left: &mut usize) -> bool {
        if !self.entries.get(key).is_some_and(|entry| entry.socket.is_handshaking()) {
            return false;
        }
        let is_over = *left == 0;
        if is_over {
            self.ready.push(key);
        }
        *left = left.saturating_sub(1);
        is_over
    }

    pub(super) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// The next key that needs a turn. Its session may have ended, and a new one may have its key.
    pub(super) fn take_ready(&mut self) -> Option<usize> {
        self.ready.pop()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The keys whose deadlines have come, at most `max`, the earliest first. The others stay due, for the next turn. A
    /// session may have postponed its deadline; its turn finds out. The turn also reads and writes: one wait returns at
    /// most 1,024 events, so these sockets may be ready without a report.
    pub(super) fn take_due(&mut self, now: Instant, max: usize) -> Vec<usize> {
        let mut due = Vec::new();
        while due.len() < max
            && let Some(key) = self.deadlines.due(now)
        {
            let entry = self.entries.get_mut(key).expect("a deadline is removed with its session");
            entry.socket.assume_ready();
            self.deadlines.remove(key, &mut entry.deadline);
            due.push(key);
        }
        due
    }

    /// After a turn of the session `key`: removes the session if it has ended; else notes when it needs the next turn.
    pub(super) fn finish_turn(&mut self, key: usize, now: Instant) -> TurnEnd {
        let Some(Entry { session, socket, deadline }) = self.entries.get_mut(key) else { return TurnEnd::Usual };
        session.log_transitions();
        let mut end = TurnEnd::Usual;
        if let Some(steps) = session.advance_opening(socket) {
            let openings = if session.is_refused() { &mut self.refused_openings } else { &mut self.openings };
            openings.advance(session.id(), steps);
            if !session.is_refused() {
                self.by_address.advance(session.address().ip(), session.id(), steps);
            }
            if steps[1] == Opening::Waiting {
                end = TurnEnd::BeganToWait;
            }
        }
        if socket.is_closed() {
            self.remove(key);
            return TurnEnd::SessionEnded;
        }
        let (bytes, kept) = session.held();
        if self.holdings.note(key, bytes + socket.held(), kept) {
            session.set_unread(true, now);
        }
        let mut next = session.earlier_deadline(now);
        if deadline.is_none() {
            next = session.next_deadline(now);
        }
        self.deadlines.set_if_earlier(key, deadline, next);
        debug_assert!(
            session.next_deadline(now).is_none_or(|next| deadline.is_some_and(|kept| kept <= next)),
            "the kept deadline is never later than that of the connection"
        );
        if session.has_work(socket) {
            self.ready.push(key);
        }
        end
    }

    fn remove(&mut self, key: usize) {
        let Entry { session, mut deadline, .. } = self.entries.remove(key);
        self.holdings.note(key, 0, 0);
        self.deadlines.remove(key, &mut deadline);
        let network = Network::of(session.address().ip());
        if session.is_refused() {
            self.refused -= 1;
        } else if let Some(count) = self.served_by_address.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.served_by_address.remove(&network);
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT_SLOTS {
            self.release_memory();
        }
    }

    /// Frees the memory of many sessions. All have ended.
    fn release_memory(&mut self) {
        self.entries = Slab::with_capacity(KEPT_SLOTS);
        self.ready.reset(KEPT_SLOTS);
        self.holdings.reset(KEPT_SLOTS);
        self.served_by_address.shrink_to(KEPT_SLOTS);
    }
}

impl Entry {
    pub(super) fn turn<'a>(&'a mut self, shared: &'a mut Shared, intake: Intake, now: Instant) -> Turn<'a, Socket> {
        Turn::new(&mut self.session, &mut self.socket, shared, intake, now)
    }

    /// Whether the session gets a later turn without a report of the system, in which it goes on.
    pub(super) fn may_go_on_later(&self) -> bool {
        !self.socket.is_closed() && self.session.has_work(&self.socket)
    }

    /// Whether a deadline may have come. The kept deadline is never later than that of the connection.
    pub(super) fn may_be_due(&self, now: Instant) -> bool {
        self.deadline.is_none_or(|deadline| deadline <= now)
    }

    /// The bytes that the session and its socket hold, and how many of them up to the end of the session.
    pub(super) fn held(&self) -> (usize, usize) {
        let (bytes, kept) = self.session.held();
        (bytes + self.socket.held(), kept)
    }

    pub(super) const fn session(&self) -> &SessionCore {
        &self.session
    }

    pub(super) const fn socket_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.entries.len())
    }
}
