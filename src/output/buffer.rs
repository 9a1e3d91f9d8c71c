//! Memory to queue output in.

use std::ops::Range;

/// Bytes, and room behind them. What has been taken away stays in memory as room to write over, so that filling it again
/// neither grows nor clears anything.
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

    /// Appends `len` bytes, which are to be written over; `None` if there is no room.
    #[inline(always)]
    pub(super) fn append_in_room(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.end;
        let room = self.memory.get_mut(start..start + len)?;
        self.end += len;
        Some(room)
    }

    /// Appends `bytes`, growing if that is needed. Returns where they are.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> &mut [u8] {
        let start = self.end;
        if let Some(room) = self.append_in_room(bytes.len()) {
            room.copy_from_slice(bytes);
        } else {
            self.append(|memory| memory.extend_from_slice(bytes));
        }
        &mut self.memory[start..self.end]
    }

    /// Makes room for `len` bytes without growing again.
    pub(super) fn reserve(&mut self, len: usize) {
        self.memory.reserve((self.end + len).saturating_sub(self.memory.len()));
    }

    /// Appends what `write` appends, growing if that is needed.
    pub(super) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.memory.truncate(self.end);
        let result = write(&mut self.memory);
        self.end = self.memory.len();
        result
    }

    /// Takes `range` out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.memory.truncate(self.end);
        self.memory.drain(range);
        self.end = self.memory.len();
    }

    /// Takes everything away; the memory stays.
    #[inline]
    pub(super) const fn clear(&mut self) {
        self.end = 0;
    }

    /// The same bytes, in memory of just their size.
    pub(super) fn copy(&self) -> Self {
        Self { memory: self.as_slice().to_vec(), end: self.end }
    }

    /// Keeps no more memory than `len` bytes.
    pub(super) fn shrink_to(&mut self, len: usize) {
        if self.memory.capacity() > len {
            self.memory.truncate(len.max(self.end));
            self.memory.shrink_to(len);
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.memory.capacity()
    }
}
