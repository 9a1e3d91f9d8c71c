//! Instants in half the memory of an `Instant`.
//!
//! A connection keeps eight of them beside its anchor, which saves 64 bytes.

use std::{
    num::NonZero,
    time::{Duration, Instant},
};

/// Nanoseconds relative to an [`Anchor`]: 8 bytes, also in an `Option`, where `Instant` takes 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZero<u64>);

impl Moment {
    /// The moment that an anchor starts with. It leaves 36 years for a clock that goes back, and 548 for the future.
    const BEGINNING: Self = Self(NonZero::new(1 << 60).expect("2^60 is not zero"));

    #[cfg(feature = "server")]
    pub(crate) const fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The moment with these bits, which are those of a moment.
    #[cfg(feature = "server")]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(NonZero::new(bits).expect("no moment is zero"))
    }

    /// The moment `duration` later; `None` if it is out of range.
    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(u64::try_from(duration.as_nanos()).ok()?).map(Self)
    }

    /// The time since `earlier`; zero if this is not later.
    pub(crate) const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

/// An instant and its moment, from which the moments of all other instants follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    instant: Instant,
    moment: Moment,
}

impl Anchor {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { instant: now, moment: Moment::BEGINNING }
    }

    pub(crate) const fn instant(&self) -> Instant {
        self.instant
    }

    pub(crate) const fn moment(&self) -> Moment {
        self.moment
    }

    /// The moment of `instant`; the first or the last one if it is out of range.
    #[inline]
    pub(crate) fn moment_of(&self, instant: Instant) -> Moment {
        if instant == self.instant { self.moment } else { self.moment_of_another(instant) }
    }

    #[cold]
    fn moment_of_another(&self, instant: Instant) -> Moment {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let moment = self.moment.0.get();
        let moment = match instant.checked_duration_since(self.instant) {
            Some(later) => moment.saturating_add(nanos(later)),
            None => moment.saturating_sub(nanos(self.instant.saturating_duration_since(instant))),
        };
        Moment(NonZero::new(moment).unwrap_or(NonZero::<u64>::MIN))
    }

    /// The instant of `moment`; `None` if it is out of the system's range.
    pub(crate) fn instant_of(&self, moment: Moment) -> Option<Instant> {
        if moment >= self.moment {
            self.instant.checked_add(moment.saturating_since(self.moment))
        } else {
            self.instant.checked_sub(self.moment.saturating_since(moment))
        }
    }

    /// Moves the anchor to `instant`.
    pub(crate) fn move_to(&mut self, instant: Instant) {
        *self = Self { instant, moment: self.moment_of(instant) };
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "only `Instant::now` makes an `Instant`")]
mod tests {
    use super::*;

    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    #[test]
    fn a_moment_is_precise_to_the_nanosecond_for_centuries() {
        let began = Instant::now();
        let mut anchor = Anchor::new(began);
        let first = anchor.moment();
        let durations = [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(1), 5 * CENTURY];
        for moved in durations.into_iter().chain([Duration::ZERO]) {
            anchor.move_to(began + moved);
            assert_eq!((anchor.instant(), anchor.moment().saturating_since(first)), (began + moved, moved));
            for passed in durations {
                let moment = anchor.moment_of(began + passed);
                assert_eq!(moment.saturating_since(first), passed, "from an anchor {moved:?} after the beginning");
                assert_eq!(first.checked_add(passed), Some(moment));
                assert_eq!(
                    anchor.instant_of(moment),
                    Some(began + passed),
                    "from an anchor {moved:?} after the beginning"
                );
            }
        }
    }

    #[test]
    fn an_anchor_can_move_back_before_its_beginning() {
        let began = Instant::now() + CENTURY;
        let mut anchor = Anchor::new(began);
        let first = anchor.moment();
        anchor.move_to(began - CENTURY / 4);
        assert_eq!(first.saturating_since(anchor.moment()), CENTURY / 4);
        assert_eq!((anchor.instant_of(first), anchor.moment_of(began)), (Some(began), first));
    }

    #[test]
    fn a_moment_out_of_range_saturates_and_gives_no_deadline() {
        let began = Instant::now() + CENTURY;
        let anchor = Anchor::new(began);
        assert_eq!(anchor.moment_of(began - CENTURY).0, NonZero::<u64>::MIN);
        assert_eq!(anchor.moment_of(began + 6 * CENTURY).0, NonZero::<u64>::MAX);
        assert_eq!(anchor.moment().checked_add(6 * CENTURY), None);
        assert_eq!(anchor.moment().checked_add(Duration::MAX), None);
    }

    #[test]
    fn an_optional_moment_takes_half_the_memory_of_an_instant() {
        assert_eq!((size_of::<Option<Moment>>(), size_of::<Instant>()), (8, 16));
    }
}
