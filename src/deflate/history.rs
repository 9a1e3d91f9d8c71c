//! The last plain text of one direction.

use std::{
    collections::{TryReserveError, VecDeque},
    fmt, mem,
};

/// The last bytes of the plain text of one direction: what a message may refer back to. It holds as many bytes as have
/// passed, at most those of the window, in memory that grows eightfold.
pub(crate) struct History {
    bytes: VecDeque<u8>,
    /// The size of the window in bytes: a power of two, or 0, with which nothing is kept.
    window: u16,
    /// The memory has been allocated since the last [`settle`](Self::settle).
    is_new: bool,
}

/// The smallest memory, in bytes.
const MIN_MEMORY: usize = 64;

/// How often less memory than the window may suffice. A connection that fills its window leaves all smaller pieces
/// behind, which are of no use to others that fill theirs: with sizes that double they were a fifth of all memory.
const SMALLER: [usize; 2] = [64, 8];

impl History {
    /// Keeps nothing.
    pub(crate) const NONE: Self = Self { bytes: VecDeque::new(), window: 0, is_new: false };

    /// Keeps 2^`bits` bytes, which are 8 to 15. Takes no memory yet.
    pub(crate) const fn new(bits: u8) -> Self {
        assert!(8 <= bits && bits <= 15, "RFC 7692 has windows of 8 to 15 bits");
        Self { bytes: VecDeque::new(), window: 1 << bits, is_new: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, oldest first.
    pub(crate) fn as_slices(&self) -> [&[u8]; 2] {
        let (first, second) = self.bytes.as_slices();
        [first, second]
    }

    /// The memory on the heap, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends `text`. Without memory for it, forgets everything.
    pub(crate) fn push(&mut self, text: &[u8]) -> Result<(), TryReserveError> {
        let window = usize::from(self.window);
        let text = &text[text.len().saturating_sub(window)..];
        let excess = (self.bytes.len() + text.len()).saturating_sub(window);
        self.bytes.drain(..excess);
        let needed = self.bytes.len() + text.len();
        if needed > self.bytes.capacity() {
            let smaller = SMALLER.map(|times| (window / times).max(MIN_MEMORY));
            let memory = smaller.into_iter().find(|memory| needed <= *memory).unwrap_or(window);
            self.bytes.try_reserve_exact(memory - self.bytes.len()).inspect_err(|_| self.clear())?;
            debug_assert_eq!(self.bytes.capacity(), memory, "an exact reservation takes what was asked for");
            self.is_new = true;
        }
        self.bytes.extend(text);
        Ok(())
    }

    /// Moves to memory that is allocated now, if that of now was allocated since the last call.
    ///
    /// The first memory was allocated beside that of messages. Once they are gone, it lies behind a hole, which fits
    /// windows and no message of that size: a fifth of all memory would be the rests of such holes.
    pub(crate) fn settle(&mut self) {
        if !mem::take(&mut self.is_new) {
            return;
        }
        let mut moved = VecDeque::new();
        if moved.try_reserve_exact(self.bytes.capacity()).is_ok() {
            self.as_slices().into_iter().for_each(|part| moved.extend(part));
            self.bytes = moved;
        }
    }

    /// Forgets everything, and gives back the memory.
    pub(crate) fn clear(&mut self) {
        (self.bytes, self.is_new) = (VecDeque::new(), false);
    }
}

/// Without the text, which may be secret.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("len", &self.len()).field("window", &self.window).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn bytes(history: &History) -> Vec<u8> {
        history.as_slices().concat()
    }

    #[test]
    fn the_memory_grows_eightfold_and_is_at_most_the_window() {
        for (bits, memory) in [
            (8, &[64, 256][..]),
            (9, &[64, 512]),
            (10, &[64, 128, 1_024]),
            (12, &[64, 512, 4_096]),
            (15, &[512, 4_096, 32_768]),
        ] {
            let mut history = History::new(bits);
            let mut grown = Vec::new();
            for len in 1..=3_usize << bits {
                history.push(&[7]).unwrap();
                assert_eq!(history.len(), len.min(1 << bits));
                assert!(history.len() <= history.held_bytes());
                grown.push(history.held_bytes());
            }
            grown.dedup();
            assert_eq!(grown, memory, "{bits} bits");
            history.clear();
            assert_eq!((history.len(), history.held_bytes()), (0, 0));
        }
        let mut history = History::new(15);
        history.push(&[0; 100_000]).unwrap();
        assert_eq!((history.len(), history.held_bytes()), (32 << 10, 32 << 10), "all at once");
    }

    #[test]
    fn the_memory_moves_once_after_it_has_grown() {
        let mut history = History::new(12);
        let mut settle = |text: &[u8]| {
            history.push(text).unwrap();
            let before = history.bytes.as_slices().0.as_ptr();
            history.settle();
            history.bytes.as_slices().0.as_ptr() != before
        };
        let moves = [10, 10, 60, 10, 1_000, 1_000, 10_000, 1].map(|len| settle(&vec![7; len]));
        assert_eq!(moves, [true, false, true, false, true, false, false, false]);
    }

    #[test]
    fn a_history_of_nothing_takes_no_memory() {
        let mut history = History::NONE;
        history.push(b"text").unwrap();
        assert_eq!((history.len(), history.held_bytes()), (0, 0));
    }

    proptest! {
        #[test]
        fn it_has_the_last_bytes(bits in 8..=11_u8, texts in vec((any::<u8>(), 0..5_000_usize), 0..20)) {
            let (mut history, mut all) = (History::new(bits), Vec::new());
            for (first, len) in texts {
                let text: Vec<u8> = (0..len).map(|n| first.wrapping_add(n as u8)).collect();
                history.push(&text).unwrap();
                all.extend(text);
                prop_assert!(all.ends_with(&bytes(&history)));
                prop_assert_eq!(history.len(), all.len().min(1 << bits));
                prop_assert!(history.held_bytes() <= 1 << bits);
                let before = (bytes(&history), history.held_bytes());
                history.settle();
                prop_assert_eq!((bytes(&history), history.held_bytes()), before);
            }
        }
    }
}
