//! Group B: what comes from the network.

use super::{
    Connection, Incoming,
    incoming::{Arrival, Fault},
    transport::Ending,
};
use crate::{
    event::{Cause, Event},
    handshake::{Request, Response, request_reader::Pending},
    message::{
        Message,
        reader::{Item, Reader},
    },
    state::{Action, Party, Phase, State},
};
use std::{sync::Arc, time::Instant};

impl Connection {
    /// Takes the next event out of `input`, and what made it off the front of `input`. Call it until it returns `None`:
    /// then all of `input` has been taken.
    ///
    /// Payloads are unmasked in place. A whole message that lies in `input` is lent to the event: nothing is copied,
    /// nothing allocated. What straddles two inputs is put together inside, so one buffer can serve all connections.
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
    // With the short way in the caller's loop a small message costs a third less.
    #[inline(always)]
    pub fn receive<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Event<'b>> {
        match self.receive_whole(input, now) {
            Some(message) => Some(Event::Message(message)),
            None => self.receive_any(input, now),
        }
    }

    /// Takes the next event that needs no more input: after [`receive_eof`](Self::receive_eof),
    /// [`transport_failed`](Self::transport_failed), [`handle_timeout`](Self::handle_timeout), and after any method of
    /// group C that may end the connection or open it.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        self.next_event(&mut (&mut [] as &mut [u8]))
    }

    /// The peer has ended the stream: after what was received, nothing more comes. Take the events that follow with
    /// [`poll_event`](Self::poll_event).
    ///
    /// It is an abnormal end unless the peer's Close was received before. On a client it may also end the body of a
    /// rejection.
    pub fn receive_eof(&mut self) {
        self.transport.end_input();
    }

    /// The transport has failed, or writing to it has: nothing more comes or goes. Take the events that follow with
    /// [`poll_event`](Self::poll_event).
    ///
    /// After a failed write, hand in first what can still be read: it may hold the peer's Close.
    pub fn transport_failed(&mut self) {
        self.transport.fail();
        self.outgoing.output.clear();
    }

    /// Whether to read from the socket: not after its end, not when it is to be closed, and not while reading is
    /// [paused](Self::pause_reading), unless only the end of the stream is waited for.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let is_heard = !self.is_reading_paused() || self.phase() == Phase::Closed;
        self.transport.is_open() && !self.transport.is_done() && is_heard
    }

    /// The short way, for what most input is: a whole message on an open connection of which the clock has nothing to
    /// learn. `None` says nothing.
    #[inline(always)]
    fn receive_whole<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Message<'b>> {
        let reader = self.incoming.as_frames()?;
        if self.is_untold() {
            return None;
        }
        match reader.read_whole(input)? {
            Ok(message) => {
                self.clock.bytes_came(now);
                self.on_message();
                Some(message)
            }
            Err(error) => {
                self.clock.bytes_came(now);
                self.fail(error);
                None
            }
        }
    }

    // Not inlined, and so no burden on those who take the short way.
    #[inline(never)]
    fn receive_any<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Event<'b>> {
        self.tell_time(now);
        if !input.is_empty() {
            self.clock.bytes_came(now);
        } else if self.is_at_rest() {
            return None;
        }
        let event = self.receive_whole(input, now).map(Event::Message).or_else(|| self.next_event(input));
        self.tell_time(now);
        event
    }

    /// Whether nothing can happen without more input.
    #[inline]
    fn is_at_rest(&self) -> bool {
        let is_at_rest = self.incoming.as_frames().is_some_and(|reader| !reader.is_mid_message());
        debug_assert!(!(is_at_rest && self.farewell.is_due()), "after the end everything is discarded");
        is_at_rest && self.transport.is_open()
    }

    fn next_event<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        if self.farewell.is_due() {
            return self.take_disconnect();
        }
        let is_last = !self.transport.is_open();
        match self.incoming.next(input, &self.config, self.outgoing.output.spare(), is_last) {
            Ok(Some(Arrival::Item(item))) => self.on_item(item),
            Ok(Some(Arrival::Request(request))) => Some(self.on_request(Arc::new(request))),
            Ok(Some(Arrival::Accepted { response, subprotocol })) => Some(self.on_accepted(response, subprotocol)),
            Ok(Some(Arrival::Rejected(response))) => Some(self.on_rejected(response)),
            Ok(None) => self.on_end_of_input(),
            Err(fault) => self.on_fault(fault),
        }
    }

    fn on_request(&mut self, request: Arc<Request>) -> Event<'static> {
        self.incoming = Incoming::Decision(Box::new(Pending::new(Arc::clone(&request))));
        self.transition(Party::Client, Action::Open);
        Event::Request(request)
    }

    fn on_accepted(&mut self, response: Response, subprotocol: Option<String>) -> Event<'static> {
        self.incoming = Incoming::Frames(Reader::new(self.role, &self.config));
        self.subprotocol = subprotocol.map(String::into_boxed_str);
        self.transition(Party::Application, Action::Accept);
        Event::Accepted(Box::new(response))
    }

    fn on_rejected(&mut self, response: Response) -> Event<'static> {
        self.transition(Party::Application, Action::Reject);
        self.end(Cause::Rejected(response.status), Some(Party::Application), Ending::Close);
        Event::Rejected(Box::new(response))
    }

    #[cold]
    fn on_fault(&mut self, fault: Fault) -> Option<Event<'static>> {
        match fault {
            Fault::Handshake(error) => self.fail_handshake(error),
            Fault::Protocol(error) => self.fail(error),
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

    /// All input has been taken. If the transport will bring no more, and the peer has not closed, it is lost.
    fn on_end_of_input(&mut self) -> Option<Event<'static>> {
        if self.incoming.take_part() {
            self.clock.part_came();
        }
        self.clock.input_ended(self.incoming.is_mid_message());
        let peer = self.local_party().peer();
        let has_peer_gone = self.transport.has_ended() && self.phase().state_of(peer) != State::Disconnected;
        let has_failed = self.transport.has_failed() && self.phase() != Phase::Closed;
        if has_peer_gone || has_failed {
            self.break_off(peer, Cause::TransportLost, None);
        }
        self.take_disconnect()
    }

    fn take_disconnect(&mut self) -> Option<Event<'static>> {
        self.farewell.take().map(Event::Disconnect)
    }
}
