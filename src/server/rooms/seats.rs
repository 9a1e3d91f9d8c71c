//! What one session has in rooms.

use super::{
    super::session_id::LocalId,
    room::{Room, Sequence},
};
use crate::SharedMessage;
use slab::Slab;
use std::collections::VecDeque;

/// What a session has in rooms.
#[derive(Default)]
pub(super) struct Seats {
    /// In the order in which it has joined them.
    memberships: Vec<Membership>,
    /// Messages of rooms that it has left.
    owed: VecDeque<(Sequence, SharedMessage)>,
    /// It has all messages up to this one.
    taken: Sequence,
}

/// A session in a room. The room knows the same, but a search in a room costs as much as a copy of a message.
#[derive(Clone, Copy)]
pub(super) struct Membership {
    pub(super) room: usize,
    /// When the session has joined.
    pub(super) since: Sequence,
}

/// The number of a message, and the room in which it waits. Those of a room that the session has left have none.
pub(super) type Place = (Sequence, Option<usize>);

impl Seats {
    pub(super) fn join(&mut self, room: usize, since: Sequence) {
        self.memberships.push(Membership { room, since });
    }

    /// The session leaves the room `room`, and still gets the `missed` messages.
    pub(super) fn leave<'m>(&mut self, room: usize, missed: impl Iterator<Item = (Sequence, &'m SharedMessage)>) {
        self.memberships.retain(|membership| membership.room != room);
        self.owed.extend(missed.map(|(number, message)| (number, message.clone())));
        self.owed.make_contiguous().sort_by_key(|(number, _)| *number);
    }

    /// The session has its messages up to `number`.
    #[inline]
    pub(super) fn took(&mut self, number: Sequence) {
        self.taken = number;
        while self.owed.front().is_some_and(|(owed, _)| *owed <= number) {
            self.owed.pop_front();
        }
    }

    #[inline]
    pub(super) const fn taken(&self) -> Sequence {
        self.taken
    }

    #[inline]
    pub(super) fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    #[inline]
    pub(super) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The first message of rooms that it has left.
    pub(super) fn first_owed(&self) -> Option<&SharedMessage> {
        self.owed.front().map(|(_, message)| message)
    }

    /// Whether the session has nothing in rooms any more.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.memberships.is_empty() && self.owed.is_empty()
    }

    /// All messages that wait for the session `id`, in order. Those in rooms are in the rooms of `memberships`.
    #[cold]
    pub(super) fn list(&self, id: LocalId, memberships: &[Membership], rooms: &Slab<Room>) -> VecDeque<Place> {
        let owed = self.owed.iter().map(|(number, _)| (*number, None));
        let in_room = |&Membership { room, since }: &Membership| {
            let all = rooms[room].all_for(id, since.max(self.taken));
            all.map(move |(number, _)| (number, Some(room)))
        };
        let mut places: Vec<_> = owed.chain(memberships.iter().flat_map(in_room)).collect();
        places.sort_unstable();
        places.into()
    }
}

/// The memberships of the session `id` in those of the `busy` rooms that it has joined.
#[cold]
pub(super) fn search(id: LocalId, busy: &[usize], rooms: &Slab<Room>) -> Vec<Membership> {
    busy.iter().filter_map(|room| Some(Membership { room: *room, since: rooms[*room].since(id)? })).collect()
}
