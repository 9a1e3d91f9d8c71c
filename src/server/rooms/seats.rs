//! What one session has in rooms.

use super::{
    super::session_id::LocalId,
    room::Room,
    waiting::{Place, Sequence},
};
use crate::SharedMessage;
use slab::Slab;
use std::collections::VecDeque;

/// What the session of one key has in rooms, and how many messages it has. It is small, since a delivery to a large
/// room spends most of its time waiting for memory.
pub(super) struct Seat {
    /// The session has all messages up to this one.
    taken: Sequence,
    seats: Option<Box<Seats>>,
}

/// What a session has in rooms.
#[derive(Default)]
pub(super) struct Seats {
    /// In the order in which it has joined them.
    memberships: Vec<Membership>,
    /// Messages of rooms that it has left.
    owed: VecDeque<(Sequence, SharedMessage)>,
}

/// A session in a room. The room knows the same, but a search in a room costs as much as a copy of a message.
#[derive(Clone, Copy)]
pub(super) struct Membership {
    pub(super) room: usize,
    /// When the session has joined.
    pub(super) since: Sequence,
}

impl Seat {
    /// The seat of a session that has nothing in rooms, and for which no message waits.
    pub(super) const FREE: Self = Self { taken: Sequence::MAX, seats: None };

    /// The session joins the room `room`, and gets the messages after `since`.
    pub(super) fn join(&mut self, room: usize, since: Sequence) {
        if self.seats.is_none() {
            self.taken = since;
        }
        self.seats.get_or_insert_default().memberships.push(Membership { room, since });
    }

    #[inline]
    pub(super) const fn taken(&self) -> Sequence {
        self.taken
    }

    /// What the session has in rooms.
    #[inline]
    pub(super) fn seats(&self) -> Option<&Seats> {
        self.seats.as_deref()
    }

    pub(super) fn seats_mut(&mut self) -> Option<&mut Seats> {
        self.seats.as_deref_mut()
    }

    /// The session has its messages up to `number`, none of which is of a room that it has left.
    #[inline]
    pub(super) const fn took(&mut self, number: Sequence) {
        if self.seats.is_some() {
            self.taken = number;
        }
    }

    /// The session has its messages up to `number`.
    pub(super) fn took_owed(&mut self, number: Sequence) {
        self.took(number);
        if let Some(seats) = &mut self.seats {
            while seats.owed.front().is_some_and(|(owed, _)| *owed <= number) {
                seats.owed.pop_front();
            }
        }
        self.free_if_empty();
    }

    /// Frees the seat if the session has nothing in rooms any more.
    pub(super) fn free_if_empty(&mut self) {
        if self.seats().is_none_or(|seats| seats.memberships.is_empty() && seats.owed.is_empty()) {
            *self = Self::FREE;
        }
    }

    /// Frees the seat, and returns what the session had.
    pub(super) fn free(&mut self) -> Option<Box<Seats>> {
        std::mem::replace(self, Self::FREE).seats
    }
}

impl Seats {
    /// The session leaves the room `room`, and still gets the `missed` messages.
    pub(super) fn leave<'m>(&mut self, room: usize, missed: impl Iterator<Item = (Sequence, &'m SharedMessage)>) {
        self.memberships.retain(|membership| membership.room != room);
        self.owed.extend(missed.map(|(number, message)| (number, message.clone())));
        self.owed.make_contiguous().sort_by_key(|(number, _)| *number);
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

    /// All messages after `taken` that wait for the session `id`, in order. Those in rooms are in the rooms of
    /// `memberships`.
    #[cold]
    pub(super) fn list(
        &self,
        id: LocalId,
        taken: Sequence,
        memberships: &[Membership],
        rooms: &Slab<Room>,
    ) -> VecDeque<Place> {
        let owed = self.owed.iter().map(|(number, _)| (*number, None));
        let in_room = |&Membership { room, since }: &Membership| {
            let all = rooms[room].all_for(id, since.max(taken));
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
