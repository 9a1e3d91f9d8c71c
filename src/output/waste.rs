//! When memory is too large for what it holds.

/// The most memory that a queue keeps for few bytes, in bytes.
pub(super) const KEPT: usize = 64 << 10;

/// Memory of at most this size may be kept for more than [`FEW`] bytes: it is worth more when it is recycled.
const RECYCLED: usize = 1 << 20;

/// So few bytes are moved at little cost, whatever memory that gives back.
const FEW: usize = 16 << 10;

/// Whether `held` bytes of memory are too many for `needed` bytes. Beyond a size that is recycled, that is so at a
/// quarter, so that all that is moved together is less than a third of what was written.
pub(super) const fn is_wasteful(held: usize, needed: usize) -> bool {
    held > KEPT && needed <= if held > RECYCLED { held / 4 } else { FEW }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_memory_for_few_bytes_is_wasteful() {
        for (held, needed, expected) in [
            (KEPT, 0, false),
            (KEPT + 1, FEW, true),
            (KEPT + 1, FEW + 1, false),
            (RECYCLED, FEW + 1, false),
            (RECYCLED + 4, RECYCLED / 4 + 1, true),
            (RECYCLED + 4, RECYCLED / 4 + 2, false),
        ] {
            assert_eq!(is_wasteful(held, needed), expected, "{held} bytes for {needed}");
        }
    }
}
