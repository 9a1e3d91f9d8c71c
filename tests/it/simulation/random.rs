//! Numbers that follow from a seed, on every machine and in every version.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::ops::RangeInclusive;

pub(super) type Random = Xoshiro256PlusPlus;

pub(super) fn seeded(seed: u64) -> Random {
    Random::seed_from_u64(seed)
}

/// A number in `range`, with every order of magnitude equally likely.
pub(super) fn any_magnitude(random: &mut Random, range: RangeInclusive<usize>) -> usize {
    let (low, high) = range.into_inner();
    let bits = random.random_range((low + 1).ilog2()..=(high + 1).ilog2());
    let magnitude = 1_usize << bits;
    (random.random_range(magnitude..2 * magnitude) - 1).clamp(low, high)
}

pub(super) fn one_of<T: Clone>(random: &mut Random, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())].clone()
}
