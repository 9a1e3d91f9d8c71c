//! Handing the waiting messages to the sessions.

use super::{
    super::session_id::LocalId,
    LOOK_BYTES, LOOKS_PER_SEARCH, Rooms,
    room::Part,
    seats::{Membership, Seat, Seats, search},
    waiting::{Listed, Next, Sequence, Waiting},
};

impl Rooms {
    /// The number of the last message.
    pub(in super::super) const fn published(&self) -> Sequence {
        self.published
    }

    /// Whether messages wait for any session.
    pub(in super::super) const fn has_waiting(&self) -> bool {
        !self.busy.is_empty() || !self.owed.is_empty()
    }

    /// Whether messages may wait for the session `id`.
    #[inline]
    pub(in super::super) fn may_wait_for(&self, id: LocalId) -> bool {
        self.seats.get(id.key()).is_some_and(|seat| seat.taken() < self.published)
    }

    /// The next messages that wait for the session `id`, and the number of the last one. [`took`](Self::took) says that
    /// it has them. If `may_join` is false, they are one message.
    #[inline]
    pub(in super::super) fn next_for(&mut self, id: LocalId, may_join: bool) -> Option<(Sequence, Next<'_>)> {
        if !self.may_wait_for(id) {
            return None;
        }
        if self.only_busy.is_some() && self.next.is_some_and(|next| next.id == id) {
            return self.look_in_only_busy(may_join);
        }
        let is_listed = self.listed.as_ref().is_some_and(|list| list.id == id && list.published == self.published);
        if is_listed { self.next_listed(id) } else { self.look_for(id, may_join) }
    }

    /// Finds what waits in the only busy room for the session that is [next](Self::turn_to).
    #[inline]
    fn look_in_only_busy(&mut self, may_join: bool) -> Option<(Sequence, Next<'_>)> {
        let (Waiting { id, since }, room) = (self.next?, self.only_busy?);
        let seat = self.seats.get_mut(id.key())?;
        self.copied = self.copied.saturating_add(LOOK_BYTES);
        match self.rooms[room].part_for(id, since.max(seat.taken())) {
            None => {
                // No later message is for it.
                seat.took(self.published);
                None
            }
            Some(Part::All) if may_join => self.rooms[room].all(),
            Some(Part::All | Part::Some) => self.rooms[room].first_after(since.max(seat.taken()), id),
        }
    }

    /// Finds what waits for the session.
    fn look_for(&mut self, id: LocalId, may_join: bool) -> Option<(Sequence, Next<'_>)> {
        let seat = self.seats.get_mut(id.key())?;
        let taken = seat.taken();
        let seats = seat.seats()?;
        let is_searched = self.busy.len() * LOOKS_PER_SEARCH < seats.memberships().len();
        let searched = is_searched.then(|| search(id, &self.busy, &self.rooms));
        let memberships = searched.as_deref().unwrap_or_else(|| seats.memberships());
        self.copied = self.copied.saturating_add(memberships.len().saturating_mul(LOOK_BYTES));
        let (mut found, mut count) = (None, 0);
        for &Membership { room, since } in memberships {
            if let Some(part) = self.rooms[room].part_for(id, since.max(taken)) {
                (found, count) = (Some((room, part)), count + 1);
            }
        }
        match found {
            None if !seats.is_owed() => {
                // No later message is for it.
                seat.took(self.published);
                return None;
            }
            Some((room, Part::All)) if may_join && count == 1 && !seats.is_owed() => {
                return self.rooms[room].all();
            }
            Some(_) | None => {}
        }
        let messages = seats.list(id, taken, memberships, &self.rooms);
        self.listed = Some(Listed { id, published: self.published, messages });
        self.next_listed(id)
    }

    fn next_listed(&mut self, id: LocalId) -> Option<(Sequence, Next<'_>)> {
        let seat = self.seats.get_mut(id.key())?;
        let messages = &mut self.listed.as_mut()?.messages;
        while messages.front().is_some_and(|(number, _)| *number <= seat.taken()) {
            messages.pop_front();
        }
        let Some((number, key)) = messages.front().copied() else {
            seat.took(self.published);
            return None;
        };
        let message = match key {
            Some(key) => self.rooms[key].message(number)?,
            None => seat.seats()?.first_owed()?,
        };
        Some((number, Next::One(message)))
    }

    /// The session `id` has its messages up to `number`.
    pub(in super::super) fn took(&mut self, id: LocalId, number: Sequence) {
        match self.seats.get_mut(id.key()) {
            Some(seat) if self.owed.is_empty() => seat.took(number),
            Some(seat) => seat.took_owed(number),
            None => {}
        }
    }

    /// The sessions for which messages wait, maybe more than once, and the number of the last message.
    pub(in super::super) fn waiting_sessions(&mut self) -> (Vec<Waiting>, Sequence) {
        let mut sessions: Vec<_> = self.owed.iter().map(|id| Waiting { id: *id, since: 0 }).collect();
        for key in &self.busy {
            sessions.extend(self.rooms[*key].members_since().map(|(id, since)| Waiting { id, since }));
        }
        self.only_busy = match self.busy[..] {
            [room] if self.owed.is_empty() => Some(room),
            _ => None,
        };
        (sessions, self.published)
    }

    /// One of the [waiting sessions](Self::waiting_sessions) is about to take its messages. Returns its id, unless it
    /// has them.
    #[inline]
    pub(in super::super) fn turn_to(&mut self, session: Waiting) -> Option<LocalId> {
        self.next = Some(session);
        self.may_wait_for(session.id).then_some(session.id)
    }

    /// All sessions have the messages up to `number`.
    pub(in super::super) fn forget(&mut self, number: Sequence) {
        let (rooms, seats) = (&mut self.rooms, &self.seats);
        self.waiting_bytes = 0;
        self.busy.retain(|key| {
            let room = &mut rooms[*key];
            room.forget(number);
            self.waiting_bytes += room.waiting_bytes();
            room.has_waiting()
        });
        self.owed.retain(|id| seats.get(id.key()).and_then(Seat::seats).is_some_and(Seats::is_owed));
        self.listed = None;
        self.release_memory();
    }
}
