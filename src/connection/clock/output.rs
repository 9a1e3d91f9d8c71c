//! The times of the output: how long it has held bytes, and how fast they leave.

use super::earliest::Earliest;
use crate::{
    config::Config,
    connection::outgoing::Level,
    moment::Moment,
    state::{Phase, State},
    timer::Timer,
};
use std::{num::NonZero, time::Duration};

/// The number of written bytes after which the average rate begins anew, so that a peer that was fast once may not be
/// slow for long.
pub(super) const DRAIN_SPAN: u32 = 16 << 20;

/// The times of the output, and what is still missing before the wait for the peer begins.
#[derive(Clone, Debug)]
pub(super) struct OutputTimes {
    /// The last bytes were written, or the first of the queued bytes was queued; `None` while the output is empty.
    written: Option<Moment>,
    /// The output rose above the low-water mark or, after the last bytes of the phase were queued, above 0.
    slow_since: Option<Moment>,
    /// The number of bytes written since `slow_since`.
    drained: u32,
    /// The output is above the high-water mark, so the peer is not heard.
    is_high: bool,
    /// The last bytes of the phase, such as a Close, are still queued.
    is_last: bool,
    /// Your code may queue messages behind the peer's Close, before its own.
    may_queue_more: bool,
    /// Even at the low level one of the others may have to change.
    is_watched: bool,
}

impl OutputTimes {
    pub(super) const NEW: Self = Self {
        written: None,
        slow_since: None,
        drained: 0,
        is_high: false,
        is_last: false,
        may_queue_more: false,
        is_watched: false,
    };

    pub(super) const fn is_high(&self) -> bool {
        self.is_high
    }

    /// Whether the last bytes of the phase are queued, and timers of their own bound them.
    pub(super) const fn is_bounded(&self, config: &Config) -> bool {
        let has_rate = config.drain_timeout.is_some() && config.min_drain_rate > 0;
        self.is_last && self.written.is_some() && (config.write_timeout.is_some() || has_rate)
    }

    /// Whether the next [`stamp`](Self::stamp) changes something, even if the output is empty.
    #[inline]
    pub(super) const fn is_dated(&self) -> bool {
        self.written.is_some() || self.is_watched
    }

    /// Records a new phase, in which the party at this end has the state `local`.
    pub(super) fn phase_began(&mut self, phase: Phase, local: State) {
        self.is_last = matches!(phase, Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed);
        self.may_queue_more = self.is_last && local == State::Connected;
        self.is_watched |= self.is_last;
    }

    /// Records that `count` bytes were written. `is_last` says that they end the output or our Close. Returns whether
    /// they were the last ones of the phase.
    pub(super) fn bytes_written(&mut self, count: usize, is_last: bool) -> bool {
        self.drained = self.drained.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        // Bytes that leave before a time is set are never seen as the last ones.
        is_last && (std::mem::replace(&mut self.is_last, false) || self.may_queue_more)
    }

    /// Sets the times to `now`. `has_written` says that bytes were written since the last call. Returns whether the
    /// output has ceased to be high.
    #[inline]
    pub(super) fn stamp(&mut self, now: Moment, has_written: bool, is_empty: bool, level: Level) -> bool {
        if is_empty {
            self.written = None;
        } else if has_written || self.written.is_none() {
            self.written = Some(now);
        }
        (level != Level::Low || self.is_watched) && self.stamp_level(now, is_empty, level)
    }

    #[cold]
    fn stamp_level(&mut self, now: Moment, is_empty: bool, level: Level) -> bool {
        self.is_last |= self.may_queue_more && !is_empty;
        let is_slow = if self.is_last { !is_empty } else { level != Level::Low };
        if !is_slow {
            self.slow_since = None;
        } else if self.slow_since.is_none() || self.drained >= DRAIN_SPAN {
            (self.slow_since, self.drained) = (Some(now), 0);
        }
        self.is_watched = is_slow || self.is_last || self.may_queue_more;
        std::mem::replace(&mut self.is_high, level == Level::High) && !self.is_high
    }

    pub(super) fn offer(&self, earliest: &mut Earliest, config: &Config) {
        if let Some(written) = self.written {
            earliest.offer(Timer::Write, written, config.write_timeout);
        }
        if let Some(since) = self.slow_since {
            self.offer_drain(since, earliest, config);
        }
    }

    #[cold]
    fn offer_drain(&self, since: Moment, earliest: &mut Earliest, config: &Config) {
        if let (Some(grace), Some(rate)) = (config.drain_timeout, NonZero::new(u64::from(config.min_drain_rate))) {
            // At the end of this time the bytes written are just the rate; 1 ns later they are less.
            let paid = u64::from(self.drained) * 1_000_000_000 / rate;
            let below_rate = Duration::from_nanos(paid + u64::from(self.drained > 0));
            earliest.offer(Timer::Drain, since, Some(grace.max(below_rate)));
        }
    }
}
