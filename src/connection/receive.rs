//! Bytes of the peer to events.

use super::{
    Connection,
    incoming::{Arrival, Fault},
    transport::Ending,
};
use crate::{
    event::{Cause, Event},
    handshake::{Request, response_reader::Answer},
    message::{Message, item::Item},
    state::{Action, Party, Phase, State},
};
use std::{io::ErrorKind, sync::Arc, time::Instant};

/// # B: bytes of the peer
impl Connection {
    /// Returns the next event in `input`, and takes its bytes off the front of `input`. Call it until it returns
    /// `None`. Then all of `input` has been taken, unless [`held_by`](Self::held_by) names a reason to wait: keep the
    /// rest, and hand it in again, before any newer bytes, when `held_by` is `None`. As long as
    /// [`wants_read`](Self::wants_read) is `false`, read nothing; so there is at most one rest.
    ///
    /// Payloads are unmasked in place. The event borrows a message that lies whole in `input`: nothing is copied and
    /// nothing allocated. A message that straddles two inputs is assembled in the connection, so one buffer can serve
    /// all connections.
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Event, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let now = Instant::now();
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), Arc::new(Config::default()), now);
    /// let mut buffer = *b"\x81\x03one\x81\x03two";
    /// let mut input = &mut buffer[..];
    /// while let Some(event) = connection.receive(&mut input, now) {
    ///     if let Event::Message(message) = event {
    ///         connection.send_text(message.as_text().unwrap())?;
    ///     }
    /// }
    /// assert!(input.is_empty());
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    // In the caller's loop the fast path saves a third of the instructions of a small message.
    #[inline(always)]
    pub fn receive<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Event<'b>> {
        if self.has_pending() && self.holds_at(now, !input.is_empty()) {
            return None;
        }
        match self.receive_by_fast_path(input, now) {
            Some(message) => Some(Event::Message(message)),
            None => self.receive_by_general_path(input, now),
        }
    }

    /// Returns the next event that needs no more input. Call it after [`receive_eof`](Self::receive_eof),
    /// [`transport_failed`](Self::transport_failed), [`handle_timeout`](Self::handle_timeout), and after any command
    /// that may open or end the connection.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        if self.needs_input() || self.holds_pending() {
            return None;
        }
        self.next_event(&mut (&mut [] as &mut [u8]))
    }

    /// Tells the connection that the peer has ended the stream. Take the events that follow with
    /// [`poll_event`](Self::poll_event), or with [`receive`](Self::receive) if it has left a rest.
    ///
    /// The end is abnormal unless the peer's Close came before it. On a client it may also end the body of a rejection.
    pub fn receive_eof(&mut self) {
        self.transport.end_input();
    }

    /// Tells the connection that reading from the transport or writing to it has failed. Queued bytes are dropped. Take
    /// the events that follow with [`poll_event`](Self::poll_event).
    ///
    /// After a failed write, first hand in the bytes that can still be read: they may hold the peer's Close. If
    /// `receive` leaves a rest of them, hand it in after this call.
    pub fn transport_failed(&mut self) {
        self.transport.fail();
        self.outgoing.clear();
    }

    /// Does the same as [`transport_failed`](Self::transport_failed), and keeps the error of the system in the
    /// [`Cause`]: a log shows whether the peer has reset the connection or the network is gone. The first call counts.
    ///
    /// ```
    /// use statesocket::{Agreed, Cause, Config, Connection, Event, Role};
    /// use std::{io::ErrorKind, sync::Arc, time::Instant};
    ///
    /// let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.transport_failed_with(ErrorKind::ConnectionReset);
    /// let Some(Event::Disconnect(end)) = connection.poll_event() else { panic!() };
    /// assert_eq!(end.cause, Cause::TransportLost(Some(ErrorKind::ConnectionReset)));
    /// assert_eq!(end.cause.to_string(), "transport lost: connection reset");
    /// ```
    pub fn transport_failed_with(&mut self, error: ErrorKind) {
        if !self.transport.has_failed() {
            self.outcome.transport_failed(error);
        }
        self.transport_failed();
    }

    /// The most memory that reading may still cause until something is handed out, in bytes, besides what is reserved.
    #[cfg(feature = "server")]
    pub(crate) fn max_growth(&self) -> usize {
        usize::try_from(self.incoming.max_growth(&self.config)).unwrap_or(usize::MAX)
    }

    /// Fast path: `input` begins with a whole, unfragmented message. `None` means "take the general path", not "no
    /// event": a message with invalid text has ended the connection then, and the general path hands out the
    /// `Disconnect`.
    #[inline(always)]
    fn receive_by_fast_path<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Message<'b>> {
        match self.incoming.reader()?.read_whole(input)? {
            Ok(message) => {
                self.clock.bytes_came(now);
                self.on_message();
                Some(message)
            }
            Err(error) => {
                self.clock.bytes_came(now);
                self.fail_protocol(error);
                None
            }
        }
    }

    // Out of line, so that the loop around the fast path stays small.
    #[inline(never)]
    fn receive_by_general_path<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Event<'b>> {
        if !input.is_empty() {
            self.clock.bytes_came(now);
        } else {
            // The time of new output waits for a call that needs it: most output has been written by then.
            if self.clock.has_pending() {
                self.stamp_pending(now);
            }
            if self.needs_input() || self.holds_pending() {
                return None;
            }
        }
        let event = self.next_event(input);
        self.stamp(now);
        event
    }

    /// Whether no event can come without more input.
    #[inline]
    fn needs_input(&self) -> bool {
        let is_between_frames = self.incoming.reader().is_some_and(|reader| !reader.is_mid_message());
        debug_assert!(!(is_between_frames && self.outcome.is_due()), "after the end everything is discarded");
        is_between_frames && self.transport.is_open()
    }

    fn next_event<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        if self.outcome.is_due() {
            return self.take_disconnect();
        }
        let is_last = !self.transport.is_open();
        match self.incoming.next(input, &self.config, self.outgoing.spare(), is_last) {
            Ok(Some(Arrival::Item(item))) => self.on_item(item),
            Ok(Some(Arrival::Request(request))) => Some(self.on_request(Arc::new(request))),
            Ok(Some(Arrival::Answer(answer))) => Some(self.on_answer(answer)),
            Ok(None) => self.on_end_of_input(),
            Err(fault) => self.on_fault(fault),
        }
    }

    fn on_request(&mut self, request: Arc<Request>) -> Event<'static> {
        self.incoming.await_decision(Arc::clone(&request));
        self.transition(Party::Client, Action::Open);
        Event::Request(request)
    }

    #[cold]
    fn on_answer(&mut self, answer: Answer) -> Event<'static> {
        match answer {
            Answer::Accepted { response, agreed } => {
                self.open(agreed);
                self.transition(Party::Application, Action::Accept);
                Event::Accepted(Box::new(response))
            }
            Answer::Rejected(response) => {
                // A part of the request may still be queued.
                self.outgoing.clear();
                self.end_answered(Cause::Rejected(response.status), Ending::Close);
                Event::Rejected(Box::new(response))
            }
            Answer::Invalid { response, error } => {
                self.fail_handshake(error);
                Event::InvalidResponse(Box::new(response))
            }
        }
    }

    #[cold]
    fn on_fault(&mut self, fault: Fault) -> Option<Event<'static>> {
        match fault {
            Fault::Handshake(error) => self.fail_handshake(error),
            Fault::Protocol(error) => self.fail_protocol(error),
        }
        self.take_disconnect()
    }

    #[inline]
    fn on_message(&mut self) {
        self.transition(self.local_party().peer(), Action::Message);
        self.clock.message_came();
    }

    fn on_item<'b>(&mut self, item: Item<'b>) -> Option<Event<'b>> {
        let peer = self.local_party().peer();
        Some(match item {
            Item::Message(message) => {
                self.on_message();
                Event::Message(message)
            }
            Item::Chunk { data, is_last } => {
                self.transition(peer, Action::Message);
                if is_last {
                    self.clock.message_came();
                } else {
                    self.clock.part_came();
                }
                Event::Chunk { data, is_last }
            }
            Item::Ping(payload) => {
                self.transition(peer, Action::Ping);
                self.send_pong(&payload);
                self.clock.control_came(self.incoming.is_mid_message());
                Event::Ping(payload)
            }
            Item::Pong(payload) => {
                self.transition(peer, Action::Pong);
                self.clock.pong_came(&payload);
                self.clock.control_came(self.incoming.is_mid_message());
                Event::Pong(payload)
            }
            Item::Close(frame) => {
                self.receive_close(frame);
                return self.take_disconnect();
            }
        })
    }

    /// Ends the connection if all input has been taken and either the transport has failed, or the peer has ended the
    /// stream without a Close.
    fn on_end_of_input(&mut self) -> Option<Event<'static>> {
        if self.incoming.take_part() {
            self.clock.part_came();
        }
        if self.incoming.has_frames() {
            // They wait until more may be inflated.
            return None;
        }
        self.clock.input_ended(self.incoming.is_mid_message());
        let (local, peer) = (self.local_party(), self.local_party().peer());
        let has_peer_gone = self.transport.has_ended() && self.phase().state_of(peer) != State::Disconnected;
        let has_failed = self.transport.has_failed() && self.phase() != Phase::Closed;
        if has_peer_gone || has_failed {
            match self.transport.timed_out() {
                Some(timer) => self.end_aborted(local, Cause::TimedOut(timer), None),
                None => self.end_aborted(peer, Cause::TransportLost(self.outcome.failure()), None),
            }
        }
        self.take_disconnect()
    }

    fn take_disconnect(&mut self) -> Option<Event<'static>> {
        self.outcome.take().map(Event::Disconnect)
    }
}
