//! A Pong in the output queue.

use std::num::NonZero;

/// The place of a Pong in the bytes. Its length is never 0, so an `Option` of it takes no more memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pong {
    pub(super) start: usize,
    pub(super) len: NonZero<u8>,
}

/// The most Pongs that are queued side by side; Autobahn case 2.10 expects ten. Of further Pings only the latest is
/// answered.
pub(super) const MAX_PONGS: u8 = 16;

impl Pong {
    /// The same Pong once the first `count` bytes of the memory have been dropped; `None` if they hold a part of it.
    pub(super) fn after_dropping(self, count: usize) -> Option<Self> {
        Some(Self { start: self.start.checked_sub(count)?, ..self })
    }
}
