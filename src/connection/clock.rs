//! The time of a connection: its waits, their beginnings and their deadlines.
//!
//! A deadline is computed on demand from the times of past events. Nothing is set or reset as messages pass.

mod earliest;
mod keepalive;
mod output;

use super::outgoing::Level;
use crate::{
    config::Config,
    moment::{Anchor, Moment},
    state::{Phase, State},
    timer::Timer,
};
use earliest::Earliest;
use keepalive::Keepalive;
use output::OutputTimes;
use std::{
    mem,
    time::{Duration, Instant},
};

/// The times that the deadlines count from.
///
/// Commands have no argument `now`. They mark the time that they begin as [`Pending`], and [`stamp`](Self::stamp) sets
/// it to the `now` of the next call that has one.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// The last bytes came.
    heard: Anchor,
    /// The phase began, or its last bytes were written.
    since: Moment,
    /// The last bytes came, or our last Ping was written. A pause in reading moves it on by the length of the pause.
    last_sign_of_life: Moment,
    /// The last message, or part of one, came. A pause moves it on too.
    message_heard: Moment,
    /// The unfinished message or frame began. A pause moves it on too.
    incomplete_since: Option<Moment>,
    output: OutputTimes,
    keepalive: Keepalive,
    is_paused: bool,
    /// The driver reads nothing for reasons of its own.
    is_unread: bool,
    /// The pause in reading that `stamp` has not accounted for yet.
    paused_since: Option<Moment>,
    /// A deadline may have become earlier since [`take_earlier`](Self::take_earlier).
    may_be_earlier: bool,
    pending: Pending,
}

/// The times that the next [`stamp`](Clock::stamp) sets.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// One of the others is set, or reading is paused, or has been resumed.
    any: bool,
    /// Dates `since`.
    phase: bool,
    /// Dates the last written bytes of `output`.
    written: bool,
    /// Dates the silence that begins with a written Ping.
    ping_written: bool,
    /// Dates `keepalive.sent`.
    ping_left: bool,
}

/// The thing that a connection waits for. It decides on the timers that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// For the peer's part of the opening handshake.
    Handshake,
    /// For the application's answer to the request.
    Decision,
    /// For messages. `can_ping` is false once nothing can be written any more.
    Messages {
        can_ping: bool,
    },
    /// For the other party's Close, or for the last bytes to be written.
    Close,
    /// For the end of the stream.
    Eof,
    Nothing,
}

impl Clock {
    #[inline(always)]
    pub(super) const fn new(now: Instant) -> Self {
        let heard = Anchor::new(now);
        let now = heard.moment();
        Self {
            heard,
            since: now,
            last_sign_of_life: now,
            message_heard: now,
            incomplete_since: None,
            output: OutputTimes::NEW,
            keepalive: Keepalive::new(now),
            is_paused: false,
            is_unread: false,
            paused_since: None,
            may_be_earlier: true,
            pending: Pending { any: false, phase: false, written: false, ping_written: false, ping_left: false },
        }
    }

    pub(super) const fn last_heard(&self) -> Instant {
        self.heard.instant()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) const fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        self.pending.any = true;
    }

    #[inline]
    pub(super) const fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Once the driver reads again, the peer is silent since then.
    #[cfg(feature = "server")]
    pub(super) fn set_unread(&mut self, is_unread: bool, now: Instant) {
        self.may_be_earlier = true;
        if mem::replace(&mut self.is_unread, is_unread) && !is_unread {
            let now = self.heard.moment_of(now);
            (self.last_sign_of_life, self.message_heard) = (now, now);
        }
    }

    /// Records a new phase, in which the party at this end has the state `local`.
    pub(super) fn phase_began(&mut self, phase: Phase, local: State) {
        self.pending.any = true;
        self.pending.phase = true;
        self.output.phase_began(phase, local);
    }

    #[inline]
    pub(super) fn bytes_came(&mut self, now: Instant) {
        if now != self.heard.instant() || self.keepalive.is_unanswered() {
            self.note_sign_of_life(now);
        }
    }

    fn note_sign_of_life(&mut self, now: Instant) {
        // The next Ping may be due earlier than the missing answer was.
        self.may_be_earlier |= self.keepalive.is_unanswered();
        self.heard.move_to(now);
        self.last_sign_of_life = self.heard.moment();
        self.keepalive.bytes_came();
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

    /// Ends the wait for the frame, unless a message around the control frame is still open.
    pub(super) const fn control_came(&mut self, is_mid_message: bool) {
        if !is_mid_message {
            self.incomplete_since = None;
        }
    }

    /// Records whether the input, all of which has been read, ends inside a frame or a message.
    pub(super) fn input_ended(&mut self, is_mid_message: bool) {
        self.may_be_earlier |= is_mid_message && self.incomplete_since.is_none();
        let since = self.incomplete_since.unwrap_or_else(|| self.heard.moment());
        self.incomplete_since = is_mid_message.then_some(since);
    }

    pub(super) fn pong_came(&mut self, payload: &[u8]) {
        self.keepalive.pong_came(payload, self.heard.moment());
    }

    /// Records a keepalive Ping, which is queued then and [marked](Self::mark). `is_behind` says that other bytes are
    /// queued before it. Returns its payload.
    ///
    /// The peer is silent since the first unanswered one was written.
    pub(super) fn ping_sent(&mut self, now: Instant, is_behind: bool) -> [u8; 4] {
        let now = self.heard.moment_of(now);
        self.may_be_earlier = true;
        self.keepalive.ping_sent(now, is_behind)
    }

    /// Marks the end of the `queued` bytes: a keepalive Ping or our Close has just been queued, or no byte follows. No
    /// byte before the mark may be taken out of the output again.
    pub(super) fn mark(&mut self, queued: usize) {
        self.keepalive.mark(queued);
    }

    /// Whether the bytes before the [mark](Self::mark) have been written. Bytes that were dropped never are.
    pub(super) const fn is_mark_written(&self) -> bool {
        self.keepalive.is_mark_written()
    }

    /// Records that `count` bytes were written. A wait for an answer begins when the last byte of the question has been
    /// written. Bytes that follow, such as any number of Pongs, neither delay nor restart it.
    pub(super) fn bytes_written(&mut self, count: usize, is_output_empty: bool) {
        let has_left = self.keepalive.bytes_written(count, is_output_empty);
        self.pending.phase |= self.output.bytes_written(count, is_output_empty || has_left);
        // Bytes that are queued and written between two stamps leave nothing to date.
        if is_output_empty && !has_left && !self.output.is_dated() {
            return;
        }
        self.pending.any = true;
        self.pending.written = true;
        if has_left {
            let (is_first, was_behind) = self.keepalive.take_left();
            self.pending.ping_written |= is_first;
            self.pending.ping_left |= was_behind;
        }
    }

    #[inline]
    pub(super) const fn has_pending(&self) -> bool {
        self.pending.any
    }

    /// Sets the pending times to `now`.
    #[inline]
    pub(super) fn stamp(&mut self, now: Instant, is_output_empty: bool, level: Level) {
        let now = self.heard.moment_of(now);
        let pending = mem::take(&mut self.pending);
        // `receive` looks here first, and must see the pause.
        self.pending.any = self.is_paused;
        self.may_be_earlier = true;
        if pending.phase {
            self.since = now;
        }
        match self.paused_since {
            None if self.is_paused => self.paused_since = Some(now),
            Some(paused_since) if !self.is_paused => {
                self.paused_since = None;
                self.shift_past_pause(now.saturating_since(paused_since), now);
            }
            None | Some(_) => {}
        }
        if pending.ping_left {
            self.keepalive.left(now);
        }
        if pending.ping_written {
            self.last_sign_of_life = now;
        }
        if self.output.stamp(now, pending.written, is_output_empty, level) {
            (self.last_sign_of_life, self.message_heard) = (now, now);
        }
    }

    /// Adds `pause`, which ends `now`, to the times of the peer, so that the pause does not count against the peer.
    fn shift_past_pause(&mut self, pause: Duration, now: Moment) {
        let incomplete_since = self.incomplete_since.as_mut();
        for since in [&mut self.last_sign_of_life, &mut self.message_heard].into_iter().chain(incomplete_since) {
            *since = since.checked_add(pause).map_or(now, |later| later.min(now));
        }
    }

    /// Whether a deadline may have become earlier since the last call, or since the beginning.
    #[cfg(any(feature = "server", feature = "tokio"))]
    #[inline]
    pub(super) fn take_earlier(&mut self) -> bool {
        mem::take(&mut self.may_be_earlier)
    }

    /// Records that the timeouts have changed.
    pub(super) const fn timeouts_changed(&mut self) {
        self.may_be_earlier = true;
    }

    /// The earliest deadline and its timer.
    #[inline]
    pub(super) fn deadline(&self, waits: Waits, config: &Config) -> Option<(Instant, Timer)> {
        let (deadline, timer) = self.earliest(waits, config)?;
        Some((self.heard.instant_of(deadline)?, timer))
    }

    /// The timer of the earliest deadline, if that has come by `now`.
    pub(super) fn expired(&self, now: Instant, waits: Waits, config: &Config) -> Option<Timer> {
        let (deadline, timer) = self.earliest(waits, config)?;
        (deadline <= self.heard.moment_of(now)).then_some(timer)
    }

    /// Whether a deadline of the output of an open connection has come by `now`.
    pub(super) fn is_output_due(&self, now: Instant, config: &Config) -> bool {
        let mut earliest = Earliest::default();
        self.output.offer(&mut earliest, config);
        earliest.get().is_some_and(|(deadline, _)| deadline <= self.heard.moment_of(now))
    }

    // Both callers are asked after every read.
    #[inline(always)]
    fn earliest(&self, waits: Waits, config: &Config) -> Option<(Moment, Timer)> {
        let mut earliest = Earliest::default();
        match waits {
            Waits::Handshake => earliest.offer(Timer::Opening, self.since, config.opening_timeout),
            Waits::Decision => earliest.offer(Timer::Accept, self.since, config.accept_timeout),
            Waits::Messages { can_ping } => self.offer_while_open(&mut earliest, can_ping, config),
            // Behind bytes that leave, the wait for the answer has not begun.
            Waits::Close if self.output.is_bounded(config) => self.output.offer(&mut earliest, config),
            Waits::Close => earliest.offer(Timer::Closing, self.since, config.closing_timeout),
            Waits::Eof => earliest.offer(Timer::Linger, self.since, config.linger_timeout),
            Waits::Nothing => {}
        }
        earliest.get()
    }

    fn offer_while_open(&self, earliest: &mut Earliest, can_ping: bool, config: &Config) {
        let keepalive = &self.keepalive;
        // The next Ping waits for an answer only while a missing one ends the connection. Otherwise it still finds a
        // transport that is gone.
        let is_heard = !self.is_paused && !self.is_unread && !self.output.is_high();
        let is_answer_due = keepalive.is_unanswered() && is_heard && config.pong_timeout.is_some();
        if can_ping && keepalive.is_mark_written() && !is_answer_due {
            earliest.offer(Timer::Ping, keepalive.sent().max(self.since), config.ping_interval);
        }
        if is_heard {
            if keepalive.is_silence_counted() {
                earliest.offer(Timer::Pong, self.last_sign_of_life, config.pong_timeout);
            }
            earliest.offer(Timer::Idle, self.message_heard.max(self.since), config.idle_timeout);
        }
        // A full output does not suspend this one: the message and the output would be held together for long.
        if let Some(incomplete_since) = self.incomplete_since.filter(|_| !self.is_paused) {
            earliest.offer(Timer::Message, incomplete_since.max(self.since), config.message_timeout);
        }
        self.output.offer(earliest, config);
    }
}

#[cfg(test)]
mod tests;
