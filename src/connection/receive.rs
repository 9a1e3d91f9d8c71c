//! Group B: what comes from the network.

use super::{
    Connection, Stage,
    transmit::{Ending, Transport},
};
use crate::{
    config::Config,
    error::{HandshakeError, ProtocolError},
    event::{Cause, Event},
    handshake::{Request, Response, request_reader::Pending, response_reader::Answer},
    message::{
        Message,
        reader::{Item, Reader},
    },
    spare::Spare,
    state::{Action, Party, Phase, State},
};
use std::{sync::Arc, time::Instant};

/// What a client sent before it was accepted: read before anything that comes later.
#[derive(Debug)]
pub(super) struct Early {
    reader: Reader,
    bytes: Vec<u8>,
    read: usize,
}

impl Early {
    pub(super) const fn new(reader: Reader, bytes: Vec<u8>) -> Self {
        Self { reader, bytes, read: 0 }
    }

    /// The next item, which owns what it holds: the bytes are ours.
    fn next(&mut self, config: &Config, spare: Option<&mut Spare>) -> Result<Option<Item<'static>>, ProtocolError> {
        let mut input = &mut self.bytes[self.read..];
        let item = self.reader.read(&mut input, config, spare)?.map(Item::into_owned);
        let left = input.len();
        self.read = self.bytes.len() - left;
        Ok(item)
    }
}

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
        if self.transport == Transport::Up {
            self.transport = Transport::AtEof;
        }
    }

    /// The transport has failed, or writing to it has: nothing more comes or goes. Take the events that follow with
    /// [`poll_event`](Self::poll_event).
    ///
    /// After a failed write, hand in first what can still be read: it may hold the peer's Close.
    pub fn transport_failed(&mut self) {
        self.transport = Transport::Failed;
        self.output.clear();
    }

    /// Whether to read from the socket: not after its end, not when it is to be closed, and not while reading is
    /// [paused](Self::pause_reading), unless only the end of the stream is waited for.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let is_heard = !self.is_reading_paused() || self.phase == Phase::Closed;
        self.transport == Transport::Up && !self.is_socket_done() && is_heard
    }

    /// The short way, for what most input is: a whole message on an open connection of which the clock has nothing to
    /// learn. `None` says nothing.
    #[inline(always)]
    fn receive_whole<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Message<'b>> {
        let Stage::Frames(reader) = &self.stage else { return None };
        if self.has_news() {
            return None;
        }
        match reader.read_whole(input)? {
            Ok(message) => {
                self.note_bytes(now);
                self.on_message();
                Some(message)
            }
            Err(error) => {
                self.note_bytes(now);
                self.fail(error);
                None
            }
        }
    }

    // Not inlined, and so no burden on those who take the short way.
    #[inline(never)]
    fn receive_any<'b>(&mut self, input: &mut &'b mut [u8], now: Instant) -> Option<Event<'b>> {
        self.freshen(now);
        if !input.is_empty() {
            self.note_bytes(now);
        } else if self.is_at_rest() {
            return None;
        }
        let event = self.receive_whole(input, now).map(Event::Message).or_else(|| self.next_event(input));
        self.freshen(now);
        event
    }

    /// Whether nothing can happen without more input.
    #[inline]
    fn is_at_rest(&self) -> bool {
        let is_at_rest = matches!(&self.stage, Stage::Frames(reader) if !reader.is_mid_message());
        debug_assert!(!(is_at_rest && self.disconnect_is_due), "after the end everything is discarded");
        is_at_rest && self.transport == Transport::Up
    }

    fn next_event<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        if self.disconnect_is_due {
            return self.take_disconnect();
        }
        match &mut self.stage {
            Stage::Frames(reader) => {
                let item = reader.read(input, &self.config, self.output.spare());
                self.on_item(item)
            }
            Stage::Early(early) => match early.next(&self.config, self.output.spare()) {
                Ok(None) => {
                    let reader = std::mem::replace(&mut early.reader, Reader::new(self.role, &self.config));
                    self.stage = Stage::Frames(reader);
                    self.next_event(input)
                }
                item => self.on_item(item),
            },
            Stage::Request(reader) => match reader.read(input, &self.config) {
                Ok(Some(request)) => Some(self.on_request(Arc::new(request))),
                Ok(None) => self.on_end_of_input(),
                Err(error) => self.on_handshake_error(error),
            },
            Stage::Decision(pending) => match pending.hold(input, &self.config) {
                Ok(()) => self.on_end_of_input(),
                Err(error) => self.on_handshake_error(error),
            },
            Stage::Response(reader) => match reader.read(input, &self.config) {
                Ok(None) if self.transport != Transport::Up => match reader.end_of_stream() {
                    Some(response) => Some(self.on_rejected(response)),
                    None => self.on_end_of_input(),
                },
                Ok(None) => self.on_end_of_input(),
                Ok(Some(Answer::Accepted { response, subprotocol })) => Some(self.on_accepted(response, subprotocol)),
                Ok(Some(Answer::Rejected(response))) => Some(self.on_rejected(response)),
                Err(error) => self.on_handshake_error(error),
            },
            Stage::Discard => {
                *input = &mut [];
                self.on_end_of_input()
            }
        }
    }

    fn on_request(&mut self, request: Arc<Request>) -> Event<'static> {
        self.stage = Stage::Decision(Box::new(Pending::new(Arc::clone(&request))));
        self.transition(Party::Client, Action::Open);
        Event::Request(request)
    }

    fn on_accepted(&mut self, response: Response, subprotocol: Option<String>) -> Event<'static> {
        self.stage = Stage::Frames(Reader::new(self.role, &self.config));
        self.subprotocol = subprotocol.map(String::into_boxed_str);
        self.transition(Party::Application, Action::Accept);
        Event::Accepted(Box::new(response))
    }

    fn on_rejected(&mut self, response: Response) -> Event<'static> {
        self.transition(Party::Application, Action::Reject);
        self.end(Cause::Rejected(response.status), Some(Party::Application), Ending::Close);
        Event::Rejected(Box::new(response))
    }

    fn on_handshake_error(&mut self, error: HandshakeError) -> Option<Event<'static>> {
        self.fail_handshake(error);
        self.take_disconnect()
    }

    #[inline]
    fn on_message(&mut self) {
        self.transition(self.local_party().peer(), Action::Message);
        self.note_message();
    }

    fn on_item<'b>(&mut self, item: Result<Option<Item<'b>>, ProtocolError>) -> Option<Event<'b>> {
        let item = match item {
            Ok(Some(item)) => item,
            Ok(None) => return self.on_end_of_input(),
            Err(error) => return self.on_violation(error),
        };
        let peer = self.local_party().peer();
        Some(match item {
            Item::Message(message) => {
                self.on_message();
                Event::Message(message)
            }
            Item::Chunk { data, is_last } => {
                self.transition(peer, Action::Message);
                if is_last {
                    self.note_message();
                } else {
                    self.note_part();
                }
                Event::Chunk { data, is_last }
            }
            Item::Ping(payload) => {
                self.transition(peer, Action::Ping);
                self.send_pong(&payload);
                self.note_control();
                Event::Ping(payload)
            }
            Item::Pong(payload) => {
                self.transition(peer, Action::Pong);
                self.note_pong(&payload);
                self.note_control();
                Event::Pong(payload)
            }
            Item::Close(frame) => {
                self.receive_close(frame);
                return self.take_disconnect();
            }
        })
    }

    #[cold]
    fn on_violation(&mut self, error: ProtocolError) -> Option<Event<'static>> {
        self.fail(error);
        self.take_disconnect()
    }

    /// All input has been taken. If the transport will bring no more, and the peer has not closed, it is lost.
    fn on_end_of_input(&mut self) -> Option<Event<'static>> {
        self.note_end_of_input();
        let peer = self.local_party().peer();
        let is_lost = match self.transport {
            Transport::Up => false,
            Transport::AtEof => self.phase.state_of(peer) != State::Disconnected,
            Transport::Failed => self.phase != Phase::Closed,
        };
        if is_lost {
            self.break_off(peer, Cause::TransportLost, None);
        }
        self.take_disconnect()
    }

    fn take_disconnect(&mut self) -> Option<Event<'static>> {
        let is_due = std::mem::take(&mut self.disconnect_is_due);
        let disconnect = self.disconnect.as_ref().filter(|_| is_due)?;
        Some(Event::Disconnect(disconnect.clone()))
    }
}
