//! Group B: what comes from the clock.

use super::{Connection, Incoming, clock::Waits};
use crate::{
    event::Cause,
    frame::OpCode,
    handshake::Response,
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
        self.tell_time(now);
        self.clock.deadline(self.waits(), &self.config)
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
        self.clock.set_paused(true);
    }

    /// Says that what the peer sends is read again. The deadlines that were suspended go on where they stopped.
    pub fn resume_reading(&mut self) {
        self.clock.set_paused(false);
    }

    /// Whether reading is [paused](Self::pause_reading).
    #[must_use]
    pub const fn is_reading_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// How long the last Ping that the connection sent by itself took to be answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    /// When the last bytes of the peer were handed in; at first, when the connection began.
    #[must_use]
    pub const fn last_heard(&self) -> Instant {
        self.clock.last_heard()
    }

    /// Tells the clock the time, if that makes a difference.
    #[inline]
    pub(super) fn tell_time(&mut self, now: Instant) {
        if self.is_untold() {
            self.outgoing.output.take_news();
            self.clock.stamp(now, self.outgoing.output.is_empty());
        }
    }

    /// Whether the clock is to be told the time.
    #[inline]
    pub(super) const fn is_untold(&self) -> bool {
        self.clock.has_pending() || self.outgoing.output.has_news()
    }

    fn run_out(&mut self, now: Instant) -> Option<Timer> {
        self.tell_time(now);
        self.clock.run_out(now, self.waits(), &self.config)
    }

    #[inline]
    fn waits(&self) -> Waits {
        match self.phase() {
            Phase::Idle | Phase::Requested => match self.incoming {
                Incoming::Decision(_) => Waits::Application,
                Incoming::Request(_) | Incoming::Response(_) if self.transport.is_open() => Waits::Handshake,
                Incoming::Request(_)
                | Incoming::Response(_)
                | Incoming::Frames(_)
                | Incoming::Early(_)
                | Incoming::Discard => Waits::Nothing,
            },
            Phase::Open => Waits::Messages { can_ping: !self.transport.has_failed() },
            Phase::ClientClosed | Phase::ApplicationClosed => Waits::Close,
            Phase::Closed if self.transport.is_done() => Waits::Nothing,
            Phase::Closed if self.outgoing.output.is_empty() => Waits::Eof,
            Phase::Closed => Waits::Close,
        }
    }

    fn opening_timed_out(&mut self) {
        let cause = Cause::TimedOut(Timer::Opening);
        if self.incoming.has_begun_request() {
            self.answer_instead(&Response::new(StatusCode::REQUEST_TIMEOUT), cause, None);
        } else if self.incoming.has_begun_rejection() {
            // A rejection whose body does not end is a rejection all the same.
            self.transport.end_input();
        } else {
            self.break_off(self.local_party(), cause, None);
        }
    }

    fn accept_timed_out(&mut self) {
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        self.answer_instead(&response, Cause::TimedOut(Timer::Accept), None);
    }

    fn send_keepalive(&mut self, now: Instant) {
        let payload = self.clock.ping_sent(now, !self.outgoing.output.is_empty());
        self.outgoing.frame(true, OpCode::Ping, &payload);
        self.transition(self.local_party(), Action::Ping);
    }
}
