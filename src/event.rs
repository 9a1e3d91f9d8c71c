//! What a connection tells its application.

use crate::{
    error::{HandshakeError, ProtocolError},
    handshake::{Request, Response},
    message::Message,
    state::Party,
    timer::Timer,
};
use http::StatusCode;
use std::{borrow::Cow, fmt, sync::Arc};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};

/// What happened. The state of the peer changes when the event that says so is handed out.
///
/// Payloads borrow from the buffer given to [`receive`](crate::Connection::receive), never from the connection, so a
/// handler can send on the connection while it holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// On a server: the client asked. Answer with [`accept`](crate::Connection::accept) or
    /// [`reject`](crate::Connection::reject), now or later.
    Request(Arc<Request>),
    /// On a client: the server accepted; the response holds its headers.
    Accepted(Box<Response>),
    /// On a client: the server answered with another status. [`Disconnect`](Self::Disconnect) follows.
    Rejected(Box<Response>),
    /// A whole message, with [`Delivery::Messages`](crate::Delivery::Messages).
    Message(Message<'b>),
    /// A piece of a message, with [`Delivery::Chunks`](crate::Delivery::Chunks). Where it ends means nothing.
    Chunk {
        /// The piece.
        data: Message<'b>,
        /// Whether the message ends with it.
        is_last: bool,
    },
    /// A Ping, which has been answered.
    Ping(Cow<'b, [u8]>),
    /// A Pong, asked for or not.
    Pong(Cow<'b, [u8]>),
    /// The end: the last event, exactly once for each connection.
    Disconnect(Box<Disconnect>),
}

/// How a connection ended.
///
/// This is what Starlette's `WebSocketDisconnect` tells, and why, and who began it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnect {
    /// RFC 6455 section 7.1.5: the code of the first Close received, 1005 if that had none, 1006 if none was received.
    ///
    /// The code of a Close that *we* sent, a violation's too, is in [`sent`](Self::sent).
    pub code: CloseCode,
    /// Section 7.1.6: the reason of the first Close received, or nothing. It is the peer's text, and section 5.5.1
    /// says of it: "clients MUST NOT show it to end users".
    pub reason: String,
    /// Why it ended.
    pub cause: Cause,
    /// The first Close received; code 1005 stands for an empty one.
    pub received: Option<CloseFrame>,
    /// The Close sent; code 1005 stands for an empty one.
    pub sent: Option<CloseFrame>,
    /// The party that began the end: by the first Close that this endpoint sent or received, by rejecting, by breaking
    /// off. `None` if the network or the clock did.
    pub initiator: Option<Party>,
    /// Whether both parties have sent and received a Close (section 7.1.4).
    ///
    /// With [`CloseReply::Manual`](crate::CloseReply::Manual) the event comes before our Close, and says `false`;
    /// [`Connection::disconnect`](crate::Connection::disconnect) tells how it ended afterwards.
    pub is_clean: bool,
}

impl Disconnect {
    /// Whether a client may hope that connecting again helps: whether the end was the network's, the clock's, or a
    /// server's that cannot serve at the moment. [`Reconnect`](crate::reconnect::Reconnect) says when to do it.
    ///
    /// | cause | retryable |
    /// |---|---|
    /// | the peer closed | 1001 going away, 1011 internal error, 1012 service restart, 1013 try again later, 1014 bad gateway |
    /// | rejected | 408, 425, 429, 500, 502, 503, 504, and any other 5xx that is not registered |
    /// | transport lost | yes, unless we had sent a Close |
    /// | timed out | yes, unless it was the answer to our Close |
    /// | local close, local abort | no: the application wanted it |
    /// | handshake or protocol violation | no: the peer will do it again |
    ///
    /// * 1011 is what a fault sends that may be gone by then, as 500 is, and what servers send that missed our Pong.
    /// * 1000, and no code at all (1005), are how a server says that it is done.
    /// * 1002, 1003 and 1007 to 1010 are about what we sent, or are, and we shall be the same.
    /// * What 3000 to 4999 mean only the application knows (RFC 6455 section 7.4.2).
    /// * 3xx asks for another URI, and the 4xx that are not listed for another request. The registered 5xx that are not
    ///   listed (501, 505 to 508, 510, 511) do not pass by waiting, or are WebDAV's. A 5xx that nobody knows is to be
    ///   treated "as being equivalent to the x00 status code of that class" (RFC 9110 section 15).
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
            Cause::PeerClosed => matches!(u16::from(self.code), 1001 | 1011..=1014),
            Cause::Rejected(status) => is_retryable_status(*status),
            Cause::TransportLost => self.sent.is_none(),
            Cause::TimedOut(timer) => match timer {
                Timer::Opening | Timer::Accept | Timer::Pong | Timer::Idle | Timer::Message | Timer::Write => true,
                Timer::Closing => false,
                // These end no connection.
                Timer::Ping | Timer::Linger => false,
            },
            Cause::LocalClosed | Cause::Handshake(_) | Cause::Protocol(_) | Cause::Aborted => false,
        }
    }
}

/// The 4xx are those whose definitions speak of a repetition (RFC 9110 section 15.5.9, RFC 8470 section 5.2, RFC 6585
/// section 4).
fn is_retryable_status(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 | 500 | 502..=504 => true,
        501 | 505..=508 | 510 | 511 => false,
        _ => status.is_server_error(),
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The peer sent a Close first.
    PeerClosed,
    /// We sent a Close first, and the peer answered it.
    LocalClosed,
    /// The application answered the request with this status instead of 101.
    Rejected(StatusCode),
    /// The peer broke the rules of the opening handshake.
    Handshake(HandshakeError),
    /// The peer broke the rules of the WebSocket protocol.
    Protocol(ProtocolError),
    /// The stream ended, or failed, before the closing handshake was over.
    TransportLost,
    /// The peer did not do in time what this timer waits for.
    TimedOut(Timer),
    /// We broke off: [`abort`](crate::Connection::abort).
    Aborted,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::LocalClosed => f.write_str("closed by us"),
            Self::Rejected(status) => write!(f, "answered with {status}"),
            Self::Handshake(error) => write!(f, "opening handshake failed: {error}"),
            Self::Protocol(error) => write!(f, "protocol violation: {error}"),
            Self::TransportLost => f.write_str("transport lost"),
            Self::TimedOut(timer) => write!(f, "timed out: {timer}"),
            Self::Aborted => f.write_str("aborted by us"),
        }
    }
}

/// The code, the reason if there is one, and the cause: one line for a log.
impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {:?}", self.reason)?;
        }
        let is_cut_short = !self.is_clean && (self.sent.is_some() || self.received.is_some());
        write!(f, " ({}{})", self.cause, if is_cut_short { ", not clean" } else { "" })
    }
}
