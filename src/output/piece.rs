//! A piece of the queue that was not copied into it.

use crate::spare::Spare;
use bytes::{Buf, Bytes};
use std::mem;

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

    /// The number of bytes that other connections may hold too.
    pub(super) const fn shared_len(&self) -> usize {
        match self {
            Self::Shared(bytes, _) => bytes.len(),
            Self::Own(..) => 0,
        }
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

    /// Moves the rest to memory of its size if `is_wasteful` says so of the memory held and that needed. Gives the old
    /// memory to `spare`, if there is one.
    pub(super) fn trim(&mut self, is_wasteful: fn(usize, usize) -> bool, spare: &mut Option<Box<Spare>>) {
        let held = match self {
            Self::Shared(_, whole) => *whole,
            Self::Own(bytes, _) => bytes.capacity(),
        };
        let rest = self.as_slice();
        if is_wasteful(held, rest.len()) {
            let mut memory = Vec::new();
            // A system that has no memory for the copy frees none by it.
            if memory.try_reserve_exact(rest.len()).is_ok() {
                memory.extend_from_slice(rest);
                mem::replace(self, Self::Own(memory, 0)).recycle(spare);
            }
        }
    }

    /// Gives the memory to `spare`, if there is one.
    pub(super) fn recycle(self, spare: &mut Option<Box<Spare>>) {
        if let (Self::Own(memory, _), Some(spare)) = (self, spare) {
            spare.put(memory);
        }
    }
}
