//! The ids of sessions.

use std::fmt;

/// The id of a session of one server. An id is reused only after 2^32 sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    generation: u32,
    key: u32,
}

impl SessionId {
    pub(super) const fn new(key: usize, generation: u32) -> Self {
        Self { generation, key: key as u32 }
    }

    pub(super) const fn key(self) -> usize {
        self.key as usize
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.generation)
    }
}
