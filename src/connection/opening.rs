//! Opening: the application's answer to a request, and handshakes that were done elsewhere.

use super::{Connection, Incoming, reader, transport::Ending};
use crate::{
    agreed::Agreed,
    config::Config,
    error::{AcceptError, HandshakeError, RejectError, SetConfigError},
    event::Cause,
    handshake::{Accept, Request, Response},
    random::Random,
    role::Role,
    state::{Action, Party, Phase},
};
use http::StatusCode;
use std::{sync::Arc, time::Instant};

/// # C: commands that answer a request
impl Connection {
    /// A connection whose opening handshake was done elsewhere: by an HTTP server, or over HTTP/2 (RFC 8441) or HTTP/3
    /// (RFC 9220). It is [`Open`](Phase::Open). Hand the bytes that came after the handshake to
    /// [`receive`](Connection::receive) first.
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Event, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Arc::new(Config::default());
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), config, Instant::now());
    /// // The example of RFC 6455 section 5.7.
    /// let mut bytes = *b"\x81\x05Hello";
    /// let Some(Event::Message(message)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
    /// assert_eq!(message.as_text(), Some("Hello"));
    /// ```
    #[must_use]
    pub fn established(role: Role, agreed: Agreed, config: Arc<Config>, now: Instant) -> Self {
        let random = match role {
            Role::Client => Some(agreed.seed.map_or_else(Random::from_system, Random::from_seed)),
            Role::Server => None,
        };
        let incoming = Incoming::frames(reader(role, &config, &agreed));
        let subprotocol = agreed.subprotocol.map(|name| Box::new(name.into_boxed_str()));
        #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "only compression changes it"))]
        let mut connection = Self::new(role, Phase::Open, incoming, random, subprotocol, config, now);
        #[cfg(feature = "deflate")]
        connection.compress(agreed.deflate);
        connection
    }

    /// The request that waits for its answer, on a server; `None` if there is none.
    ///
    /// ```
    /// # use statesocket::{Config, Connection, Phase};
    /// # use std::{sync::Arc, time::Instant};
    /// # let mut bytes = *b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    /// # let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// # let _ = connection.receive(&mut &mut bytes[..], Instant::now());
    /// assert_eq!(connection.phase(), Phase::Requested);
    /// assert_eq!(connection.request().map(|request| request.path()), Some("/chat"));
    /// ```
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.incoming.pending_request().map(|request| &**request)
    }

    /// Replaces the configuration, once the request has said which one it needs. A request must wait for its answer.
    ///
    /// The new one applies to everything behind the head of the request: the bytes that the client has sent before the
    /// answer, the wait for the answer, and the open connection. `max_head_bytes`, `max_request_line_bytes`,
    /// `max_headers`, `max_list_elements`, `plain_http` and `opening_timeout` concern only the head, so they have no
    /// effect any more.
    ///
    /// If the client has already sent more than the new `max_early_bytes`, the connection ends as if those bytes came
    /// now: the request is answered with 400. Take the [`Disconnect`](crate::Event::Disconnect) with
    /// [`poll_event`](Self::poll_event).
    ///
    /// ```
    /// use statesocket::{Config, Connection, Event, handshake::Accept};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// # let mut bytes = *b"GET /upload HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    /// let small = Arc::new(Config::default().with(|config| config.max_message_bytes = 64 << 10));
    /// let large = Arc::new(Config::default().with(|config| config.max_message_bytes = 1 << 30));
    /// let mut connection = Connection::server(small, Instant::now());
    /// let Some(Event::Request(request)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
    /// if request.path() == "/upload" {
    ///     connection.set_config(large)?;
    /// }
    /// connection.accept(Accept::new())?;
    /// assert_eq!(connection.config().max_message_bytes, 1 << 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetConfigError`] if no request waits for an answer of this end; on a client none ever does.
    pub fn set_config(&mut self, config: Arc<Config>) -> Result<(), SetConfigError> {
        let early_len = self.incoming.early_len().ok_or(SetConfigError::NoRequest)?;
        let limit = config.max_early_bytes;
        self.config = config;
        self.clock.timeouts_changed();
        // A pause before the answer has the old marks looked up.
        self.outgoing.settle(self.marks());
        if early_len > limit {
            self.fail_handshake(HandshakeError::TooMuchEarlyData { limit });
        }
        Ok(())
    }

    /// The status of our answer to a request that has not been accepted.
    pub(crate) fn answer(&self) -> Option<StatusCode> {
        self.outcome.answer()
    }

    /// Whether a part of the request has come, and not all of it.
    #[cfg(feature = "server")]
    pub(crate) fn has_begun_request(&self) -> bool {
        self.incoming.has_begun_request()
    }

    /// Accepts the request with a 101 response. Messages may be sent at once (RFC 6455 section 4.2.2).
    ///
    /// The connection has held the bytes that the client sent before the answer. Take their events with
    /// [`poll_event`](Self::poll_event) or the next [`receive`](Self::receive).
    ///
    /// # Errors
    /// [`AcceptError`] if no request waits, the stream has ended or failed, the request is plain HTTP, or the client
    /// did not offer the subprotocol.
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        self.check(Action::Accept)?;
        if !self.transport.is_open() {
            return Err(AcceptError::TransportLost);
        }
        let request = self.incoming.pending_request().expect("a request waits in phase Requested");
        let agreed = self.outgoing.write_head(|head| accept.respond(request, &self.config, head))?;
        self.open(agreed);
        self.transition(Party::Application, Action::Accept);
        Ok(())
    }

    /// Answers the request with a final response other than 101, which rejects or redirects it: a [`Response`], or a
    /// [`StatusCode`] alone. It gets `Content-Length` and `Connection: close`, and the connection ends. The answer to a
    /// HEAD is written without its body. [`respond`](Self::respond) serves a request of plain HTTP.
    ///
    /// # Errors
    /// [`RejectError`] if no request waits, or if the response is not a final one that can be written.
    ///
    /// ```
    /// use statesocket::{Connection, RejectError, handshake::Response, http::StatusCode};
    ///
    /// fn refuse(connection: &mut Connection, is_member: bool) -> Result<(), RejectError> {
    ///     if is_member {
    ///         connection.reject(Response::new(StatusCode::NOT_FOUND).body("no such room"))
    ///     } else {
    ///         connection.reject(StatusCode::FORBIDDEN)
    ///     }
    /// }
    /// # let _ = refuse;
    /// ```
    pub fn reject(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        self.check(Action::Reject)?;
        let response = response.into();
        self.end_with(&response, Cause::Rejected(response.status))
    }

    /// Answers a request of plain HTTP with a final response. It is written as by [`reject`](Self::reject), and the
    /// connection ends with the cause [`Answered`](Cause::Answered). In the table this is the same action as `reject`:
    /// no WebSocket is opened.
    ///
    /// # Errors
    /// Those of [`reject`](Self::reject), and [`RejectError::AsksForWebSocket`] if the request could be accepted.
    ///
    /// ```
    /// use statesocket::{Cause, Config, Connection, Event, handshake::Response, http::StatusCode};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Config::default().with(|config| config.plain_http = true);
    /// let mut connection = Connection::server(Arc::new(config), Instant::now());
    /// let mut bytes = *b"GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n";
    /// let Some(Event::Request(_)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
    /// connection.respond(Response::new(StatusCode::OK).body("well"))?;
    /// assert!(connection.output().starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// let Some(Event::Disconnect(end)) = connection.poll_event() else { panic!() };
    /// assert_eq!(end.cause, Cause::Answered(StatusCode::OK));
    /// # Ok::<(), statesocket::RejectError>(())
    /// ```
    pub fn respond(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        self.check(Action::Reject)?;
        if self.request().is_some_and(Request::is_websocket) {
            return Err(RejectError::AsksForWebSocket);
        }
        let response = response.into();
        self.end_with(&response, Cause::Answered(response.status))
    }

    fn end_with(&mut self, response: &Response, cause: Cause) -> Result<(), RejectError> {
        self.outgoing.extend(&response.encode(self.incoming.is_head_request(), self.config.date)?);
        self.outcome.answered(response.status);
        self.end_answered(cause, Ending::Drain);
        Ok(())
    }
}
