//! The ids of sessions.

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

/// The id of a session. It names the server, and in a [`Cluster`](super::Cluster) the loop: only a handle of the same
/// server or cluster finds the session by it. An id is reused only after 2^32 sessions of that server or loop.
///
/// Its text, as in the log, has only the number of the session on its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    server: ServerId,
    local: LocalId,
}

/// The number of a server in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServerId(u32);

/// The id of a session among those of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LocalId {
    generation: u32,
    key: u32,
}

impl ServerId {
    /// The next number.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl SessionId {
    pub(super) const fn new(server: ServerId, local: LocalId) -> Self {
        Self { server, local }
    }

    pub(super) const fn server(self) -> ServerId {
        self.server
    }

    /// The id among the sessions of its server.
    pub(super) const fn local(self) -> LocalId {
        self.local
    }

    /// The id among the sessions of `server`, if it is one of them.
    pub(super) fn local_to(self, server: ServerId) -> Option<LocalId> {
        (self.server == server).then_some(self.local)
    }
}

impl LocalId {
    pub(super) const MIN: Self = Self { generation: 0, key: 0 };
    pub(super) const MAX: Self = Self { generation: u32::MAX, key: u32::MAX };

    pub(super) const fn new(key: usize, generation: u32) -> Self {
        Self { generation, key: key as u32 }
    }

    pub(super) const fn key(self) -> usize {
        self.key as usize
    }

    /// How many sessions have come after this one, if `generation` is that of the newest.
    pub(super) const fn later_sessions(self, generation: u32) -> usize {
        generation.wrapping_sub(self.generation) as usize
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.local.fmt(f)
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.generation)
    }
}
