//! A piece of the queue that was not copied into it.

use super::waste::is_wasteful;
use crate::spare::Spare;
use bytes::{Buf, Bytes};

/// Bytes that were not copied into the queue.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Bytes that other connections hold too, and the number of bytes of which they are the end.
    Shared(Bytes, usize),
    /// Bytes of a message that was handed over, and the number of them already written.
    Own(Vec<u8>, usize),
}

impl Piece {
    pub(super) fn shared(bytes: Bytes) -> Self {
        let whole = bytes.len();
        Self::Shared(bytes, whole)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(bytes, _) => bytes,
            Self::Own(bytes, written) => &bytes[*written..],
        }
    }

    pub(super) fn advance(&mut self, n: usize) {
        match self {
            Self::Shared(bytes, _) => bytes.advance(n),
            Self::Own(_, written) => *written += n,
        }
    }

    /// Gives back memory that is too large for the rest.
    pub(super) fn trim(&mut self) {
        let needed = self.as_slice().len();
        let held = match self {
            Self::Shared(_, whole) => *whole,
            Self::Own(bytes, _) => bytes.capacity(),
        };
        if is_wasteful(held, needed) {
            *self = Self::Own(self.as_slice().to_vec(), 0);
        }
    }

    /// Gives the memory to `spare`, if there is one.
    pub(super) fn recycle(self, spare: &mut Option<Box<Spare>>) {
        if let (Self::Own(memory, _), Some(spare)) = (self, spare) {
            spare.put(memory);
        }
    }
}
