//! The deadlines of all sessions, in order.

use crate::moment::{Anchor, Moment};
use std::{collections::BTreeSet, time::Instant};

/// At most one deadline per key. Compact, since each session has one.
#[derive(Debug)]
pub(super) struct Deadlines {
    began: Anchor,
    set: BTreeSet<Entry>,
}

/// A deadline and its key in 12 bytes; with a `u64` they would take 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    upper: u32,
    lower: u32,
    key: u32,
}

impl Entry {
    const fn new(deadline: Moment, key: usize) -> Self {
        let nanos = deadline.to_bits();
        Self { upper: (nanos >> 32) as u32, lower: nanos as u32, key: key as u32 }
    }

    fn deadline(self) -> Moment {
        Moment::from_bits(u64::from(self.upper) << 32 | u64::from(self.lower))
    }
}

impl Deadlines {
    pub(super) const fn new(now: Instant) -> Self {
        Self { began: Anchor::new(now), set: BTreeSet::new() }
    }

    /// Sets the deadline of `key` to `new`, if `new` is earlier than `old`. The caller keeps `old` beside its session.
    ///
    /// Most messages postpone a deadline. The set keeps the old one then, and the session notices in the turn that it
    /// causes. So the common case costs nothing.
    pub(super) fn set_if_earlier(&mut self, key: usize, old: &mut Option<Instant>, new: Option<Instant>) {
        if let Some(new) = new
            && old.is_none_or(|old| new < old)
        {
            self.remove(key, old);
            self.set.insert(Entry::new(self.began.moment_of(new), key));
            *old = Some(new);
        }
    }

    /// Removes the deadline `old` of `key`.
    pub(super) fn remove(&mut self, key: usize, old: &mut Option<Instant>) {
        if let Some(old) = old.take() {
            self.set.remove(&Entry::new(self.began.moment_of(old), key));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.began.instant_of(self.set.first()?.deadline())
    }

    /// The key of the earliest deadline, if it has come.
    pub(super) fn due(&self, now: Instant) -> Option<usize> {
        let now = self.began.moment_of(now);
        self.set.first().filter(|first| first.deadline() <= now).map(|first| first.key as usize)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_deadline_is_due_from_its_time_until_it_is_removed() {
        let began = Instant::now() + Duration::from_secs(60);
        let tick = Duration::from_nanos(1);
        let mut deadlines = Deadlines::new(began);
        let (mut first, mut second) = (None, None);
        deadlines.set_if_earlier(7, &mut second, Some(began + 2 * tick));
        deadlines.set_if_earlier(8, &mut first, Some(began + 9 * tick));
        deadlines.set_if_earlier(8, &mut first, Some(began + tick));
        deadlines.set_if_earlier(8, &mut first, Some(began + 3 * tick));
        assert_eq!((first, deadlines.next()), (Some(began + tick), Some(began + tick)), "a later one changes nothing");
        assert_eq!((deadlines.due(began), deadlines.due(began + tick)), (None, Some(8)));
        deadlines.remove(8, &mut first);
        assert_eq!((first, deadlines.next()), (None, Some(began + 2 * tick)));
        assert_eq!((deadlines.due(began + tick), deadlines.due(began + 5 * tick)), (None, Some(7)));
        deadlines.remove(7, &mut second);
        deadlines.remove(7, &mut second);
        assert_eq!((deadlines.next(), deadlines.due(began + 10 * tick)), (None, None));
        // A deadline before the beginning, from a clock that goes back.
        deadlines.set_if_earlier(9, &mut first, Some(began - 30 * tick));
        assert_eq!((deadlines.next(), deadlines.due(began - 30 * tick)), (Some(began - 30 * tick), Some(9)));
        deadlines.remove(9, &mut first);
        assert_eq!(deadlines.next(), None);
    }
}
