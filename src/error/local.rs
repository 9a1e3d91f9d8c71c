//! Mistakes of your code: one enum per operation.

use crate::{close_code::CloseCode, state::TransitionError};
use http::{StatusCode, header::HeaderName};

/// The error of [`Connection::accept`](crate::Connection::accept) and
/// [`Accept::header`](crate::handshake::Accept::header).
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The table does not allow the action in this phase.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The stream has ended or failed. The event that says so has not been taken yet.
    #[error("the transport is lost")]
    TransportLost,
    /// The request is plain HTTP. Only [`respond`](crate::Connection::respond) and
    /// [`reject`](crate::Connection::reject) can answer it.
    #[error("a plain HTTP request cannot be accepted as a WebSocket")]
    NotWebSocket,
    /// Section 4.2.2: the chosen subprotocol "MUST be derived from the client's handshake".
    #[error("the client did not offer the subprotocol {0:?}")]
    SubprotocolNotOffered(String),
    /// The header is part of the handshake: `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding`, or one that
    /// begins with `Sec-WebSocket-`.
    #[error("the header {0} belongs to the handshake")]
    ReservedHeader(HeaderName),
    /// [`Accept::header`](crate::handshake::Accept::header) got no header.
    #[error(transparent)]
    InvalidHeader(#[from] InvalidHeader),
}

/// The error of [`Connection::set_config`](crate::Connection::set_config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SetConfigError {
    /// No request has come, it has been answered, or this is a client.
    #[error("no request waits for its answer")]
    NoRequest,
}

/// The error of [`Connection::reject`](crate::Connection::reject),
/// [`Connection::respond`](crate::Connection::respond), [`Response::header`](crate::handshake::Response::header) and
/// [`Response::reason`](crate::handshake::Response::reason).
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RejectError {
    /// The table does not allow the action in this phase.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The request asks for a WebSocket: [`respond`](crate::Connection::respond) answers plain HTTP only.
    #[error("a request for a WebSocket is accepted or rejected")]
    AsksForWebSocket,
    /// A 1xx status is not final.
    #[error("{0} is not a final status")]
    NotFinal(StatusCode),
    /// The reason phrase has a control character other than a tab (RFC 9112 section 4).
    #[error("the reason phrase has a control character")]
    InvalidReason,
    /// RFC 9110 sections 15.3.6 and 6.4.1: responses with 205, 204 and 304 have no content.
    #[error("a response with status {0} has no body")]
    BodyNotAllowed(StatusCode),
    /// The header belongs to the framing of the response: `Connection`, `Content-Length` or `Transfer-Encoding`.
    #[error("the header {0} belongs to the framing of the response")]
    ReservedHeader(HeaderName),
    /// [`Response::header`](crate::handshake::Response::header) got no header.
    #[error(transparent)]
    InvalidHeader(#[from] InvalidHeader),
}

/// The error of the `send_*` methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The table does not allow the action in this phase.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The transport has failed. The event that says so has not been taken yet.
    #[error("the transport is lost")]
    TransportLost,
    /// Section 5.4: a fragmented message must end before another message begins.
    #[error("a fragmented message is in progress")]
    MessageInProgress,
    /// No fragmented message has begun that could be continued.
    #[error("no fragmented message is in progress")]
    NoMessageInProgress,
    /// The output could exceed [`Config::max_output_bytes`](crate::Config::max_output_bytes): a header counts as 14
    /// bytes.
    #[error("{queued} bytes are queued, and the message would go over the limit of {limit}")]
    OutputFull {
        /// The number of queued bytes.
        queued: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The error of [`Connection::send_json`](crate::Connection::send_json) and
/// [`Connection::send_json_binary`](crate::Connection::send_json_binary).
#[cfg(feature = "serde")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendJsonError {
    /// The message could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The value has no JSON form. The text is the message of the serializer.
    #[error("the value cannot be written as JSON: {0}")]
    Serialize(String),
}

/// The error of [`Connection::ping`](crate::Connection::ping) or [`pong`](crate::Connection::pong).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// The table does not allow the action in this phase.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The transport has failed. The event that says so has not been taken yet.
    #[error("the transport is lost")]
    TransportLost,
    /// Section 5.5: a control frame carries at most 125 bytes.
    #[error("a payload of {0} bytes is over the limit of 125")]
    PayloadTooLong(usize),
    /// The output could exceed [`Config::max_output_bytes`](crate::Config::max_output_bytes): a header counts as 14
    /// bytes.
    #[error("{queued} bytes are queued, and the frame would go over the limit of {limit}")]
    OutputFull {
        /// The number of queued bytes.
        queued: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The error of [`Connection::close`](crate::Connection::close), [`fail`](crate::Connection::fail) and
/// [`reply_close`](crate::Connection::reply_close).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The table does not allow the action in this phase.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// Section 7.4: this endpoint may not send the code; see [`CloseCode::is_sendable_by`].
    #[error("{0} is not a close code that this endpoint may send")]
    InvalidCode(CloseCode),
    /// Section 5.5: beside the code, a control frame has room for a reason of 123 bytes.
    #[error("a close reason of {0} bytes is over the limit of 123")]
    ReasonTooLong(usize),
    /// The peer has sent no Close that [`reply_close`](crate::Connection::reply_close) could answer.
    #[error("the peer has sent no close frame to answer")]
    NothingToReply,
}

/// The error of building a [`Connect`](crate::handshake::Connect).
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not a URI.
    #[error("{0:?} is not a URI")]
    InvalidUri(String),
    /// Section 3: the scheme is neither `ws` nor `wss`.
    #[error("the scheme of a WebSocket URI is ws or wss")]
    UnsupportedScheme,
    /// Section 3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used".
    #[error("a WebSocket URI has no fragment")]
    FragmentInUri,
    /// The URI has a user name or password. Use the header `Authorization` instead.
    #[error("a WebSocket URI carries no user name")]
    UserInfoInUri,
    /// Section 4.1 item 10: a subprotocol is a non-empty token.
    #[error("{0:?} is not a subprotocol token")]
    InvalidSubprotocol(String),
    /// Section 4.1 item 10: subprotocols "MUST all be unique strings".
    #[error("the subprotocol {0:?} is offered twice")]
    DuplicateSubprotocol(String),
    /// The header is part of the handshake: `Host`, `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding`, or
    /// one that begins with `Sec-WebSocket-`.
    #[error("the header {0} belongs to the handshake")]
    ReservedHeader(HeaderName),
    /// [`Connect::header`](crate::handshake::Connect::header) got no header.
    #[error(transparent)]
    InvalidHeader(#[from] InvalidHeader),
    /// RFC 6454 section 7.3: a user agent sends at most one `Origin`.
    #[error("there is an Origin already")]
    DuplicateOrigin,
    /// RFC 6454 section 7.1: an `Origin` is printable ASCII, and not empty.
    #[error("an Origin is printable ASCII")]
    InvalidOrigin,
}

/// A name or a value that no header can have, as [`http`] converts them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// RFC 9110 section 5.1: a name is a token. It is not empty, and has letters, digits and some marks.
    #[error("the name of a header is not a token")]
    Name,
    /// RFC 9110 section 5.5: a value has no control character other than a tab. The value itself may be a secret, so it
    /// is not shown.
    #[error("the value of the header {0} has a control character")]
    Value(HeaderName),
}
