//! The time of a connection: since when it waits for what, and when that is over.
//!
//! A deadline is computed when it is asked for, from what has happened: nothing is set or reset as messages pass.

use crate::{
    config::Config,
    moment::{Anchor, Moment},
    state::Phase,
    timer::Timer,
};
use std::{
    mem,
    time::{Duration, Instant},
};

/// When what the deadlines count from has happened.
///
/// Calls of the application are not given the time. What they begin is marked as pending, and [`stamp`](Self::stamp)
/// dates it with the `now` of the next call that has one.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// Bytes came.
    heard: Anchor,
    /// The phase began, or the last bytes that it had to write left.
    since: Moment,
    /// Bytes came, or a Ping of our own left; moved on by the length of each pause in reading.
    quiet_since: Moment,
    /// A message, or a part of one, came; moved on likewise.
    message_heard: Moment,
    /// The message or frame that has not ended began; moved on likewise.
    incomplete_since: Option<Moment>,
    /// Bytes left, or the first of those that wait was queued; `None` while none wait.
    written: Option<Moment>,
    keepalive: Keepalive,
    is_paused: bool,
    /// Reading was paused, and the time since then has not been left out yet.
    paused_since: Option<Moment>,
    /// The phase has its last bytes, such as a Close, still to write.
    is_draining: bool,
    pending: Pending,
}

/// The Pings that the connection sends by itself.
#[derive(Clone, Debug)]
struct Keepalive {
    /// The last one left.
    sent: Moment,
    /// Its payload, which tells its Pong from others.
    number: u32,
    is_unanswered: bool,
    /// It waits behind other bytes.
    is_queued: bool,
    /// In microseconds, which are plenty and take less room.
    round_trip: Option<u32>,
}

/// What has happened and is still to be dated.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// Any of these, or reading was paused or resumed.
    any: bool,
    /// For `since`.
    phase: bool,
    /// For `written`.
    written: bool,
    /// For `keepalive.sent`.
    ping_left: bool,
}

/// What a connection waits for, which says what timers it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Handshake,
    Application,
    /// Open; `can_ping` unless nothing can be written any more.
    Messages {
        can_ping: bool,
    },
    /// For the other Close, or for the last bytes to leave.
    Close,
    Eof,
    Nothing,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        let heard = Anchor::new(now);
        let now = heard.moment();
        let keepalive = Keepalive { sent: now, number: 0, is_unanswered: false, is_queued: false, round_trip: None };
        Self {
            heard,
            since: now,
            quiet_since: now,
            message_heard: now,
            incomplete_since: None,
            written: None,
            keepalive,
            is_paused: false,
            paused_since: None,
            is_draining: false,
            pending: Pending { any: false, phase: false, written: false, ping_left: false },
        }
    }

    pub(super) const fn last_heard(&self) -> Instant {
        self.heard.instant()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip.map(|micros| Duration::from_micros(micros.into()))
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) const fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        self.pending.any = true;
    }

    pub(super) const fn phase_began(&mut self, phase: Phase) {
        self.pending.any = true;
        self.pending.phase = true;
        self.is_draining = matches!(phase, Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed);
    }

    #[inline]
    pub(super) fn bytes_came(&mut self, now: Instant) {
        if now != self.heard.instant() {
            self.heard.move_to(now);
            self.quiet_since = self.heard.moment();
        }
    }

    #[inline]
    pub(super) const fn message_came(&mut self) {
        self.part_came();
        self.incomplete_since = None;
    }

    #[inline]
    pub(super) const fn part_came(&mut self) {
        self.message_heard = self.heard.moment();
    }

    /// A control frame has come: what began before it is still to end only if a message is open.
    pub(super) const fn control_came(&mut self, is_mid_message: bool) {
        if !is_mid_message {
            self.incomplete_since = None;
        }
    }

    /// All that has come has been read; what is left of it is the beginning of a frame or of a message.
    pub(super) fn input_ended(&mut self, is_mid_message: bool) {
        let since = self.incomplete_since.unwrap_or_else(|| self.heard.moment());
        self.incomplete_since = is_mid_message.then_some(since);
    }

    pub(super) fn pong_came(&mut self, payload: &[u8]) {
        let keepalive = &mut self.keepalive;
        if keepalive.is_unanswered && payload == keepalive.number.to_be_bytes() {
            keepalive.is_unanswered = false;
            let round_trip = self.heard.moment().saturating_since(keepalive.sent);
            keepalive.round_trip = Some(u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// A Ping of our own is sent, behind other bytes if `is_queued`. Returns its payload.
    pub(super) fn ping_sent(&mut self, now: Instant, is_queued: bool) -> [u8; 4] {
        let now = self.heard.moment_of(now);
        let number = self.keepalive.number.wrapping_add(1);
        self.keepalive = Keepalive { sent: now, number, is_unanswered: true, is_queued, ..self.keepalive };
        self.quiet_since = now;
        number.to_be_bytes()
    }

    /// Bytes have left. Who waits for an answer begins to wait when the last byte of the question has left; what is
    /// written after that, which may be any number of Pongs, changes nothing.
    pub(super) const fn bytes_left(&mut self, are_all: bool) {
        self.pending.any = true;
        self.pending.written = true;
        if are_all {
            self.pending.phase |= self.is_draining;
            self.is_draining = false;
            self.pending.ping_left |= mem::replace(&mut self.keepalive.is_queued, false);
        }
    }

    #[inline]
    pub(super) const fn has_pending(&self) -> bool {
        self.pending.any
    }

    /// Dates what is pending.
    #[cold]
    pub(super) fn stamp(&mut self, now: Instant, is_output_empty: bool) {
        let now = self.heard.moment_of(now);
        let pending = mem::take(&mut self.pending);
        if pending.phase {
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
        if pending.ping_left {
            self.keepalive.sent = now;
            self.quiet_since = now;
        }
        if is_output_empty {
            self.written = None;
        } else if pending.written || self.written.is_none() {
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

    /// The earliest deadline, and what it is for.
    #[inline]
    pub(super) fn deadline(&self, waits: Waits, config: &Config) -> Option<(Instant, Timer)> {
        let (deadline, timer) = self.earliest(waits, config)?;
        Some((self.heard.instant_of(deadline)?, timer))
    }

    /// The timer that ran out first, if any has by `now`.
    pub(super) fn run_out(&self, now: Instant, waits: Waits, config: &Config) -> Option<Timer> {
        let (deadline, timer) = self.earliest(waits, config)?;
        (deadline <= self.heard.moment_of(now)).then_some(timer)
    }

    #[inline]
    fn earliest(&self, waits: Waits, config: &Config) -> Option<(Moment, Timer)> {
        let mut earliest = Earliest(None);
        match waits {
            Waits::Handshake => earliest.offer(Timer::Opening, self.since, config.opening_timeout),
            Waits::Application => earliest.offer(Timer::Accept, self.since, config.accept_timeout),
            Waits::Messages { can_ping } => self.offer_open(&mut earliest, can_ping, config),
            Waits::Close => earliest.offer(Timer::Closing, self.since, config.closing_timeout),
            Waits::Eof => earliest.offer(Timer::Linger, self.since, config.linger_timeout),
            Waits::Nothing => {}
        }
        earliest.0
    }

    fn offer_open(&self, earliest: &mut Earliest, can_ping: bool, config: &Config) {
        let keepalive = &self.keepalive;
        if can_ping && !keepalive.is_unanswered {
            earliest.offer(Timer::Ping, keepalive.sent.max(self.since), config.ping_interval);
        }
        if !self.is_paused {
            if keepalive.is_unanswered && !keepalive.is_queued {
                earliest.offer(Timer::Pong, self.quiet_since, config.pong_timeout);
            }
            earliest.offer(Timer::Idle, self.message_heard.max(self.since), config.idle_timeout);
            if let Some(incomplete_since) = self.incomplete_since {
                earliest.offer(Timer::Message, incomplete_since.max(self.since), config.message_timeout);
            }
        }
        if let Some(written) = self.written {
            earliest.offer(Timer::Write, written, config.write_timeout);
        }
    }
}

/// The earliest of the deadlines that were offered; of two at once, the first.
struct Earliest(Option<(Moment, Timer)>);

impl Earliest {
    fn offer(&mut self, timer: Timer, since: Moment, timeout: Option<Duration>) {
        if let Some(deadline) = timeout.and_then(|timeout| since.checked_add(timeout))
            && self.0.is_none_or(|(earliest, _)| deadline < earliest)
        {
            self.0 = Some((deadline, timer));
        }
    }
}
