//! The goodbye of a server that stops.

use super::session_id::LocalId;
use crate::{CloseCode, CloseFrame};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How a server says goodbye: the settings of [`Handle::shutdown_with`](super::Handle::shutdown_with).
///
/// Clients that are closed together connect again together, unless they wait at random as
/// [`Reconnect`](crate::reconnect::Reconnect) does. A spread has them come back one after another:
///
/// ```
/// use statesocket::{CloseFrame, server::Shutdown};
/// use std::time::Duration;
///
/// let shutdown = Shutdown::default().with(|shutdown| {
///     shutdown.close = CloseFrame::new(1012, "an update, back in a minute");
///     shutdown.spread = Duration::from_secs(60);
/// });
/// assert_eq!(shutdown.grace, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// The code and the reason of each Close. Default 1001 (going away) without a reason.
    pub close: CloseFrame,
    /// The time over which the Closes are spread evenly, in the order of the ids. With a minute and 60 sessions, one is
    /// closed per second, and the first at once. Default 0, which closes all at once.
    pub spread: Duration,
    /// The time after the spread, for the clients to answer. Sessions that are left then are aborted. Default 10 s, as
    /// [`Config::closing_timeout`](crate::Config::closing_timeout), which ends each by itself before.
    pub grace: Duration,
}

impl Shutdown {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            close: CloseFrame::new(CloseCode::GOING_AWAY, ""),
            spread: Duration::ZERO,
            grace: Duration::from_secs(10),
        }
    }
}

/// The sessions that a stopping server has not closed yet, each with its time.
#[derive(Debug)]
pub(super) struct Farewell {
    close: CloseFrame,
    /// The next one first.
    ids: VecDeque<LocalId>,
    begin: Instant,
    /// The time between two of them.
    step: Duration,
    said: u32,
}

impl Farewell {
    /// Begins to close the sessions `ids`.
    pub(super) fn new(close: CloseFrame, mut ids: Vec<LocalId>, spread: Duration, begin: Instant) -> Self {
        ids.sort_unstable();
        let step = spread.checked_div(ids.len() as u32).unwrap_or_default();
        Self { close, ids: ids.into(), begin, step, said: 0 }
    }

    /// The time of the next Close. `None` if none is left, or if the clock does not get there.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ids.front().and_then(|_| self.begin.checked_add(self.step.checked_mul(self.said)?))
    }

    /// The next session whose time has come, and its Close.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(LocalId, CloseFrame)> {
        let id = self.next().filter(|at| *at <= now).and_then(|_| self.ids.pop_front())?;
        self.said += 1;
        Some((id, self.close.clone()))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Closes `ids`, given by their numbers, over `spread`.
    fn farewell<const N: usize>(ids: [u32; N], spread: Duration, begin: Instant) -> Farewell {
        let ids = ids.map(|id| LocalId::new(id as usize % 7, id));
        Farewell::new(CloseFrame::new(1012, "bye"), ids.into(), spread, begin)
    }

    fn due(farewell: &mut Farewell, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| farewell.take_due(now)).map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn s15_closes_are_spread_evenly_in_the_order_of_the_ids() {
        let begin = Instant::now();
        let mut farewell = farewell([9, 2, 33, 14], 8 * SECOND, begin);
        assert_eq!((farewell.next(), due(&mut farewell, begin)), (Some(begin), vec!["#2".to_owned()]));
        assert_eq!(farewell.next(), Some(begin + 2 * SECOND));
        assert_eq!(due(&mut farewell, begin + 2 * SECOND - Duration::from_nanos(1)), [""; 0]);
        assert_eq!(farewell.take_due(begin + 2 * SECOND).map(|(_, close)| close), Some(CloseFrame::new(1012, "bye")));
        assert_eq!(due(&mut farewell, begin + 60 * SECOND), ["#14", "#33"], "a busy loop catches up");
        assert_eq!((farewell.next(), farewell.take_due(begin + 60 * SECOND)), (None, None));
    }

    #[test]
    fn s15_without_a_spread_or_with_one_session_all_are_closed_at_once() {
        let begin = Instant::now();
        assert_eq!(due(&mut farewell([3, 1, 2], Duration::ZERO, begin), begin), ["#1", "#2", "#3"]);
        assert_eq!(due(&mut farewell([5], 8 * SECOND, begin), begin), ["#5"]);
        assert_eq!(farewell([], 8 * SECOND, begin).next(), None);
        let mut endless = farewell([1, 2], Duration::MAX, begin);
        assert_eq!((due(&mut endless, begin), endless.next()), (vec!["#1".to_owned()], None));
    }

    #[test]
    fn s15_the_closes_of_many_sessions_end_within_the_spread() {
        let begin = Instant::now();
        let ids = (0..100_000).map(|id| LocalId::new(id, id as u32)).collect();
        let mut farewell = Farewell::new(CloseFrame::new(1001, ""), ids, 60 * SECOND, begin);
        let per_second = |second| due(&mut farewell, begin + second * SECOND).len();
        let counts: Vec<_> = (0..61).map(per_second).collect();
        assert_eq!(counts[0], 1);
        assert!(counts[1..60].iter().all(|count| (1666..=1667).contains(count)), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 100_000);
    }
}
