//! Where messages are stored, and from where all processes get them in one order.

mod memory;
mod redis;

pub use self::memory::Memory;
pub use self::redis::Redis;

use crate::id::Id;

/// A log that several processes share. Each thread that uses it has one of its own, with its own connection.
///
/// The broker decides the order: [`read`](Self::read) hands out the messages of all processes by ascending ids, the
/// same to everyone, and never one before another that it hands out later.
pub trait Broker {
    /// Stores messages in their order. Returns their ids, one per message, when all are stored.
    ///
    /// # Errors
    /// [`BrokerError`]. Some of the messages may be stored if [`may_have_acted`](BrokerError::may_have_acted).
    fn add(&mut self, said: &[Said]) -> Result<Vec<Id>, BrokerError>;

    /// Returns the next messages after `after`, oldest first. If there is none, waits for one, a second at most.
    ///
    /// # Errors
    /// [`BrokerError`].
    fn read(&mut self, after: Id) -> Result<Read, BrokerError>;

    /// Notes the members of some rooms, and those who have gone. Returns the members of each room: those that any
    /// process has noted in the last [`PRESENT_SECONDS`].
    ///
    /// # Errors
    /// [`BrokerError`].
    fn note_present(&mut self, rooms: &[Presence]) -> Result<Vec<Vec<String>>, BrokerError>;
}

/// How long a member that no process has noted again counts as present: one whose process was killed.
pub const PRESENT_SECONDS: u64 = 30;

/// Something that a member has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The room.
    pub room: String,
    /// The name of the member.
    pub name: String,
    /// What it has said.
    pub text: String,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub id: Id,
    /// The message.
    pub said: Said,
}

/// What [`Broker::read`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// By ascending ids.
    pub entries: Vec<Entry>,
    /// There was nothing more at some time during the call.
    pub is_end: bool,
}

/// The members of a room in one process, for [`Broker::note_present`]. A member is a string that no other process has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The room.
    pub room: String,
    /// Those who are there.
    pub here: Vec<String>,
    /// Those who have gone.
    pub gone: Vec<String>,
}

/// The broker cannot be reached, or refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BrokerError {
    /// Why.
    pub reason: String,
    /// The broker may have acted, since only its answer is missing.
    pub may_have_acted: bool,
}
