//! What the deadlines of a connection count from.

use crate::{
    moment::{Anchor, Moment},
    state::Phase,
};
use std::{
    mem,
    time::{Duration, Instant},
};

/// When what the deadlines count from has happened.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// Bytes came.
    pub(super) heard: Anchor,
    /// The phase began, or the last bytes that it had to write have left.
    pub(super) since: Moment,
    /// Something below is to be set by the next call that knows the time.
    pub(super) has_news: bool,
    /// `since` is.
    is_stale: bool,
    /// A Close, or other last bytes, have still to leave.
    is_draining: bool,
    /// Bytes came, or a Ping of our own left; moved on by as long as reading was paused since.
    pub(super) quiet_since: Moment,
    /// Reading was paused, and the time since then has not been left out.
    paused_since: Option<Moment>,
    /// Bytes left, or the first of those that wait was queued; `None` while none wait.
    pub(super) written: Option<Moment>,
    /// `written` is to be set, even if it is.
    has_written: bool,
    /// A message, or a part of one, came; moved on as `quiet_since` is.
    pub(super) message_heard: Moment,
    /// The message or frame that has not ended began; moved on as `quiet_since` is.
    pub(super) incomplete_since: Option<Moment>,
    /// A Ping of our own left.
    pub(super) pinged: Moment,
    /// Tells the Pong that answers that Ping.
    pub(super) ping_number: u32,
    pub(super) awaits_pong: bool,
    /// That Ping waits behind other bytes.
    pub(super) ping_waits: bool,
    /// It has left; when is to be set by the next call that knows the time.
    ping_has_left: bool,
    pub(super) is_paused: bool,
    /// In microseconds, which are plenty and take less room.
    pub(super) round_trip: Option<u32>,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        let heard = Anchor::new(now);
        let now = heard.moment();
        Self {
            heard,
            since: now,
            has_news: false,
            is_stale: false,
            is_draining: false,
            quiet_since: now,
            paused_since: None,
            written: None,
            has_written: false,
            message_heard: now,
            incomplete_since: None,
            pinged: now,
            ping_number: 0,
            awaits_pong: false,
            ping_waits: false,
            ping_has_left: false,
            is_paused: false,
            round_trip: None,
        }
    }

    pub(super) const fn note_phase(&mut self, phase: Phase) {
        self.has_news = true;
        self.is_stale = true;
        self.is_draining = matches!(phase, Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed);
    }

    /// Bytes have come, for the first time at this instant.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard.move_to(now);
        self.quiet_since = self.heard.moment();
    }

    /// Bytes have left. Who waits for an answer begins to wait when the last byte of the question has left; what is
    /// written after that, which may be any number of Pongs, changes nothing.
    pub(super) const fn note_written(&mut self, is_all: bool) {
        self.has_news = true;
        self.has_written = true;
        if is_all {
            self.is_stale |= self.is_draining;
            self.is_draining = false;
            self.ping_has_left |= mem::replace(&mut self.ping_waits, false);
        }
    }

    /// Sets what calls that know no time have left to be set.
    #[cold]
    pub(super) fn freshen(&mut self, now: Instant, is_output_empty: bool) {
        let now = self.heard.moment_of(now);
        self.has_news = false;
        if mem::take(&mut self.is_stale) {
            self.since = now;
        }
        match self.paused_since {
            None if self.is_paused => self.paused_since = Some(now),
            Some(paused_since) if !self.is_paused => {
                self.paused_since = None;
                self.leave_out(now.saturating_since(paused_since), now);
            }
            None | Some(_) => {}
        }
        if mem::take(&mut self.ping_has_left) {
            self.pinged = now;
            self.quiet_since = now;
        }
        let has_written = mem::take(&mut self.has_written);
        if is_output_empty {
            self.written = None;
        } else if has_written || self.written.is_none() {
            self.written = Some(now);
        }
    }

    /// Does not hold `pause`, which ends `now`, against the peer.
    fn leave_out(&mut self, pause: Duration, now: Moment) {
        let of_message = self.incomplete_since.as_mut();
        for since in [&mut self.quiet_since, &mut self.message_heard].into_iter().chain(of_message) {
            *since = since.checked_add(pause).map_or(now, |later| later.min(now));
        }
    }
}
