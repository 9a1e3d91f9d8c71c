//! The memory of a binary message, which a driver can read into.

use std::collections::TryReserveError;

/// The most bytes that are cleared at a time. They fit into a cache, and are overwritten at once.
const MAX_CLEARED: usize = 256 << 10;

/// The payload of an unfinished binary message, and initialised room behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadBuffer {
    memory: Vec<u8>,
    /// The last `room` bytes of `memory` are initialised but not part of the message.
    room: u32,
}

impl ReadBuffer {
    pub(super) const EMPTY: Self = Self { memory: Vec::new(), room: 0 };

    pub(super) const fn len(&self) -> usize {
        self.memory.len() - self.room as usize
    }

    pub(super) const fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Moves the payload to `memory`, whose bytes become room.
    pub(super) fn move_to(&mut self, mut memory: Vec<u8>) {
        memory.truncate(u32::MAX as usize);
        let before = std::mem::replace(self, Self { room: memory.len() as u32, memory });
        self.push(&before.memory[..before.len()]);
    }

    /// Reserves memory for `more` bytes.
    pub(super) fn try_reserve(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.memory.try_reserve_exact(more.saturating_sub(self.room as usize))
    }

    /// Appends `bytes`.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let len = self.len();
        let (first, rest) = bytes.split_at(bytes.len().min(self.room as usize));
        self.memory[len..len + first.len()].copy_from_slice(first);
        self.memory.extend_from_slice(rest);
        self.room -= first.len() as u32;
    }

    /// Up to `len` initialised bytes to read into. Never reallocates; clears at most `MAX_CLEARED` bytes.
    pub(super) fn spare_mut(&mut self, len: usize) -> &mut [u8] {
        let held = self.len();
        let len = len.min(self.capacity() - held).min(MAX_CLEARED.max(self.room as usize));
        if len > self.room as usize {
            self.memory.resize(held + len, 0);
            self.room = len as u32;
        }
        &mut self.memory[held..held + len]
    }

    /// Makes the first `len` bytes of the room part of the message. Returns them.
    pub(super) fn commit(&mut self, len: usize) -> &mut [u8] {
        let held = self.len();
        self.room -= len as u32;
        &mut self.memory[held..held + len]
    }

    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.memory.truncate(self.len());
        self.memory
    }
}
