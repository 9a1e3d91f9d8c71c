//! The names of connections.

use std::fmt;

/// Names a connection of one server. A name is given again only after 2^32 connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    generation: u32,
    key: u32,
}

impl PeerId {
    pub(super) const fn new(key: usize, generation: u32) -> Self {
        Self { generation, key: key as u32 }
    }

    pub(super) const fn key(self) -> usize {
        self.key as usize
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.generation)
    }
}
