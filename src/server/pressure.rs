//! Back-pressure: a session above the high-water mark is not read, and its handler learns when there is room again.

use super::limits::Limits;
use crate::Config;

/// The marks of one session's output, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) high: usize,
    pub(super) low: usize,
}

impl Marks {
    /// The high-water mark is at most half of `max_output_bytes`, so that a full output is always above the mark and
    /// `on_drain` follows. The low-water mark is at most the high one.
    pub(super) fn new(limits: &Limits, config: &Config) -> Self {
        let high = limits.high_water.min(config.max_output_bytes / 2);
        Self { high, low: limits.low_water.min(high) }
    }
}

/// The level of a session's output. It decides whether the loop reads, and whether `on_drain` is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pressure {
    /// The output has not been above the high-water mark since it was last drained.
    #[default]
    Low,
    /// The output has been above the high-water mark, and has not drained yet: `on_drain` is owed.
    High {
        /// The loop has paused reading, and resumes it. False if your code has paused it, or nobody has.
        paused_by_loop: bool,
    },
    /// The output is down to the low-water mark: `on_drain` is due.
    Drained,
}

/// The effect of a change of the pressure on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Keep,
    Pause,
    Resume,
}

impl Pressure {
    /// Notes that `queued` bytes are about to be written. More than the high-water mark makes `on_drain` due, even if
    /// the stream takes all of them at once: the handler may have stopped sending.
    pub(super) fn before_write(&mut self, queued: usize, marks: Marks) {
        if *self == Self::Low && queued > marks.high {
            *self = Self::High { paused_by_loop: false };
        }
    }

    /// Notes that `queued` bytes are left after a write.
    pub(super) fn after_write(&mut self, queued: usize, marks: Marks, is_reading_paused: bool) -> Reading {
        let paused_by_loop = match *self {
            Self::Low => return Reading::Keep,
            Self::High { paused_by_loop } => paused_by_loop,
            Self::Drained => false,
        };
        if queued <= marks.low {
            *self = Self::Drained;
            return if paused_by_loop { Reading::Resume } else { Reading::Keep };
        }
        *self = Self::High { paused_by_loop: paused_by_loop || !is_reading_paused };
        if is_reading_paused { Reading::Keep } else { Reading::Pause }
    }

    /// Whether `on_drain` is due. It is due once.
    pub(super) fn take_drained(&mut self) -> bool {
        let is_drained = self.is_drained();
        if is_drained {
            *self = Self::Low;
        }
        is_drained
    }

    /// Notes a pause by your code. From now on only your code resumes reading.
    pub(super) fn program_pauses(&mut self) {
        if let Self::High { paused_by_loop } = self {
            *paused_by_loop = false;
        }
    }

    /// Whether the loop has paused reading until the output drains. Your code cannot resume it before.
    pub(super) const fn is_paused_by_loop(self) -> bool {
        matches!(self, Self::High { paused_by_loop: true })
    }

    pub(super) const fn is_drained(self) -> bool {
        matches!(self, Self::Drained)
    }

    pub(super) const fn is_low(self) -> bool {
        matches!(self, Self::Low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { high: 100, low: 30 };
    const HIGH: Pressure = Pressure::High { paused_by_loop: false };
    const PAUSED: Pressure = Pressure::High { paused_by_loop: true };

    #[test]
    fn only_more_than_the_high_water_mark_is_high() {
        for (before, queued, after) in [
            (Pressure::Low, 0, Pressure::Low),
            (Pressure::Low, 100, Pressure::Low),
            (Pressure::Low, 101, HIGH),
            (HIGH, 0, HIGH),
            (HIGH, 101, HIGH),
            (PAUSED, 0, PAUSED),
            (PAUSED, 101, PAUSED),
            (Pressure::Drained, 0, Pressure::Drained),
            (Pressure::Drained, 101, Pressure::Drained),
        ] {
            let mut pressure = before;
            pressure.before_write(queued, MARKS);
            assert_eq!(pressure, after, "{before:?} with {queued} bytes queued");
        }
    }

    #[test]
    fn a_write_changes_the_pressure_and_with_it_reading() {
        for (before, queued, is_reading_paused, after, reading) in [
            (Pressure::Low, 0, false, Pressure::Low, Reading::Keep),
            (Pressure::Low, 101, false, Pressure::Low, Reading::Keep),
            (HIGH, 30, false, Pressure::Drained, Reading::Keep),
            (HIGH, 30, true, Pressure::Drained, Reading::Keep),
            (HIGH, 31, false, PAUSED, Reading::Pause),
            (HIGH, 31, true, HIGH, Reading::Keep),
            (PAUSED, 30, true, Pressure::Drained, Reading::Resume),
            (PAUSED, 31, true, PAUSED, Reading::Keep),
            (Pressure::Drained, 30, false, Pressure::Drained, Reading::Keep),
            (Pressure::Drained, 31, false, PAUSED, Reading::Pause),
            (Pressure::Drained, 31, true, HIGH, Reading::Keep),
        ] {
            let mut pressure = before;
            let actual = pressure.after_write(queued, MARKS, is_reading_paused);
            assert_eq!((pressure, actual), (after, reading), "{before:?} with {queued} bytes left");
        }
    }

    #[test]
    fn draining_is_reported_once() {
        for (before, is_due, after) in [
            (Pressure::Low, false, Pressure::Low),
            (HIGH, false, HIGH),
            (PAUSED, false, PAUSED),
            (Pressure::Drained, true, Pressure::Low),
        ] {
            let mut pressure = before;
            assert_eq!((pressure.is_drained(), pressure.take_drained(), pressure), (is_due, is_due, after));
        }
    }

    #[test]
    fn a_pause_of_the_program_is_not_resumed_by_the_loop() {
        for (before, after) in
            [(Pressure::Low, Pressure::Low), (HIGH, HIGH), (PAUSED, HIGH), (Pressure::Drained, Pressure::Drained)]
        {
            let mut pressure = before;
            pressure.program_pauses();
            assert_eq!(pressure, after);
            assert!(!pressure.is_paused_by_loop());
        }
        assert!(PAUSED.is_paused_by_loop());
    }

    #[test]
    fn a_full_output_is_above_the_high_water_mark() {
        let mut limits = Limits::default().with(|limits| (limits.high_water, limits.low_water) = (64 << 10, 16 << 10));
        for (max_output_bytes, high, low) in
            [(64 << 20, 64 << 10, 16 << 10), (100 << 10, 50 << 10, 16 << 10), (20 << 10, 10 << 10, 10 << 10), (0, 0, 0)]
        {
            let config = Config::default().with(|config| config.max_output_bytes = max_output_bytes);
            assert_eq!(Marks::new(&limits, &config), Marks { high, low });
        }
        limits.low_water = 1 << 20;
        assert_eq!(Marks::new(&limits, &Config::default()), Marks { high: 64 << 10, low: 64 << 10 });
    }

    #[test]
    fn a_pressure_takes_one_byte() {
        assert_eq!(size_of::<Pressure>(), 1);
    }
}
