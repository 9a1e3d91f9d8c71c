//! The memory of a queue.

use std::{mem, ops::Range};

/// Bytes, and initialised room behind them. Removed bytes become room, so that filling it again neither grows nor
/// clears memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    end: usize,
}

impl Buffer {
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.end
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.memory[..self.end]
    }

    /// Appends `len` bytes for the caller to overwrite; `None` if the room is too small.
    #[inline(always)]
    pub(super) fn try_append(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.end;
        let room = self.memory.get_mut(start..start + len)?;
        self.end += len;
        Some(room)
    }

    /// Appends `bytes`. Returns their place.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> &mut [u8] {
        let start = self.end;
        if let Some(room) = self.try_append(bytes.len()) {
            room.copy_from_slice(bytes);
        } else {
            self.append(|memory| memory.extend_from_slice(bytes));
        }
        &mut self.memory[start..self.end]
    }

    /// Reserves memory for `len` more bytes.
    pub(super) fn reserve(&mut self, len: usize) {
        self.memory.reserve((self.end + len).saturating_sub(self.memory.len()));
    }

    /// Appends the bytes that `write` appends.
    pub(super) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.memory.truncate(self.end);
        let result = write(&mut self.memory);
        self.end = self.memory.len();
        result
    }

    /// Removes the bytes in `range`.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.memory.truncate(self.end);
        self.memory.drain(range);
        self.end = self.memory.len();
    }

    /// Removes all bytes. The memory stays.
    #[inline]
    pub(super) const fn clear(&mut self) {
        self.end = 0;
    }

    /// Moves the bytes out, to memory that they fill. Without memory for a copy, takes all of the memory.
    pub(super) fn move_out(&mut self) -> Self {
        let mut memory = Vec::new();
        // The peer decides how much it leaves.
        if memory.try_reserve_exact(self.end).is_err() {
            return mem::take(self);
        }
        memory.extend_from_slice(self.as_slice());
        self.end = 0;
        Self { end: memory.len(), memory }
    }

    /// Keeps at most `len` bytes of memory, or as many as the bytes need.
    pub(super) fn shrink_to(&mut self, len: usize) {
        if self.memory.capacity() > len {
            self.memory.truncate(len.max(self.end));
            self.memory.shrink_to(len);
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.memory.capacity()
    }
}
