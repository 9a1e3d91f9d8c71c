//! The Pings that the connection sends by itself, and the mark of the bytes whose answer it waits for.

use crate::moment::Moment;
use std::{mem, num::NonZero, time::Duration};

/// The last keepalive Ping: when it was sent, how far it has left, and whether it is answered.
#[derive(Clone, Debug)]
pub(super) struct Keepalive {
    /// The last one was written.
    sent: Moment,
    /// The payload of the last one, which its Pong repeats.
    number: u32,
    /// No byte has come since the last one was written.
    is_unanswered: bool,
    /// The Pong of the last one has not come.
    awaits_pong: bool,
    /// The number of queued bytes up to the mark: the end of the last one; after our Close, the end of that.
    unwritten: u32,
    /// The first unanswered one has not been written yet.
    is_first_unwritten: bool,
    /// The last one was queued behind other bytes.
    is_behind: bool,
    /// In microseconds, and at least one: precise enough, and smaller than a `Duration`.
    round_trip: Option<NonZero<u32>>,
}

impl Keepalive {
    #[inline(always)]
    pub(super) const fn new(now: Moment) -> Self {
        Self {
            sent: now,
            number: 0,
            is_unanswered: false,
            awaits_pong: false,
            unwritten: 0,
            is_first_unwritten: false,
            is_behind: false,
            round_trip: None,
        }
    }

    #[inline]
    pub(super) const fn sent(&self) -> Moment {
        self.sent
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|micros| Duration::from_micros(micros.get().into()))
    }

    #[inline]
    pub(super) const fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Whether the silence of the peer counts: the first unanswered Ping has been written.
    #[inline]
    pub(super) const fn is_silence_counted(&self) -> bool {
        self.is_unanswered && !self.is_first_unwritten
    }

    /// Whether the bytes before the mark have been written.
    #[inline]
    pub(super) const fn is_mark_written(&self) -> bool {
        self.unwritten == 0
    }

    /// Marks the end of the `queued` bytes.
    #[inline]
    pub(super) fn mark(&mut self, queued: usize) {
        self.unwritten = u32::try_from(queued).unwrap_or(u32::MAX);
    }

    /// Records a Ping, which is queued then and [marked](Self::mark). `is_behind` says that other bytes are queued
    /// before it. Returns its payload.
    pub(super) const fn ping_sent(&mut self, now: Moment, is_behind: bool) -> [u8; 4] {
        self.is_first_unwritten |= !self.is_unanswered;
        self.is_behind = is_behind;
        self.sent = now;
        self.number = self.number.wrapping_add(1);
        self.is_unanswered = true;
        self.awaits_pong = true;
        self.number.to_be_bytes()
    }

    /// Records that `count` bytes were written. Returns whether those before the mark were, and not before.
    #[inline]
    pub(super) fn bytes_written(&mut self, count: usize, is_output_empty: bool) -> bool {
        let before = self.unwritten;
        let left = if is_output_empty { 0 } else { before.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)) };
        self.unwritten = left;
        before > 0 && left == 0
    }

    /// Takes whether the Ping that has left is the first unanswered one, and whether it was queued behind other bytes.
    #[inline]
    pub(super) const fn take_left(&mut self) -> (bool, bool) {
        (mem::replace(&mut self.is_first_unwritten, false), mem::replace(&mut self.is_behind, false))
    }

    /// Dates a Ping that was queued behind other bytes: it has left `now`.
    #[inline]
    pub(super) const fn left(&mut self, now: Moment) {
        self.sent = now;
    }

    /// Any byte answers the Ping, once that has been written: section 5.5.3 lets a peer answer "only the most recently
    /// processed Ping frame", which may be one of the program's.
    #[inline]
    pub(super) const fn bytes_came(&mut self) {
        self.is_unanswered &= self.unwritten > 0;
    }

    /// Records a Pong that came `now`. That of the last Ping measures the round trip.
    pub(super) fn pong_came(&mut self, payload: &[u8], now: Moment) {
        if self.awaits_pong && self.unwritten == 0 && payload == self.number.to_be_bytes() {
            self.awaits_pong = false;
            let round_trip = now.saturating_since(self.sent);
            let micros = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX);
            self.round_trip = Some(NonZero::new(micros).unwrap_or(NonZero::<u32>::MIN));
        }
    }
}
