//! What all sessions of a server have in common, as your code reaches it.

use super::{limits::Limits, rooms::Rooms, session_id::ServerId, tally::Tally, timers::Timers};

/// What all sessions of a server have in common. It is lent with each of them.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) server: ServerId,
    pub(super) rooms: Rooms,
    pub(super) timers: Timers,
    pub(super) tally: Tally,
    /// The number of closures that were called in the middle of the call that is under way.
    pub(super) nested_calls: u16,
}

impl Common {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            server: ServerId::next(),
            rooms: Rooms::new(limits.max_room_backlog),
            timers: Timers::default(),
            tally: Tally::default(),
            nested_calls: 0,
        }
    }
}
