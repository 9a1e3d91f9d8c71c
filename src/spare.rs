//! Memory of large messages that goes round: from one that has left to one that comes.
//!
//! The system hands memory out page by page and clears each, which for a large message costs more than all else that is
//! done with it.

/// What is less is allocated sooner than it is looked for.
const MIN: usize = 64 << 10;

/// The most that is kept in all.
const MAX: usize = 4 << 20;

/// Memory that nothing uses. A loop lends it to the connection that it drives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare(Vec<Vec<u8>>);

impl Spare {
    /// Keeps `memory`, unless there is enough.
    pub(crate) fn put(&mut self, memory: Vec<u8>) {
        let kept: usize = self.0.iter().map(Vec::capacity).sum();
        if memory.capacity() >= MIN && kept + memory.capacity() <= MAX {
            self.0.push(memory);
        }
    }

    /// Memory for at least `min` bytes and at most `max`, with what was in it.
    pub(crate) fn take(&mut self, min: usize, max: usize) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|memory| (min..=max).contains(&memory.capacity()))?;
        Some(self.0.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_is_neither_too_small_nor_too_large() {
        let mut spare = Spare::default();
        spare.put(vec![7; 1 << 20]);
        spare.put(vec![7; 256 << 10]);
        assert_eq!(spare.take((1 << 20) + 1, usize::MAX), None);
        assert_eq!(spare.take(1, (256 << 10) - 1), None);
        let taken = spare.take(100_000, 300_000).expect("one of 256 KiB");
        assert_eq!(taken.capacity(), 256 << 10);
        assert_eq!(spare.take(100_000, 300_000), None, "it has gone");
        assert!(spare.take(1, 1 << 20).is_some());
    }

    #[test]
    fn it_keeps_neither_what_is_small_nor_too_much() {
        let mut spare = Spare::default();
        spare.put(vec![0; MIN - 1]);
        assert_eq!(spare.take(0, usize::MAX), None);
        for _ in 0..100 {
            spare.put(vec![0; 1 << 20]);
        }
        let taken = std::iter::from_fn(|| spare.take(0, usize::MAX)).count();
        assert_eq!(taken, MAX >> 20);
    }
}
