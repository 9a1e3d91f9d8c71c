//! Rooms: named groups of sessions, to which messages are published.

mod delivery;
mod room;
mod seats;
#[cfg(test)]
mod tests;
mod waiting;

use super::{census::Column, session_id::LocalId};
use crate::SharedMessage;
use room::{MESSAGE_BYTES, Room, waiting_bytes};
use seats::{Membership, Seat};
use slab::Slab;
use std::{collections::HashMap, fmt};
pub(super) use waiting::Next;
use waiting::{Listed, Sequence, Waiting};

/// The bytes of the copies that the messages of one session may cause per turn. Beyond it the session waits for the
/// next turn, so that a member that floods a large room does not keep the others waiting.
const MAX_COPIED_PER_TURN: usize = 32 << 20;

/// The bytes of all messages that may wait for the end of a turn. Beyond it the members get them at once, so that the
/// memory does not grow with the number of sessions that publish.
const MAX_WAITING: usize = 32 << 20;

/// What a copy for a member counts besides its payload, in bytes. Even an empty message is work.
const COPY_BYTES: usize = 16;

/// What a look for messages in one room counts, in bytes that could be copied in that time.
const LOOK_BYTES: usize = 64;

/// How many looks in rooms of a session cost as much as the search for it among the members of one room.
const LOOKS_PER_SEARCH: usize = 16;

/// The rooms of a server, and the messages of this turn that have not reached all members.
///
/// A message waits in its room until the end of the turn. Then each member gets all messages of its rooms together. A
/// member whose session acts earlier, or is acted on, gets them before that. So each session gets everything in the
/// order in which it was published and sent.
#[derive(Default)]
pub(super) struct Rooms {
    by_name: HashMap<Box<str>, usize>,
    rooms: Slab<Room>,
    /// By the key of the session.
    seats: Vec<Seat>,
    /// The rooms with waiting messages.
    busy: Vec<usize>,
    /// The sessions that have left a room with waiting messages.
    owed: Vec<LocalId>,
    published: Sequence,
    /// The bytes of the waiting messages.
    waiting_bytes: usize,
    /// The bytes of the copies that the session whose turn it is has caused.
    copied: usize,
    /// The messages that wait for one session, if they are in several pieces.
    listed: Option<Listed>,
    /// The only room with messages for the [waiting sessions](Self::waiting_sessions), as long as none of them leaves a
    /// room.
    only_busy: Option<usize>,
    /// The session whose messages wait in [`only_busy`](Self::only_busy) alone.
    next: Option<Waiting>,
    /// [`Limits::max_room_backlog`](super::Limits::max_room_backlog).
    max_backlog: usize,
    /// Where a loop of a cluster counts its members.
    census: Option<Column>,
}

impl Rooms {
    pub(super) fn new(max_backlog: usize) -> Self {
        Self { max_backlog, ..Self::default() }
    }

    /// The most bytes that may be queued for a session when a message of a room comes.
    pub(super) const fn max_backlog(&self) -> usize {
        self.max_backlog
    }

    pub(super) const fn set_max_backlog(&mut self, bytes: usize) {
        self.max_backlog = bytes;
    }

    /// Counts the members in the census of a cluster. There are none yet.
    pub(super) fn set_census(&mut self, census: Column) {
        self.census = Some(census);
    }

    /// Makes the session `id` a member. Returns whether it was none.
    pub(super) fn join(&mut self, id: LocalId, name: &str) -> bool {
        let key = match self.by_name.get(name) {
            Some(key) => *key,
            None => {
                let key = self.rooms.insert(Room::new(name));
                self.by_name.insert(name.into(), key);
                key
            }
        };
        let is_new = !self.rooms[key].is_member(id);
        if is_new {
            self.rooms[key].add(id, self.published);
            if self.seats.len() <= id.key() {
                self.seats.resize_with(id.key() + 1, || Seat::FREE);
            }
            self.seats[id.key()].join(key, self.published);
            if let Some(census) = &self.census {
                census.joined(name);
            }
        }
        is_new
    }

    /// Ends the membership of the session `id`. Returns whether it was a member. It still gets what waits in the room.
    pub(super) fn leave(&mut self, id: LocalId, name: &str) -> bool {
        let Some(&key) = self.by_name.get(name) else { return false };
        let room = &mut self.rooms[key];
        let Some(since) = room.remove(id) else { return false };
        if let Some(census) = &self.census {
            census.left(name);
        }
        (self.listed, self.only_busy) = (None, None);
        let seat = &mut self.seats[id.key()];
        let taken = seat.taken();
        let seats = seat.seats_mut().expect("a member has a seat");
        seats.leave(key, room.all_for(id, since.max(taken)));
        if seats.is_owed() {
            self.owed.push(id);
        } else {
            seat.free_if_empty();
        }
        self.close_if_empty(key);
        true
    }

    /// The session `id` has ended: it is no member of any room, and gets nothing more.
    pub(super) fn end(&mut self, id: LocalId) {
        let Some(seats) = self.seats.get_mut(id.key()).and_then(Seat::free) else { return };
        self.listed = None;
        self.owed.retain(|owed| *owed != id);
        for Membership { room, .. } in seats.memberships() {
            self.rooms[*room].remove(id);
            if let Some(census) = &self.census {
                census.left(self.rooms[*room].name());
            }
            self.close_if_empty(*room);
        }
    }

    fn close_if_empty(&mut self, key: usize) {
        if self.rooms[key].members().len() == 0 {
            let room = self.rooms.remove(key);
            self.waiting_bytes -= room.waiting_bytes();
            self.by_name.remove(room.name());
            self.busy.retain(|busy| *busy != key);
            self.release_memory();
        }
    }

    fn release_memory(&mut self) {
        if self.rooms.is_empty() && self.owed.is_empty() {
            self.seats = Vec::new();
        }
    }

    /// Publishes `message` to all members of a room, or to all but one. Returns how many they are.
    pub(super) fn publish(&mut self, name: &str, message: &SharedMessage, except: Option<LocalId>) -> usize {
        let Some(&key) = self.by_name.get(name) else { return 0 };
        let room = &mut self.rooms[key];
        let except = except.filter(|id| room.is_member(*id));
        let count = room.members().len() - usize::from(except.is_some());
        if count > 0 {
            self.published += 1;
            if !room.has_waiting() {
                self.busy.push(key);
                self.only_busy = None;
            }
            room.push(self.published, message.clone(), except);
            self.waiting_bytes = self.waiting_bytes.saturating_add(waiting_bytes(message));
            let copies = count.saturating_mul(message.payload().len().saturating_add(COPY_BYTES));
            self.copied = self.copied.saturating_add(copies.saturating_add(MESSAGE_BYTES));
        }
        count
    }

    /// The number of members on the other loops of the cluster.
    pub(super) fn count_elsewhere(&self, name: &str) -> usize {
        self.census.as_ref().map_or(0, |census| census.count_elsewhere(name))
    }

    /// The number of members.
    pub(super) fn count(&self, name: &str) -> usize {
        self.room(name).map_or(0, |room| room.members().len())
    }

    pub(super) fn is_member(&self, id: LocalId, name: &str) -> bool {
        self.room(name).is_some_and(|room| room.is_member(id))
    }

    /// The members, the oldest session first.
    pub(super) fn members(&self, name: &str) -> impl Iterator<Item = LocalId> {
        self.room(name).into_iter().flat_map(Room::members)
    }

    fn room(&self, name: &str) -> Option<&Room> {
        self.by_name.get(name).map(|key| &self.rooms[*key])
    }

    /// The names of the rooms of the session `id`.
    pub(super) fn of(&self, id: LocalId) -> impl Iterator<Item = &str> {
        let seats = self.seats.get(id.key()).and_then(Seat::seats);
        seats.into_iter().flat_map(|seats| seats.memberships()).map(|membership| self.rooms[membership.room].name())
    }

    /// The turn of a session begins.
    pub(super) const fn begin_turn(&mut self) {
        self.copied = 0;
    }

    /// Whether the waiting messages must not wait for the end of the turn.
    pub(super) const fn is_full(&self) -> bool {
        self.waiting_bytes > MAX_WAITING
    }

    /// Whether the messages of the session whose turn it is cause more copies than it may per turn.
    pub(super) const fn is_flooded(&self) -> bool {
        self.copied > MAX_COPIED_PER_TURN
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rooms({})", self.rooms.len())
    }
}
