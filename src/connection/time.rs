//! Group B: what comes from the clock.
//!
//! A deadline is computed from what has happened, when it is asked for: nothing is set or reset as messages pass.

use super::{Connection, Stage, transmit::Transport};
use crate::{
    event::Cause,
    frame::OpCode,
    handshake::Response,
    moment::Moment,
    state::{Action, Phase},
    timer::Timer,
};
use http::StatusCode;
use std::time::{Duration, Instant};
use tungstenite::protocol::frame::coding::CloseCode;

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
        let (deadline, timer) = self.earliest()?;
        Some((self.clock.heard.instant_of(deadline)?, timer))
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
        while let Some(timer) = self.run_out(now) {
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
        self.clock.heard.instant()
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
        if now != self.clock.heard.instant() {
            self.clock.hear(now);
        }
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
        self.clock.message_heard = self.clock.heard.moment();
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
        let since = self.clock.incomplete_since.unwrap_or_else(|| self.clock.heard.moment());
        self.clock.incomplete_since = self.is_mid_message().then_some(since);
    }

    pub(super) fn note_pong(&mut self, payload: &[u8]) {
        if self.clock.awaits_pong && payload == self.clock.ping_number.to_be_bytes() {
            self.clock.awaits_pong = false;
            let round_trip = self.clock.heard.moment().saturating_since(self.clock.pinged);
            self.clock.round_trip = Some(u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// The timer that ran out first, if any has by `now`.
    fn run_out(&mut self, now: Instant) -> Option<Timer> {
        self.freshen(now);
        self.earliest().filter(|(deadline, _)| *deadline <= self.clock.heard.moment_of(now)).map(|(_, timer)| timer)
    }

    /// The deadlines that there are in the present phase, and of those the earliest.
    fn earliest(&self) -> Option<(Moment, Timer)> {
        let (clock, config) = (&self.clock, &*self.config);
        let mut earliest = Earliest(None);
        match self.phase {
            Phase::Idle | Phase::Requested => match self.stage {
                Stage::Decision(_) => earliest.offer(Timer::Accept, clock.since, config.accept_timeout),
                Stage::Request(_) | Stage::Response(_) if self.transport == Transport::Up => {
                    earliest.offer(Timer::Opening, clock.since, config.opening_timeout);
                }
                Stage::Request(_) | Stage::Response(_) | Stage::Frames(_) | Stage::Early(_) | Stage::Discard => {}
            },
            Phase::Open => self.offer_open(&mut earliest),
            Phase::ClientClosed | Phase::ApplicationClosed => {
                earliest.offer(Timer::Closing, clock.since, config.closing_timeout);
            }
            Phase::Closed if self.is_socket_done() => {}
            Phase::Closed if self.output.is_empty() => {
                earliest.offer(Timer::Linger, clock.since, config.linger_timeout);
            }
            Phase::Closed => earliest.offer(Timer::Closing, clock.since, config.closing_timeout),
        }
        earliest.0
    }
    fn offer_open(&self, earliest: &mut Earliest) {
        let (clock, config) = (&self.clock, &*self.config);
        if !clock.awaits_pong && self.transport != Transport::Failed {
            earliest.offer(Timer::Ping, clock.pinged.max(clock.since), config.ping_interval);
        }
        if !clock.is_paused {
            if clock.awaits_pong && !clock.ping_waits {
                earliest.offer(Timer::Pong, clock.quiet_since, config.pong_timeout);
            }
            earliest.offer(Timer::Idle, clock.message_heard.max(clock.since), config.idle_timeout);
            if let Some(incomplete_since) = clock.incomplete_since {
                earliest.offer(Timer::Message, incomplete_since.max(clock.since), config.message_timeout);
            }
        }
        if let Some(written) = clock.written {
            earliest.offer(Timer::Write, written, config.write_timeout);
        }
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
        self.clock.pinged = self.clock.heard.moment_of(now);
        self.clock.quiet_since = self.clock.pinged;
        let key = self.mask_key();
        self.output.frame(true, OpCode::Ping, &self.clock.ping_number.to_be_bytes(), key);
        self.transition(self.local_party(), Action::Ping);
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
