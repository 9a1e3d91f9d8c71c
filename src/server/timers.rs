//! Timers that handlers set.

use super::session_id::LocalId;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// The timers of all sessions. A session has at most one per token, and needs no memory without one.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, LocalId, u64)>,
    by_session: BTreeMap<(LocalId, u64), Instant>,
}

impl Timers {
    /// Sets the timer `token` of a session, instead of an earlier setting.
    pub(super) fn set(&mut self, id: LocalId, token: u64, at: Instant) {
        if let Some(old) = self.by_session.insert((id, token), at) {
            self.by_time.remove(&(old, id, token));
        }
        self.by_time.insert((at, id, token));
    }

    /// Removes a timer. Returns whether it was set.
    pub(super) fn cancel(&mut self, id: LocalId, token: u64) -> bool {
        let old = self.by_session.remove(&(id, token));
        old.is_some_and(|at| self.by_time.remove(&(at, id, token)))
    }

    /// Removes all timers of a session.
    pub(super) fn end(&mut self, id: LocalId) {
        while let Some((&(_, token), _)) = self.by_session.range((id, 0)..=(id, u64::MAX)).next() {
            self.cancel(id, token);
        }
    }

    /// The time of the next timer.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, ..)| *at)
    }

    /// The sessions and tokens of the timers whose time has come, the earliest first. They stay set.
    pub(super) fn due(&self, now: Instant) -> Vec<(LocalId, u64)> {
        self.by_time.iter().take_while(|(at, ..)| *at <= now).map(|(_, id, token)| (*id, *token)).collect()
    }

    /// Removes a timer whose time has come. Returns whether it was still set to such a time.
    pub(super) fn take(&mut self, id: LocalId, token: u64, now: Instant) -> bool {
        self.by_session.get(&(id, token)).is_some_and(|at| *at <= now) && self.cancel(id, token)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn s10_a_timer_is_due_from_its_time_until_it_is_taken_set_anew_or_removed() {
        let (began, tick) = (Instant::now(), Duration::from_millis(1));
        let [one, two] = [1, 2].map(|key| LocalId::new(key, 7));
        let mut timers = Timers::default();
        timers.set(one, 5, began + 2 * tick);
        timers.set(two, 5, began + tick);
        timers.set(one, 6, began + 3 * tick);
        assert_eq!((timers.next(), timers.due(began)), (Some(began + tick), vec![]));
        assert_eq!(timers.due(began + 2 * tick), [(two, 5), (one, 5)]);
        timers.set(one, 5, began + 9 * tick);
        assert!(!timers.take(one, 5, began + 2 * tick), "it has been set anew");
        assert_eq!([(); 2].map(|()| timers.take(two, 5, began + tick)), [true, false]);
        assert_eq!([(); 2].map(|()| timers.cancel(one, 6)), [true, false]);
        timers.set(two, u64::MAX, began);
        timers.set(two, 0, began);
        timers.end(two);
        assert_eq!(timers.due(began + 20 * tick), [(one, 5)]);
        timers.end(one);
        assert_eq!((timers.next(), timers.by_session.len()), (None, 0));
    }
}
