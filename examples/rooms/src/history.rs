//! The newest messages of all rooms, for members who come and come back.

use crate::id::Id;
use statesocket::SharedMessage;
use std::collections::VecDeque;

/// The most bytes that are kept, whatever their number.
const MAX_BYTES: usize = 64 << 20;

/// The newest messages, in the order of the broker. They are in the memory of each process, so the broker is not asked
/// when a member comes, and may even be lost.
#[derive(Debug)]
pub struct History {
    kept: VecDeque<Kept>,
    bytes: usize,
    max_entries: usize,
    last: Id,
    /// The newest message that is no longer kept.
    dropped: Id,
}

#[derive(Debug)]
struct Kept {
    id: Id,
    room: String,
    message: SharedMessage,
}

/// Some messages of a room, in their order.
#[derive(Debug)]
pub struct Page {
    /// The messages.
    pub messages: Vec<SharedMessage>,
    /// All messages of the room up to this id are in this page, or before it.
    pub end: Id,
    /// No later message is there.
    pub is_last: bool,
    /// Messages before this page are no longer kept.
    pub has_gap: bool,
}

impl History {
    /// Keeps at most `max_entries` messages, and 64 MiB.
    #[must_use]
    pub const fn new(max_entries: usize) -> Self {
        Self { kept: VecDeque::new(), bytes: 0, max_entries, last: Id::START, dropped: Id::START }
    }

    /// The id of the newest message.
    #[must_use]
    pub const fn last(&self) -> Id {
        self.last
    }

    /// Adds the next message.
    pub fn push(&mut self, id: Id, room: String, message: SharedMessage) {
        self.last = id;
        self.bytes += message.payload().len();
        self.kept.push_back(Kept { id, room, message });
        while self.kept.len() > self.max_entries || self.bytes > MAX_BYTES {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.message.payload().len();
            self.dropped = oldest.id;
        }
    }

    /// The place before the newest `count` messages of a room.
    #[must_use]
    pub fn before_newest(&self, room: &str, count: usize) -> Id {
        let of_room = self.kept.iter().enumerate().rev().filter(|(_, kept)| kept.room == room);
        let Some((first, _)) = of_room.take(count).last() else { return self.last };
        first.checked_sub(1).map_or(self.dropped, |before| self.kept[before].id)
    }

    /// Whether messages after `after` may be missing that this process has never had: the broker had dropped some
    /// before the process came, and `after` is not among those that it had.
    #[must_use]
    pub fn may_miss(&self, after: Id) -> bool {
        let had_all = self.dropped > Id::START || after == Id::START;
        !had_all && self.kept.front().is_none_or(|oldest| after < oldest.id)
    }

    /// The messages of a room after an id, until they have `max_bytes`.
    #[must_use]
    pub fn page(&self, room: &str, after: Id, max_bytes: usize) -> Page {
        let has_gap = after < self.dropped;
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let first = self.kept.partition_point(|kept| kept.id <= after);
        for kept in self.kept.range(first..).filter(|kept| kept.room == room) {
            messages.push(kept.message.clone());
            bytes += kept.message.payload().len();
            if bytes >= max_bytes {
                return Page { messages, end: kept.id, is_last: kept.id == self.last, has_gap };
            }
        }
        Page { messages, end: self.last.max(after), is_last: true, has_gap }
    }
}
