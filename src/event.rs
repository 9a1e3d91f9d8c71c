//! Events: the reports of a connection.

mod cause;
mod not_opened;

pub use cause::{Cause, CauseKind};
pub use not_opened::NotOpened;

use crate::{
    close_code::CloseCode,
    close_frame::CloseFrame,
    handshake::{Request, Response},
    message::Message,
    state::Party,
    timer::Timer,
};
use http::StatusCode;
use std::{borrow::Cow, fmt, sync::Arc};

/// Something that has happened. An action of the peer changes its state when the event of the action is handed out, not
/// earlier.
///
/// Payloads borrow from the buffer given to [`receive`](crate::Connection::receive), never from the connection. So your
/// code can send on the connection while it holds an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// On a server: the request of the client. Answer with [`accept`](crate::Connection::accept) or
    /// [`reject`](crate::Connection::reject), or with [`respond`](crate::Connection::respond) if it is plain HTTP, now
    /// or later. While the request waits, its browser opens no other connection to the same address (RFC 6455 section
    /// 4.1 item 2: "There MUST be no more than one connection in a CONNECTING state"). The connection forgets the
    /// request with the answer; the [`Arc`] keeps it for your code.
    Request(Arc<Request>),
    /// On a client: the server has accepted the request. The response holds its headers.
    Accepted(Box<Response>),
    /// On a client: the server has answered with a final status other than 101. [`Disconnect`](Self::Disconnect)
    /// follows.
    Rejected(Box<Response>),
    /// On a client: the server has answered with a 101 that breaks a rule of the opening handshake. The connection has
    /// failed. [`Disconnect`](Self::Disconnect) follows and names the rule.
    ///
    /// ```
    /// use statesocket::{Cause, Config, Connection, Event, HandshakeError, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/")?;
    /// let mut connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// let mut bytes = *b"HTTP/1.1 101 Switching Protocols\r\nServer: a proxy\r\n\r\n";
    /// let mut input = &mut bytes[..];
    /// let Some(Event::InvalidResponse(response)) = connection.receive(&mut input, Instant::now()) else { panic!() };
    /// assert_eq!(response.headers["server"], "a proxy");
    /// let Some(Event::Disconnect(end)) = connection.poll_event() else { panic!() };
    /// assert_eq!(end.cause, Cause::Handshake(HandshakeError::UpgradeMissing));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    InvalidResponse(Box<Response>),
    /// A whole message, with [`Delivery::Messages`](crate::Delivery::Messages).
    Message(Message<'b>),
    /// A chunk of a message, with [`Delivery::Chunks`](crate::Delivery::Chunks). The boundaries of chunks carry no
    /// meaning.
    Chunk {
        /// The chunk.
        data: Message<'b>,
        /// Whether the message ends with this chunk.
        is_last: bool,
    },
    /// A Ping. The connection has queued the Pong, unless the transport has failed.
    Ping(Cow<'b, [u8]>),
    /// A Pong, solicited or not. A browser sends it without its page: see
    /// [`Config::ping_interval`](crate::Config::ping_interval).
    Pong(Cow<'b, [u8]>),
    /// The end: the last event, exactly once per connection.
    Disconnect(Box<Disconnect>),
}

impl Event<'_> {
    /// The same event with a payload of its own, to keep it longer than the buffer that it borrows from.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Event, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// let mut buffer = *b"\x81\x05Hello";
    /// let event: Option<Event<'static>> = connection.receive(&mut &mut buffer[..], now).map(Event::into_owned);
    /// buffer.fill(0);
    /// assert_eq!(event, Some(Event::Message("Hello".into())));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Request(request) => Event::Request(request),
            Self::Accepted(response) => Event::Accepted(response),
            Self::Rejected(response) => Event::Rejected(response),
            Self::InvalidResponse(response) => Event::InvalidResponse(response),
            Self::Message(message) => Event::Message(message.into_owned()),
            Self::Chunk { data, is_last } => Event::Chunk { data: data.into_owned(), is_last },
            Self::Ping(payload) => Event::Ping(Cow::Owned(payload.into_owned())),
            Self::Pong(payload) => Event::Pong(Cow::Owned(payload.into_owned())),
            Self::Disconnect(disconnect) => Event::Disconnect(disconnect),
        }
    }
}

/// The end of a connection.
///
/// It carries the code and the reason, like Starlette's `WebSocketDisconnect`, and also the cause and the party that
/// began the end.
///
/// ```
/// use statesocket::{Agreed, Cause, CloseCode, Config, Connection, Event, Party, ProtocolError, Role};
/// use std::{sync::Arc, time::Instant};
///
/// let (config, now) = (Arc::new(Config::default()), Instant::now());
/// let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
/// let mut reserved_bit_set = *b"\xC1\x00";
/// let Some(Event::Disconnect(end)) = connection.receive(&mut &mut reserved_bit_set[..], now) else { panic!() };
/// assert_eq!(end.cause, Cause::Protocol(ProtocolError::ReservedBits));
/// assert_eq!(ProtocolError::ReservedBits.close_code(), CloseCode::PROTOCOL_ERROR);
/// assert_eq!((end.code, end.received), (CloseCode::ABNORMAL_CLOSURE, None));
/// assert_eq!(end.sent.map(|close| close.code), Some(CloseCode::PROTOCOL_ERROR));
/// assert_eq!((end.initiator, end.is_clean), (Some(Party::Client), false));
/// ```
#[doc(alias("WebSocketDisconnect", "ConnectionClosed"))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnect {
    /// RFC 6455 section 7.1.5: the code of the first Close received, 1005 if that had no code, 1006 if none was
    /// received.
    ///
    /// [`sent`](Self::sent) has the code of our own Close, also after a violation.
    pub code: CloseCode,
    /// Section 7.1.6: the reason of the first Close received, or an empty text. The peer chose it; section 5.5.1:
    /// "clients MUST NOT show it to end users".
    pub reason: String,
    /// The cause of the end.
    pub cause: Cause,
    /// The first Close received. Code 1005 stands for an empty one.
    pub received: Option<CloseFrame>,
    /// The Close sent. Code 1005 stands for an empty one. `None` also if the answer to the peer's Close could not
    /// leave, because the transport had failed before: then both parties are disconnected all the same.
    pub sent: Option<CloseFrame>,
    /// The party that began the end: with the first Close that this endpoint sent or received, with a rejection, or
    /// with an abort. `None` if the network began it, or a timeout that sends no Close.
    pub initiator: Option<Party>,
    /// Whether both parties have sent and received a Close (section 7.1.4). Ours may still be queued:
    /// [`Connection::has_closed_cleanly`](crate::Connection::has_closed_cleanly) says whether it has left. It is
    /// `false`, and the code is 1006, for all that ends before the connection is open, also for an answered request of
    /// plain HTTP.
    ///
    /// With [`CloseReply::Manual`](crate::CloseReply::Manual) the event comes before our Close and says `false`. After
    /// our Close, [`Connection::disconnected`](crate::Connection::disconnected) has the final value.
    pub is_clean: bool,
}

impl Disconnect {
    /// Whether a new connection may succeed. That is so if the network or a timeout ended this one, or if the server
    /// cannot serve at the moment. [`Reconnect`](crate::reconnect::Reconnect) says when to try.
    ///
    /// | cause | retryable |
    /// |---|---|
    /// | the peer closed | with 1001, 1011, 1012, 1013 or 1014 |
    /// | answered a request of plain HTTP | no: it was served |
    /// | rejected | 408, 425, 429, 500, 502, 503, 504, and any other 5xx that is not registered |
    /// | transport lost | yes, unless we had sent a Close |
    /// | timed out | yes, unless our Close did not leave or was not answered in time |
    /// | local close, local abort | no: your code wanted it |
    /// | unsent message | no: the peer reads too slowly for what it is sent |
    /// | handshake or protocol violation | no: the peer would repeat it |
    ///
    /// * 1011, like status 500, reports a fault that may be gone later. Servers also send it when our Pong was late.
    /// * 1000 and an empty Close (1005) say that the server is done.
    /// * 1002, 1003 and 1007 to 1010 complain about our messages, which a new connection would repeat.
    /// * Only your code knows the meaning of 3000 to 4999 (RFC 6455 section 7.4.2).
    /// * 3xx asks for another URI, and a 4xx that is not listed for another request. The registered 5xx that are not
    ///   listed (501, 505 to 508, 510, 511) do not pass with time, or belong to WebDAV. An unknown 5xx is treated "as
    ///   being equivalent to the x00 status code of that class" (RFC 9110 section 15).
    ///
    /// ```
    /// use statesocket::{Config, Connection, Event, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/")?;
    /// let mut connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// connection.receive_eof();
    /// let Some(Event::Disconnect(lost)) = connection.poll_event() else { panic!() };
    /// assert!(lost.is_retryable());
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &self.cause {
            Cause::PeerClosed => matches!(self.code.as_u16(), 1001 | 1011..=1014),
            Cause::Rejected(status) => is_retryable_status(*status),
            Cause::TransportLost(_) => self.sent.is_none(),
            Cause::TimedOut(timer) => match timer {
                Timer::Opening | Timer::Accept | Timer::Pong | Timer::Idle | Timer::Message => true,
                Timer::Write | Timer::Drain => self.sent.is_none(),
                Timer::Closing => false,
                // A keepalive Ping ends no connection, and `Linger` runs only after the end.
                Timer::Ping | Timer::Linger => false,
            },
            Cause::LocalClosed
            | Cause::Answered(_)
            | Cause::Handshake(_)
            | Cause::Protocol(_)
            | Cause::Aborted
            | Cause::Unsent
            | Cause::Overloaded => false,
        }
    }
}

/// The definitions of the listed 4xx allow a repetition of the request (RFC 9110 section 15.5.9, RFC 8470 section 5.2,
/// RFC 6585 section 4).
fn is_retryable_status(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 | 500 | 502..=504 => true,
        501 | 505..=508 | 510 | 511 => false,
        _ => status.is_server_error(),
    }
}

/// The code, the reason if there is one, the cause, and "not clean" if a closing handshake was cut short: one line for
/// a log. For an answered request of plain HTTP only the cause.
impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cause.kind() == CauseKind::Answered {
            return write!(f, "{}", self.cause);
        }
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {:?}", self.reason)?;
        }
        let is_cut_short = !self.is_clean && (self.sent.is_some() || self.received.is_some());
        write!(f, " ({}{})", self.cause, if is_cut_short { ", not clean" } else { "" })
    }
}

/// So a program can return an end with `?`. The message contains the cause, so there is no source.
///
/// ```
/// use statesocket::{Connection, Event};
/// use std::{error::Error, time::Instant};
///
/// fn take_events(connection: &mut Connection, mut input: &mut [u8]) -> Result<(), Box<dyn Error>> {
///     while let Some(event) = connection.receive(&mut input, Instant::now()) {
///         if let Event::Disconnect(end) = event {
///             return Err(end);
///         }
///     }
///     Ok(())
/// }
/// # let _ = take_events;
/// ```
impl std::error::Error for Disconnect {}
