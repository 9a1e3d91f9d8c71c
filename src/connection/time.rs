//! Group B: what comes from the clock.
//!
//! A deadline is computed from what has happened, when it is asked for: nothing is set or reset as messages pass.

use super::{Connection, Stage, transmit::Transport};
use crate::{
    event::Cause,
    frame::OpCode,
    handshake::Response,
    state::{Action, Phase},
    timer::Timer,
};
use http::StatusCode;
use std::{
    mem,
    time::{Duration, Instant},
};
use tungstenite::protocol::frame::coding::CloseCode;

/// When what the deadlines count from has happened.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// The phase began, or the last bytes that it had to write have left.
    since: Instant,
    /// Something below is to be set by the next call that knows the time.
    has_news: bool,
    /// `since` is.
    is_stale: bool,
    /// A Close, or other last bytes, have still to leave.
    is_draining: bool,
    /// Bytes came, or a Ping of our own left; moved on by as long as reading was paused since.
    quiet_since: Instant,
    /// Reading was paused, and the time since then has not been left out.
    paused_since: Option<Instant>,
    /// Bytes left, or the first of those that wait was queued; `None` while none wait.
    written: Option<Instant>,
    /// `written` is to be set, even if it is.
    has_written: bool,
    /// Bytes came.
    heard: Instant,
    /// A message, or a part of one, came; moved on as `quiet_since` is.
    message_heard: Instant,
    /// The message or frame that has not ended began; moved on as `quiet_since` is.
    incomplete_since: Option<Instant>,
    /// A Ping of our own left.
    pinged: Instant,
    /// Tells the Pong that answers that Ping.
    ping_number: u32,
    awaits_pong: bool,
    /// That Ping waits behind other bytes.
    ping_waits: bool,
    /// It has left; when is to be set by the next call that knows the time.
    ping_has_left: bool,
    is_paused: bool,
    /// In microseconds, which are plenty and take less room.
    round_trip: Option<u32>,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            has_news: false,
            is_stale: false,
            is_draining: false,
            quiet_since: now,
            paused_since: None,
            written: None,
            has_written: false,
            heard: now,
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
    fn freshen(&mut self, now: Instant, is_output_empty: bool) {
        self.has_news = false;
        if mem::take(&mut self.is_stale) {
            self.since = now;
        }
        match self.paused_since {
            None if self.is_paused => self.paused_since = Some(now),
            Some(paused_since) if !self.is_paused => {
                self.paused_since = None;
                self.leave_out(now.saturating_duration_since(paused_since), now);
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
    fn leave_out(&mut self, pause: Duration, now: Instant) {
        let of_message = self.incomplete_since.as_mut();
        for since in [&mut self.quiet_since, &mut self.message_heard].into_iter().chain(of_message) {
            *since = since.checked_add(pause).map_or(now, |later| later.min(now));
        }
    }
}

impl Connection {
    /// The earliest deadline and what it is for; `None` if nothing is waited for. Call
    /// [`handle_timeout`](Self::handle_timeout) when it has come. Deadlines only move as time passes and bytes come, so
    /// whoever keeps one may keep it until it has come, and ask again then.
    ///
    /// Methods of group C know no time: a deadline that they begin runs from the `now` of the call that follows, which
    /// is usually this one.
    #[must_use]
    pub fn poll_timeout(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        self.freshen(now);
        Timer::ALL
            .into_iter()
            .filter_map(|timer| Some((self.deadline(timer)?, timer)))
            .min_by_key(|(deadline, _)| *deadline)
    }

    /// Does what the deadlines up to `now` demand. Take the events that follow with [`poll_event`](Self::poll_event).
    /// Calls that come too early or again do nothing; after a jump of the clock each timer fires once.
    ///
    /// | timer | what happens when it runs out |
    /// |---|---|
    /// | [`Opening`](Timer::Opening) | a server answers 408 if a request had begun; a client leaves |
    /// | [`Accept`](Timer::Accept) | 503 is the answer |
    /// | [`Ping`](Timer::Ping) | a Ping is sent |
    /// | [`Pong`](Timer::Pong) | Close 1011; the code is 1006 |
    /// | [`Idle`](Timer::Idle) | Close 1001; the code is 1006 |
    /// | [`Message`](Timer::Message) | Close 1008; the code is 1006 |
    /// | [`Write`](Timer::Write) | the socket is to be closed; the code is 1006 |
    /// | [`Closing`](Timer::Closing) | the socket is to be closed; if the peer's Close has not come the code is 1006 |
    /// | [`Linger`](Timer::Linger) | the socket is to be closed; the `Disconnect` has been handed out before |
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, timer)) = self.poll_timeout(now).filter(|(deadline, _)| *deadline <= now) {
            match timer {
                Timer::Opening => self.opening_timed_out(),
                Timer::Accept => self.accept_timed_out(),
                Timer::Ping => self.send_keepalive(now),
                Timer::Pong => self.fail_with(CloseCode::Error, "no sign of life", Cause::TimedOut(timer)),
                Timer::Idle => self.fail_with(CloseCode::Away, "idle", Cause::TimedOut(timer)),
                Timer::Message => self.fail_with(CloseCode::Policy, "message too slow", Cause::TimedOut(timer)),
                // A Close would wait behind what does not leave.
                Timer::Write => self.break_off(self.local_party(), Cause::TimedOut(timer), None),
                Timer::Closing if self.can(Action::Abort) => {
                    self.break_off(self.local_party(), Cause::TimedOut(timer), None);
                }
                Timer::Closing | Timer::Linger => self.close_socket(),
            }
        }
    }

    /// Says that what the peer sends is left unread for now, because there is more of it than can be taken:
    /// [`wants_read`](Self::wants_read) is `false`, and the peer's silence is not held against it.
    pub fn pause_reading(&mut self) {
        self.clock.is_paused = true;
        self.clock.has_news = true;
    }

    /// Says that what the peer sends is read again. The deadlines that were suspended go on where they stopped.
    pub fn resume_reading(&mut self) {
        self.clock.is_paused = false;
        self.clock.has_news = true;
    }

    /// Whether reading is [paused](Self::pause_reading).
    #[must_use]
    pub const fn is_reading_paused(&self) -> bool {
        self.clock.is_paused
    }

    /// How long the last Ping that the connection sent by itself took to be answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.clock.round_trip.map(|micros| Duration::from_micros(micros.into()))
    }

    /// When the last bytes of the peer were handed in; at first, when the connection began.
    #[must_use]
    pub const fn last_heard(&self) -> Instant {
        self.clock.heard
    }

    /// Tells the clock the time, if that makes a difference.
    #[inline]
    pub(super) fn freshen(&mut self, now: Instant) {
        if self.has_news() {
            self.output.take_news();
            self.clock.freshen(now, self.output.is_empty());
        }
    }

    /// Whether the clock is to be told the time.
    #[inline]
    pub(super) const fn has_news(&self) -> bool {
        self.clock.has_news || self.output.has_news()
    }

    /// Bytes have come.
    #[inline]
    pub(super) fn note_bytes(&mut self, now: Instant) {
        self.clock.heard = now;
        self.clock.quiet_since = now;
    }

    /// A message has come.
    #[inline]
    pub(super) fn note_message(&mut self) {
        self.note_part();
        self.clock.incomplete_since = None;
    }

    /// A part of a message has come.
    #[inline]
    pub(super) fn note_part(&mut self) {
        self.clock.message_heard = self.clock.heard;
    }

    /// A control frame has come: what began before it is still to end only if a message is open.
    pub(super) fn note_control(&mut self) {
        if !self.is_mid_message() {
            self.clock.incomplete_since = None;
        }
    }

    fn is_mid_message(&self) -> bool {
        matches!(&self.stage, Stage::Frames(reader) if reader.is_mid_message())
    }

    /// All that has come has been read; what is left of it is the beginning of a frame or of a message.
    pub(super) fn note_end_of_input(&mut self) {
        if let Stage::Frames(reader) = &mut self.stage
            && reader.take_part()
        {
            self.note_part();
        }
        let since = self.clock.incomplete_since.unwrap_or(self.clock.heard);
        self.clock.incomplete_since = self.is_mid_message().then_some(since);
    }

    pub(super) fn note_pong(&mut self, payload: &[u8]) {
        if self.clock.awaits_pong && payload == self.clock.ping_number.to_be_bytes() {
            self.clock.awaits_pong = false;
            let round_trip = self.clock.heard.saturating_duration_since(self.clock.pinged);
            self.clock.round_trip = Some(u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX));
        }
    }

    fn deadline(&self, timer: Timer) -> Option<Instant> {
        let (clock, config) = (&self.clock, &*self.config);
        let is_open = self.phase == Phase::Open;
        let is_heard = is_open && !clock.is_paused;
        let (runs, since, timeout) = match timer {
            Timer::Opening => {
                let waits = matches!(self.stage, Stage::Request(_) | Stage::Response(_));
                (waits && self.transport == Transport::Up, clock.since, config.opening_timeout)
            }
            Timer::Accept => (matches!(self.stage, Stage::Decision(_)), clock.since, config.accept_timeout),
            Timer::Ping => {
                let may_leave = is_open && self.transport != Transport::Failed;
                (may_leave && !clock.awaits_pong, clock.pinged.max(clock.since), config.ping_interval)
            }
            Timer::Pong => (is_heard && clock.awaits_pong && !clock.ping_waits, clock.quiet_since, config.pong_timeout),
            Timer::Idle => (is_heard, clock.message_heard.max(clock.since), config.idle_timeout),
            Timer::Message => (is_heard, clock.incomplete_since?.max(clock.since), config.message_timeout),
            Timer::Write => (is_open, clock.written?, config.write_timeout),
            Timer::Closing => (self.awaits_close() || self.last_bytes_wait(), clock.since, config.closing_timeout),
            Timer::Linger => (self.is_over() && !self.last_bytes_wait(), clock.since, config.linger_timeout),
        };
        if runs { since.checked_add(timeout?) } else { None }
    }

    /// One party has closed, the other has not.
    const fn awaits_close(&self) -> bool {
        matches!(self.phase, Phase::ClientClosed | Phase::ApplicationClosed)
    }

    /// Both parties are done, the socket is not.
    fn is_over(&self) -> bool {
        self.phase == Phase::Closed && !self.is_socket_done()
    }

    fn last_bytes_wait(&self) -> bool {
        self.is_over() && !self.output.is_empty()
    }

    fn opening_timed_out(&mut self) {
        let cause = Cause::TimedOut(Timer::Opening);
        match &self.stage {
            Stage::Request(reader) if reader.has_begun() => {
                self.answer_instead(&Response::new(StatusCode::REQUEST_TIMEOUT), cause, None);
            }
            // A rejection whose body does not end is a rejection all the same.
            Stage::Response(reader) if reader.has_rejection() => self.transport = Transport::AtEof,
            Stage::Request(_)
            | Stage::Decision(_)
            | Stage::Response(_)
            | Stage::Frames(_)
            | Stage::Early(_)
            | Stage::Discard => self.break_off(self.local_party(), cause, None),
        }
    }

    fn accept_timed_out(&mut self) {
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        self.answer_instead(&response, Cause::TimedOut(Timer::Accept), None);
    }

    fn send_keepalive(&mut self, now: Instant) {
        self.clock.ping_number = self.clock.ping_number.wrapping_add(1);
        self.clock.awaits_pong = true;
        self.clock.ping_waits = !self.output.is_empty();
        self.clock.pinged = now;
        self.clock.quiet_since = now;
        let key = self.mask_key();
        self.output.frame(true, OpCode::Ping, &self.clock.ping_number.to_be_bytes(), key);
        self.transition(self.local_party(), Action::Ping);
    }
}
