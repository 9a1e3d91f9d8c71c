//! The cause of the end of a connection.

use crate::{
    error::{HandshakeError, ProtocolError},
    timer::Timer,
};
use http::StatusCode;
use std::{fmt, io};

/// The cause of the end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The peer sent the first Close.
    PeerClosed,
    /// This endpoint sent the first Close, and the peer answered it.
    LocalClosed,
    /// The application answered the request with this status instead of 101.
    Rejected(StatusCode),
    /// A server has answered a request of plain HTTP with this status, by [`respond`](crate::Connection::respond).
    Answered(StatusCode),
    /// The peer broke the rules of the opening handshake.
    /// [`Event::InvalidResponse`](crate::Event::InvalidResponse) holds the 101 of a server that did so.
    Handshake(HandshakeError),
    /// The peer broke the rules of the WebSocket protocol.
    Protocol(ProtocolError),
    /// The stream ended or failed before the closing handshake was complete. The error is that of the system, if the
    /// driver has told it by [`transport_failed_with`](crate::Connection::transport_failed_with); `None` at the end of
    /// the stream.
    TransportLost(Option<io::ErrorKind>),
    /// This timer expired.
    TimedOut(Timer),
    /// This endpoint aborted, by [`abort`](crate::Connection::abort), by [`fail`](crate::Connection::fail), or by a
    /// command that acts like `abort` at this stage.
    Aborted,
    /// A server could not queue a message that another thread or session sent, and closed the connection with 1013
    /// rather than leave a hole in its stream.
    Unsent,
    /// All connections of a server together held more than `server::Limits::max_buffered_bytes`, and this one the most
    /// of it. The server closed it with 1013, as far as the system took the Close at once.
    Overloaded,
}

/// A [`Cause`] without its details, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CauseKind {
    /// [`Cause::PeerClosed`].
    PeerClosed,
    /// [`Cause::LocalClosed`].
    LocalClosed,
    /// [`Cause::Rejected`].
    Rejected,
    /// [`Cause::Answered`].
    Answered,
    /// [`Cause::Handshake`].
    Handshake,
    /// [`Cause::Protocol`].
    Protocol,
    /// [`Cause::TransportLost`].
    TransportLost,
    /// [`Cause::TimedOut`].
    TimedOut,
    /// [`Cause::Aborted`].
    Aborted,
    /// [`Cause::Unsent`].
    Unsent,
    /// [`Cause::Overloaded`].
    Overloaded,
}

impl CauseKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::PeerClosed,
        Self::LocalClosed,
        Self::Rejected,
        Self::Answered,
        Self::Handshake,
        Self::Protocol,
        Self::TransportLost,
        Self::TimedOut,
        Self::Aborted,
        Self::Unsent,
        Self::Overloaded,
    ];
}

impl Cause {
    /// The kind of the cause.
    ///
    /// ```
    /// use statesocket::{Cause, CauseKind, Timer};
    ///
    /// let kind = Cause::TimedOut(Timer::Pong).kind();
    /// assert_eq!((kind, kind.to_string().as_str()), (CauseKind::TimedOut, "timed out"));
    /// ```
    #[must_use]
    pub const fn kind(&self) -> CauseKind {
        match self {
            Self::PeerClosed => CauseKind::PeerClosed,
            Self::LocalClosed => CauseKind::LocalClosed,
            Self::Rejected(_) => CauseKind::Rejected,
            Self::Answered(_) => CauseKind::Answered,
            Self::Handshake(_) => CauseKind::Handshake,
            Self::Protocol(_) => CauseKind::Protocol,
            Self::TransportLost(_) => CauseKind::TransportLost,
            Self::TimedOut(_) => CauseKind::TimedOut,
            Self::Aborted => CauseKind::Aborted,
            Self::Unsent => CauseKind::Unsent,
            Self::Overloaded => CauseKind::Overloaded,
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerClosed => "peer closed",
            Self::LocalClosed => "closed locally",
            Self::Rejected => "rejected",
            Self::Answered => "answered",
            Self::Handshake => "handshake failed",
            Self::Protocol => "protocol violation",
            Self::TransportLost => "transport lost",
            Self::TimedOut => "timed out",
            Self::Aborted => "aborted",
            Self::Unsent => "unsent message",
            Self::Overloaded => "overloaded",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::LocalClosed => f.write_str("closed by us"),
            Self::Rejected(status) | Self::Answered(status) => write!(f, "answered with {status}"),
            Self::Handshake(error) => write!(f, "opening handshake failed: {error}"),
            Self::Protocol(error) => write!(f, "protocol violation: {error}"),
            Self::TransportLost(None) => f.write_str("transport lost"),
            Self::TransportLost(Some(kind)) => write!(f, "transport lost: {kind}"),
            Self::TimedOut(timer) => write!(f, "timed out: {timer}"),
            Self::Aborted => f.write_str("aborted by us"),
            Self::Unsent => f.write_str("a message could not be queued"),
            Self::Overloaded => f.write_str("the server held too much, and this connection the most of it"),
        }
    }
}
