//! When memory is too large for what it holds.

/// The most memory that a queue keeps for few bytes, in bytes.
pub(super) const KEPT: usize = 64 << 10;

/// Recycled memory of at most this size may be kept for more than [`FEW`] bytes: it is worth more in its next use.
const RECYCLED: usize = 1 << 20;

/// So few bytes are moved at little cost, whatever memory that gives back.
const FEW: usize = 16 << 10;

/// Memory of at most this size may be kept for any bytes that were handed over, however many such pieces there are.
const KEPT_PER_PIECE: usize = 4 << 10;

/// Whether `held` bytes of memory are too many for `needed` bytes. That is so at a quarter, so that all that is moved
/// together is less than a third of what was written.
pub(super) const fn is_wasteful(held: usize, needed: usize) -> bool {
    held > KEPT && needed <= held / 4
}

/// Whether `held` bytes of memory that is recycled are too many for `needed` bytes.
pub(super) const fn is_wasteful_to_recycle(held: usize, needed: usize) -> bool {
    is_wasteful(held, needed) && (held > RECYCLED || needed <= FEW)
}

/// Whether `held` bytes of memory are too many for a new piece of `needed` bytes, among any number of others.
pub(super) const fn is_wasteful_for_piece(held: usize, needed: usize) -> bool {
    held > KEPT_PER_PIECE && needed <= held / 4
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
            (RECYCLED, RECYCLED / 4, true),
            (RECYCLED + 4, RECYCLED / 4 + 1, true),
            (RECYCLED + 4, RECYCLED / 4 + 2, false),
        ] {
            assert_eq!(is_wasteful(held, needed), expected, "{held} bytes for {needed}");
            let is_between = (KEPT..=RECYCLED).contains(&held) && needed > FEW;
            assert_eq!(is_wasteful_to_recycle(held, needed), expected && !is_between, "{held} bytes for {needed}");
        }
        assert!(!is_wasteful_for_piece(KEPT_PER_PIECE, 0));
        assert!(is_wasteful_for_piece(KEPT_PER_PIECE + 4, KEPT_PER_PIECE / 4 + 1));
        assert!(!is_wasteful_for_piece(KEPT_PER_PIECE + 4, KEPT_PER_PIECE / 4 + 2));
    }
}
