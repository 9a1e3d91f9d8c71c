//! The time: deadlines, timeouts, keepalive.

use super::{Connection, clock::Waits, outgoing::Level};
use crate::{
    close_code::CloseCode,
    close_frame::CloseFrame,
    event::Cause,
    handshake::Response,
    state::{Action, Phase},
    timer::Timer,
};
use http::StatusCode;
use std::time::{Duration, Instant};

/// # B: the time
impl Connection {
    /// The earliest deadline and its timer; `None` if no timer runs. Call [`handle_timeout`](Self::handle_timeout) when
    /// the deadline has come.
    ///
    /// Ask again after every call that takes `&mut self`: input and commands may start an earlier deadline. A whole
    /// message only postpones deadlines, so a deadline from before it is at worst too early.
    ///
    /// Commands have no argument `now`. A deadline that a command starts counts from the `now` of the next call that
    /// has one, which is usually this one. The deadlines of queued output do not count from a `receive` without input.
    #[must_use]
    pub fn poll_timeout(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        self.stamp(now);
        self.clock.deadline(self.waits(), &self.config)
    }

    /// The earliest deadline, if it may be earlier than at the last call; else `None`, and the deadline of that call is
    /// at worst too early.
    #[cfg(any(feature = "server", feature = "tokio"))]
    #[inline]
    pub(crate) fn poll_earlier_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.stamp(now);
        if self.clock.take_earlier() { self.poll_timeout(now).map(|(deadline, _)| deadline) } else { None }
    }

    /// Whether a deadline has come by `now`. A driver reads first what the peer may have sent in time: all that the
    /// system has for the stream, which is more than it reads otherwise. [`Inbox`](crate::Inbox) shows how.
    #[must_use]
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.poll_timeout(now).is_some_and(|(deadline, _)| deadline <= now)
    }

    /// Acts on the deadlines up to `now`. Take the events that follow with [`poll_event`](Self::poll_event). An early
    /// or repeated call does nothing. After a jump of the clock each timer fires once.
    ///
    /// | timer | effect |
    /// |---|---|
    /// | [`Opening`](Timer::Opening) | a server answers 408 to a request that has begun; else the socket is closed |
    /// | [`Accept`](Timer::Accept) | 503 answers the request |
    /// | [`Ping`](Timer::Ping) | a Ping is sent |
    /// | [`Pong`](Timer::Pong) | Close 1011 is sent; the code of the `Disconnect` is 1006 |
    /// | [`Idle`](Timer::Idle) | Close 1001 is sent; the code is 1006 |
    /// | [`Message`](Timer::Message) | Close 1008 is sent; the code is 1006 |
    /// | [`Write`](Timer::Write) | the socket is closed; the code is 1006 unless the peer's Close has come |
    /// | [`Drain`](Timer::Drain) | the same |
    /// | [`Closing`](Timer::Closing) | the socket is closed; the code is 1006 unless the peer's Close has come |
    /// | [`Linger`](Timer::Linger) | the socket is closed; the `Disconnect` has been handed out before |
    ///
    /// When `Opening` expires on a client that has the head of a rejection, the rejection is handed out without the
    /// rest of its body.
    ///
    /// `Write` and `Drain` also end what [`held_by`](Self::held_by) names. If `receive` left a rest, hand it in: the
    /// bytes that came before are handed out, and then the [`Disconnect`](crate::Event::Disconnect), as after
    /// [`transport_failed`](Self::transport_failed). The peer's Close may be among them, and has the code that matters.
    /// [`Inbox::handle_timeout`](crate::Inbox::handle_timeout) reads first what the hold has left in the stream.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.expired(now) {
            match timer {
                Timer::Opening => self.opening_timed_out(),
                Timer::Accept => self.accept_timed_out(),
                Timer::Ping => self.send_keepalive(now),
                Timer::Pong => self.end_timed_out(CloseCode::INTERNAL_ERROR, "no sign of life", timer),
                Timer::Idle => self.end_timed_out(CloseCode::GOING_AWAY, "idle", timer),
                Timer::Message => self.end_timed_out(CloseCode::POLICY_VIOLATION, "message too slow", timer),
                // A Close would wait behind the bytes that cannot be written.
                Timer::Write | Timer::Drain if self.has_held() => self.give_up_transport(timer),
                Timer::Write | Timer::Drain | Timer::Closing if self.can(Action::Abort) => {
                    self.end_aborted(self.local_party(), Cause::TimedOut(timer), None);
                }
                Timer::Write | Timer::Drain | Timer::Closing | Timer::Linger => self.skip_to_close(),
            }
        }
    }

    /// Pauses reading: while messages may come, [`receive`](Self::receive) hands out nothing,
    /// [`wants_read`](Self::wants_read) is `false`, and the deadlines of [`Pong`](Timer::Pong), [`Idle`](Timer::Idle)
    /// and [`Message`](Timer::Message) are suspended. Keepalive Pings go on.
    ///
    /// A pause does not stop the handshakes. The peer's part of the opening handshake is read; after a Close by either
    /// end, the rest of the closing handshake is read, and then the end of the stream. Nor does a pause hide the end of
    /// the transport: after [`receive_eof`](Self::receive_eof) and [`transport_failed`](Self::transport_failed), and
    /// once [`Write`](Timer::Write) or [`Drain`](Timer::Drain) has expired, the bytes that came before are handed out,
    /// and then the [`Disconnect`](crate::Event::Disconnect).
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.pause_reading();
    /// assert!(connection.is_reading_paused() && !connection.wants_read());
    /// connection.resume_reading();
    /// assert!(connection.wants_read());
    /// ```
    pub fn pause_reading(&mut self) {
        self.clock.set_paused(true);
    }

    /// Resumes reading. The suspended deadlines go on where they stopped.
    pub fn resume_reading(&mut self) {
        self.clock.set_paused(false);
    }

    /// Whether reading is [paused](Self::pause_reading).
    #[must_use]
    pub const fn is_reading_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// Notes whether the driver reads nothing for reasons of its own, as [`wants_read`](Self::wants_read) says then.
    /// What it has read is handed out. The timers see it as an output that is full: an unfinished message may not wait
    /// for ever.
    #[cfg(feature = "server")]
    pub(crate) fn set_unread(&mut self, is_unread: bool, now: Instant) {
        self.stamp(now);
        self.clock.set_unread(is_unread, now);
    }

    /// Notes a sign of life of the peer in bytes that the driver cannot hand in. If it keeps them as a part of
    /// something, they are the beginning of a message.
    #[cfg(feature = "server")]
    pub(crate) fn hear(&mut self, is_part: bool, now: Instant) {
        self.stamp(now);
        self.clock.bytes_came(now);
        self.clock.input_ended(is_part || self.incoming.is_mid_message());
    }

    /// Whether [`handle_timeout`](Self::handle_timeout) is to end the connection because of its output, while a hold
    /// leaves the peer's bytes in the stream. A Close among them has the code that matters, and the hold has no use any
    /// more: read them first.
    pub(crate) fn gives_up_unread(&mut self, now: Instant) -> bool {
        let is_left = self.phase() == Phase::Open && self.transport.is_open() && !self.wants_read();
        is_left && {
            self.stamp(now);
            self.clock.is_output_due(now, &self.config)
        }
    }

    /// Whether the driver reads nothing for reasons of its own.
    #[cfg(feature = "server")]
    pub(crate) const fn is_unread(&self) -> bool {
        self.clock.is_unread()
    }

    /// The time from the writing of the last keepalive Ping that was answered to its Pong, in microseconds at best;
    /// `None` before the first Pong.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// assert_eq!(connection.round_trip_time(), None, "no keepalive Ping has been answered");
    /// assert_eq!(connection.last_heard(), now);
    /// ```
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    /// The time of the last bytes of the peer; before any, the time when the connection began. Bytes that are
    /// [held](Self::held_by) count when they are first handed in, and once more when they are taken.
    #[must_use]
    pub const fn last_heard(&self) -> Instant {
        self.clock.last_heard()
    }

    /// Sets the pending times to `now`, if there are any.
    #[inline]
    pub(super) fn stamp(&mut self, now: Instant) {
        if self.has_pending() {
            self.stamp_pending(now);
        }
    }

    /// Whether a time is pending, which the next `now` sets, or `receive` must look whether something is held.
    #[inline]
    pub(super) const fn has_pending(&self) -> bool {
        self.clock.has_pending() || self.outgoing.has_edge()
    }

    #[cold]
    pub(super) fn stamp_pending(&mut self, now: Instant) {
        self.outgoing.set_edge(false);
        if !self.outgoing.is_settled() || self.transport.has_rest() {
            self.settle_output();
        }
        self.clock.stamp(now, self.outgoing.is_empty(), self.outgoing.level());
    }

    #[cold]
    fn settle_output(&mut self) {
        self.outgoing.settle(self.marks());
        // Each `receive` must look whether something is held. A pause has the clock say so.
        self.outgoing.set_edge(self.outgoing.level() == Level::High || self.transport.has_rest());
    }

    fn expired(&mut self, now: Instant) -> Option<Timer> {
        self.stamp(now);
        self.clock.expired(now, self.waits(), &self.config)
    }

    #[inline]
    fn waits(&self) -> Waits {
        match self.phase() {
            Phase::Idle | Phase::Requested if self.incoming.pending_request().is_some() => Waits::Decision,
            Phase::Idle | Phase::Requested if self.incoming.awaits_handshake() && self.transport.is_open() => {
                Waits::Handshake
            }
            Phase::Idle | Phase::Requested => Waits::Nothing,
            Phase::Open => Waits::Messages { can_ping: !self.transport.has_failed() },
            Phase::ClientClosed | Phase::ApplicationClosed => Waits::Close,
            Phase::Closed if !self.outgoing.is_empty() => Waits::Close,
            Phase::Closed if self.transport.is_closing() => Waits::Nothing,
            Phase::Closed => Waits::Eof,
        }
    }

    fn opening_timed_out(&mut self) {
        let cause = Cause::TimedOut(Timer::Opening);
        if self.incoming.has_begun_request() {
            self.end_refused(&Response::new(StatusCode::REQUEST_TIMEOUT), cause, None);
        } else if self.incoming.has_begun_rejection() {
            // The status and the headers of a rejection are enough. Its body ends here.
            self.transport.end_input();
        } else {
            self.end_aborted(self.local_party(), cause, None);
        }
    }

    /// Drops the queued bytes. The end follows the bytes of the peer that are held: its Close may be among them.
    #[cold]
    fn give_up_transport(&mut self, timer: Timer) {
        self.transport.time_out(timer);
        self.outgoing.clear();
    }

    fn end_timed_out(&mut self, code: CloseCode, reason: &str, timer: Timer) {
        self.end_failed(CloseFrame::new(code, reason), Cause::TimedOut(timer));
    }

    fn accept_timed_out(&mut self) {
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        self.end_refused(&response, Cause::TimedOut(Timer::Accept), None);
    }

    fn send_keepalive(&mut self, now: Instant) {
        #[cfg(feature = "deflate")]
        self.outgoing.forget_if_unused();
        let payload = self.clock.ping_sent(now, !self.outgoing.is_empty());
        self.clock.mark(self.outgoing.keepalive(&payload));
        self.transition(self.local_party(), Action::Ping);
    }
}
