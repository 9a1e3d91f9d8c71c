//! Bytes of a message, and room behind them that can be read into.

/// How much room is cleared at a time: no more than a cache holds, since it is written at once.
const WINDOW: usize = 256 << 10;

/// What is held of a binary message.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    memory: Vec<u8>,
    /// So many bytes at the end of `memory` are room: cleared, or used before.
    room: u32,
}

impl Held {
    pub(super) const EMPTY: Self = Self { memory: Vec::new(), room: 0 };

    pub(super) const fn len(&self) -> usize {
        self.memory.len() - self.room as usize
    }

    pub(super) const fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Moves to `memory`, whatever is in that.
    pub(super) fn move_to(&mut self, mut memory: Vec<u8>) {
        memory.truncate(u32::MAX as usize);
        let before = std::mem::replace(self, Self { room: memory.len() as u32, memory });
        self.push(&before.memory[..before.len()]);
    }

    /// Makes room for `more` bytes without growing again.
    pub(super) fn reserve(&mut self, more: usize) {
        self.memory.reserve_exact(more.saturating_sub(self.room as usize));
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let len = self.len();
        let (first, rest) = bytes.split_at(bytes.len().min(self.room as usize));
        self.memory[len..len + first.len()].copy_from_slice(first);
        self.memory.extend_from_slice(rest);
        self.room -= first.len() as u32;
    }

    /// Room for up to `len` bytes, as far as there is some without growing: to be read into.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let held = self.len();
        let len = len.min(self.capacity() - held).min(WINDOW.max(self.room as usize));
        if len > self.room as usize {
            self.memory.resize(held + len, 0);
            self.room = len as u32;
        }
        &mut self.memory[held..held + len]
    }

    /// Takes the first `len` bytes of the room for bytes of the message.
    pub(super) fn fill(&mut self, len: usize) -> &mut [u8] {
        let held = self.len();
        self.room -= len as u32;
        &mut self.memory[held..held + len]
    }

    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.memory.truncate(self.len());
        self.memory
    }
}
