//! Rooms: named groups of sessions, to which messages are published.

#[cfg(test)]
mod tests;

use super::session_id::LocalId;
use crate::{SharedMessage, SharedMessages};
use slab::Slab;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt, mem,
};

/// The bytes of the copies that the messages of one session may cause per turn. Beyond it the session waits for the
/// next turn, so that a member that floods a large room does not keep the others waiting.
const MAX_COPIED_PER_TURN: usize = 32 << 20;

/// How many published messages there were when something happened. Messages have numbers from 1 on.
type Sequence = u64;

/// The rooms of a server, and the messages of this turn that have not reached all members.
///
/// A message waits in its room until the end of the turn. Then each member gets all messages of its rooms together. A
/// member whose session acts earlier, or is acted on, gets them before that. So each session gets everything in the
/// order in which it was published and sent.
pub(super) struct Rooms {
    by_name: HashMap<Box<str>, usize>,
    rooms: Slab<Room>,
    /// By the key of the session.
    seats: Vec<Option<Box<Seats>>>,
    /// The rooms with waiting messages.
    busy: Vec<usize>,
    /// The sessions that have left a room with waiting messages.
    owed: Vec<LocalId>,
    published: Sequence,
    /// The bytes of the copies that the session whose turn it is has caused.
    copied: usize,
    /// [`Limits::max_room_backlog`](super::Limits::max_room_backlog).
    max_backlog: usize,
}

struct Room {
    name: Box<str>,
    members: BTreeSet<LocalId>,
    waiting: Vec<Published>,
    /// The waiting messages in one piece.
    joined: Option<SharedMessages>,
}

struct Published {
    number: Sequence,
    message: SharedMessage,
    /// The member that does not get it.
    except: Option<LocalId>,
}

/// What a session has in rooms.
#[derive(Default)]
struct Seats {
    rooms: Vec<Membership>,
    /// Messages of rooms that it has left.
    owed: VecDeque<(Sequence, SharedMessage)>,
    /// It has all messages up to this one.
    taken: Sequence,
}

#[derive(Clone, Copy)]
struct Membership {
    room: usize,
    /// When the session has joined.
    since: Sequence,
}

/// The next of the messages that wait for a session.
pub(super) enum Next {
    One(SharedMessage),
    /// All that wait.
    All(SharedMessages),
}

impl Rooms {
    pub(super) fn new(max_backlog: usize) -> Self {
        Self {
            by_name: HashMap::new(),
            rooms: Slab::new(),
            seats: Vec::new(),
            busy: Vec::new(),
            owed: Vec::new(),
            published: 0,
            copied: 0,
            max_backlog,
        }
    }

    /// The most bytes that may be queued for a session when a message of a room comes.
    pub(super) const fn max_backlog(&self) -> usize {
        self.max_backlog
    }

    pub(super) const fn set_max_backlog(&mut self, bytes: usize) {
        self.max_backlog = bytes;
    }

    /// Makes the session `id` a member. Returns whether it was none.
    pub(super) fn join(&mut self, id: LocalId, name: &str) -> bool {
        let key = match self.by_name.get(name) {
            Some(key) => *key,
            None => {
                let room = Room { name: name.into(), members: BTreeSet::new(), waiting: Vec::new(), joined: None };
                let key = self.rooms.insert(room);
                self.by_name.insert(name.into(), key);
                key
            }
        };
        let is_new = self.rooms[key].members.insert(id);
        if is_new {
            if self.seats.len() <= id.key() {
                self.seats.resize_with(id.key() + 1, || None);
            }
            self.seats[id.key()].get_or_insert_default().rooms.push(Membership { room: key, since: self.published });
        }
        is_new
    }

    /// Ends the membership of the session `id`. Returns whether it was a member. It still gets what waits in the room.
    pub(super) fn leave(&mut self, id: LocalId, name: &str) -> bool {
        let Some(&key) = self.by_name.get(name) else { return false };
        let room = &mut self.rooms[key];
        if !room.members.remove(&id) {
            return false;
        }
        let seats = self.seats[id.key()].as_mut().expect("a member has a seat");
        let index = seats.rooms.iter().position(|membership| membership.room == key);
        let joined = seats.rooms.remove(index.expect("a member has a seat in the room")).since;
        let since = joined.max(seats.taken);
        let missed = room.waiting.iter().filter(|published| published.number > since && published.except != Some(id));
        seats.owed.extend(missed.map(|published| (published.number, published.message.clone())));
        seats.owed.make_contiguous().sort_by_key(|(number, _)| *number);
        if !seats.owed.is_empty() {
            self.owed.push(id);
        } else if seats.rooms.is_empty() {
            self.seats[id.key()] = None;
        }
        self.close_if_empty(key);
        true
    }

    /// The session `id` has ended: it is no member of any room, and gets nothing more.
    pub(super) fn end(&mut self, id: LocalId) {
        let Some(seats) = self.seats.get_mut(id.key()).and_then(Option::take) else { return };
        self.owed.retain(|owed| *owed != id);
        for Membership { room, .. } in seats.rooms {
            self.rooms[room].members.remove(&id);
            self.close_if_empty(room);
        }
    }

    fn close_if_empty(&mut self, key: usize) {
        if self.rooms[key].members.is_empty() {
            let room = self.rooms.remove(key);
            self.by_name.remove(&room.name);
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
        let except = except.filter(|id| room.members.contains(id));
        let count = room.members.len() - usize::from(except.is_some());
        if count > 0 {
            self.published += 1;
            if room.waiting.is_empty() {
                self.busy.push(key);
            }
            room.waiting.push(Published { number: self.published, message: message.clone(), except });
            room.joined = None;
            self.copied = self.copied.saturating_add(count.saturating_mul(message.payload().len()));
        }
        count
    }

    /// The number of members.
    pub(super) fn count(&self, name: &str) -> usize {
        self.room(name).map_or(0, |room| room.members.len())
    }

    pub(super) fn is_member(&self, id: LocalId, name: &str) -> bool {
        self.room(name).is_some_and(|room| room.members.contains(&id))
    }

    /// The members, the oldest session first.
    pub(super) fn members(&self, name: &str) -> impl Iterator<Item = LocalId> {
        self.room(name).into_iter().flat_map(|room| room.members.iter().copied())
    }

    fn room(&self, name: &str) -> Option<&Room> {
        self.by_name.get(name).map(|key| &self.rooms[*key])
    }

    /// The names of the rooms of the session `id`.
    pub(super) fn of(&self, id: LocalId) -> impl Iterator<Item = &str> {
        let seats = self.seats.get(id.key()).and_then(Option::as_deref);
        seats.into_iter().flat_map(|seats| &seats.rooms).map(|membership| &*self.rooms[membership.room].name)
    }

    /// The number of the last message.
    pub(super) const fn published(&self) -> Sequence {
        self.published
    }

    /// Whether messages wait for any session.
    pub(super) const fn has_waiting(&self) -> bool {
        !self.busy.is_empty() || !self.owed.is_empty()
    }

    /// The next messages that wait for the session `id`, and the number of the last one. [`took`](Self::took) says that
    /// it has them. If `may_join` is false, they are one message.
    pub(super) fn next_for(&mut self, id: LocalId, may_join: bool) -> Option<(Sequence, Next)> {
        let seats = self.seats.get(id.key())?.as_deref()?;
        if seats.taken == self.published {
            return None;
        }
        let of_room = |&Membership { room, since }: &Membership| {
            let first = self.rooms[room].first_for(id, since.max(seats.taken))?;
            Some((first.number, Some(room)))
        };
        let owed = seats.owed.front().map(|(number, _)| (*number, None));
        let mut sources = owed.into_iter().chain(seats.rooms.iter().filter_map(of_room));
        let first = sources.next()?;
        let (number, key, is_only) = match sources.min() {
            Some(other) => (first.0.min(other.0), first.min(other).1, false),
            None => (first.0, first.1, true),
        };
        let Some(key) = key else { return Some((number, Next::One(seats.owed.front()?.1.clone()))) };
        let room = &mut self.rooms[key];
        if may_join && is_only && room.waiting.len() > 1 && room.is_all_for(id, number) {
            let last = room.waiting.last()?.number;
            return Some((last, Next::All(room.join())));
        }
        Some((number, Next::One(room.first_for(id, number - 1)?.message.clone())))
    }

    /// The session `id` has its messages up to `number`.
    pub(super) fn took(&mut self, id: LocalId, number: Sequence) {
        let Some(seats) = self.seats.get_mut(id.key()).and_then(Option::as_deref_mut) else { return };
        seats.taken = number;
        while seats.owed.front().is_some_and(|(owed, _)| *owed <= number) {
            seats.owed.pop_front();
        }
        if seats.rooms.is_empty() && seats.owed.is_empty() {
            self.seats[id.key()] = None;
        }
    }

    /// The sessions for which messages wait, maybe more than once, and the number of the last message.
    pub(super) fn waiting_sessions(&mut self) -> (Vec<LocalId>, Sequence) {
        let mut sessions = mem::take(&mut self.owed);
        for key in &self.busy {
            sessions.extend(&self.rooms[*key].members);
        }
        (sessions, self.published)
    }

    /// All sessions have the messages up to `number`.
    pub(super) fn forget(&mut self, number: Sequence) {
        let rooms = &mut self.rooms;
        self.busy.retain(|key| {
            let room = &mut rooms[*key];
            room.waiting.retain(|published| published.number > number);
            room.joined = None;
            !room.waiting.is_empty()
        });
        self.release_memory();
    }

    /// The turn of a session begins.
    pub(super) const fn begin_turn(&mut self) {
        self.copied = 0;
    }

    /// Whether the messages of the session whose turn it is cause more copies than it may per turn.
    pub(super) const fn is_flooded(&self) -> bool {
        self.copied > MAX_COPIED_PER_TURN
    }
}

impl Room {
    /// The first waiting message after `since` for the member `id`.
    fn first_for(&self, id: LocalId, since: Sequence) -> Option<&Published> {
        let first = self.waiting.partition_point(|published| published.number <= since);
        self.waiting[first..].iter().find(|published| published.except != Some(id))
    }

    /// Whether all waiting messages are for `id`, for which `first` is the number of the first one.
    fn is_all_for(&self, id: LocalId, first: Sequence) -> bool {
        self.waiting.first().is_some_and(|published| published.number == first)
            && self.waiting.iter().all(|published| published.except != Some(id))
    }

    fn join(&mut self) -> SharedMessages {
        let waiting = &self.waiting;
        self.joined.get_or_insert_with(|| waiting.iter().map(|published| &published.message).collect()).clone()
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rooms({})", self.rooms.len())
    }
}
