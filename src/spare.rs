//! What a loop lends: recycled memory, from a large message that was sent to one that is received, and the engines of
//! compression.
//!
//! The operating system clears each page that it hands out. For a large message that costs more than all other work on
//! it.

#[cfg(feature = "deflate")]
use crate::deflate::engines::Engines;

/// The smallest block that is kept, in bytes. Allocating a smaller one is faster than searching for it.
const MIN_KEPT: usize = 64 << 10;

/// The most memory that is kept, in bytes.
const MAX_KEPT: usize = 4 << 20;

/// What a loop lends to the connection that it drives, besides the memory for output: unused blocks of memory, and
/// engines for compression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare {
    blocks: Vec<Vec<u8>>,
    #[cfg(feature = "deflate")]
    engines: Option<Box<Engines>>,
    /// How many more bytes may be inflated until the loop sets it anew, or other work of that time; `None` is no limit.
    #[cfg(feature = "deflate")]
    allowance: Option<usize>,
}

impl Spare {
    /// Keeps `memory`, unless it is small or the limit is reached.
    pub(crate) fn put(&mut self, memory: Vec<u8>) {
        let kept: usize = self.blocks.iter().map(Vec::capacity).sum();
        if memory.capacity() >= MIN_KEPT && kept + memory.capacity() <= MAX_KEPT {
            self.blocks.push(memory);
        }
    }

    /// A block with a capacity of `min` to `max` bytes, and its old content.
    pub(crate) fn take(&mut self, min: usize, max: usize) -> Option<Vec<u8>> {
        let at = self.blocks.iter().position(|memory| (min..=max).contains(&memory.capacity()))?;
        Some(self.blocks.swap_remove(at))
    }

    /// The engines. [Put](Self::put_engines) them back after use.
    #[cfg(feature = "deflate")]
    pub(crate) fn take_engines(&mut self) -> Box<Engines> {
        self.engines.take().unwrap_or_default()
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn put_engines(&mut self, engines: Box<Engines>) {
        self.engines = Some(engines);
    }

    /// Lets about so many more bytes be inflated.
    #[cfg(all(feature = "deflate", feature = "server"))]
    pub(crate) const fn allow_inflating(&mut self, bytes: usize) {
        self.allowance = Some(bytes);
    }

    /// Whether anything may be inflated. Then it may be a whole piece.
    #[cfg(feature = "deflate")]
    pub(crate) fn may_inflate(&self) -> bool {
        self.allowance != Some(0)
    }

    /// Notes that `bytes` have been inflated, or the work of that.
    #[cfg(feature = "deflate")]
    pub(crate) fn note_inflated(&mut self, bytes: usize) {
        self.allowance = self.allowance.map(|left| left.saturating_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_neither_too_small_nor_too_large() {
        let mut spare = Spare::default();
        spare.put(vec![7; 1 << 20]);
        spare.put(vec![7; 256 << 10]);
        assert_eq!(spare.take((1 << 20) + 1, usize::MAX), None);
        assert_eq!(spare.take(1, (256 << 10) - 1), None);
        let taken = spare.take(100_000, 300_000).expect("one of 256 KiB");
        assert_eq!(taken.capacity(), 256 << 10);
        assert_eq!(spare.take(100_000, 300_000), None, "the block is in use");
        assert!(spare.take(1, 1 << 20).is_some());
    }

    #[test]
    fn small_blocks_and_blocks_over_the_limit_are_not_kept() {
        let mut spare = Spare::default();
        spare.put(vec![0; MIN_KEPT - 1]);
        assert_eq!(spare.take(0, usize::MAX), None);
        for _ in 0..100 {
            spare.put(vec![0; 1 << 20]);
        }
        let taken = std::iter::from_fn(|| spare.take(0, usize::MAX)).count();
        assert_eq!(taken, MAX_KEPT >> 20);
    }
}
