//! The level of the output: how its bytes compare with the two marks of the configuration.

use crate::{config::Config, role::Role};

/// The marks of an output, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// The most bytes that commands may queue.
    pub(crate) limit: usize,
}

impl Marks {
    /// The high-water mark is at most half of the limit, so that a full output is always above it. The low-water mark
    /// is at most as high.
    #[inline]
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        let high = match role {
            Role::Client => config.client_high_water,
            Role::Server => config.high_water,
        };
        let (limit, half) = (config.max_output_bytes, config.max_output_bytes / 2);
        let high = high.map_or(usize::MAX, |high| high.min(half));
        Self { low: config.low_water.min(high).min(half), high, limit }
    }
}

/// The level changes late, so that a peer that drains the output by a few bytes does not change it twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Level {
    /// At or below the low-water mark.
    #[default]
    Low,
    /// Above the low-water mark, and not above the high one since.
    Raised,
    /// Has been above the high-water mark, and is still above the low one.
    High,
}

impl Level {
    /// The level of `len` bytes, coming from this one.
    pub(crate) const fn at(self, len: usize, marks: Marks) -> Self {
        if len <= marks.low {
            Self::Low
        } else if len > marks.high || matches!(self, Self::High) {
            Self::High
        } else {
            Self::Raised
        }
    }

    /// The most bytes that need no look at the level or the limit.
    pub(crate) const fn ceiling(self, marks: Marks) -> usize {
        let next = match self {
            Self::Low => marks.low,
            Self::Raised => marks.high,
            Self::High => marks.limit,
        };
        if next < marks.limit { next } else { marks.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { low: 30, high: 100, limit: 200 };

    #[test]
    fn the_level_rises_above_a_mark_and_falls_at_the_low_one() {
        for (before, len, after) in [
            (Level::Low, 30, Level::Low),
            (Level::Low, 31, Level::Raised),
            (Level::Low, 100, Level::Raised),
            (Level::Low, 101, Level::High),
            (Level::Raised, 31, Level::Raised),
            (Level::Raised, 30, Level::Low),
            (Level::Raised, 101, Level::High),
            (Level::High, 100, Level::High),
            (Level::High, 31, Level::High),
            (Level::High, 30, Level::Low),
        ] {
            assert_eq!(before.at(len, MARKS), after, "{before:?} at {len} bytes");
        }
    }

    #[test]
    fn a_full_output_is_above_the_high_water_mark() {
        for (high, limit, expected) in [
            (Some(64 << 10), 64 << 20, (64 << 10, 16 << 10)),
            (Some(64 << 10), 100 << 10, (50 << 10, 16 << 10)),
            (Some(64 << 10), 20 << 10, (10 << 10, 10 << 10)),
            (Some(1 << 10), 1 << 20, (1 << 10, 1 << 10)),
            (None, 20 << 10, (usize::MAX, 10 << 10)),
            (Some(64 << 10), 0, (0, 0)),
        ] {
            let config = Config::default().with(|config| {
                (config.high_water, config.client_high_water, config.max_output_bytes) = (high, high, limit);
            });
            for role in [Role::Client, Role::Server] {
                let Marks { high, low, .. } = Marks::new(role, &config);
                assert_eq!((high, low), expected, "{role:?} with a limit of {limit}");
            }
        }
        assert_eq!(
            Marks::new(Role::Client, &Config::default()).high,
            usize::MAX,
            "two ends must not both stop reading"
        );
    }

    #[test]
    fn the_ceiling_is_the_next_mark_or_the_limit() {
        let ceilings = |marks| [Level::Low, Level::Raised, Level::High].map(|level| level.ceiling(marks));
        assert_eq!(ceilings(MARKS), [30, 100, 200]);
        assert_eq!(ceilings(Marks { high: usize::MAX, ..MARKS }), [30, 200, 200]);
        assert_eq!(ceilings(Marks { low: 0, high: 0, limit: 0 }), [0, 0, 0]);
    }
}
