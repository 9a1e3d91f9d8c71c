//! Faults of the peer in the opening handshake.

#[cfg(feature = "deflate")]
use super::deflate::InvalidDeflate;
use http::{StatusCode, header::HeaderName};

/// An opening handshake that breaks RFC 6455 section 4, HTTP, or a limit of [`Config`](crate::Config).
///
/// A server has already answered the request with [`status`](Self::status). A client sends nothing and closes the
/// socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The head is not HTTP: a forbidden byte, a bare line feed, a malformed line.
    #[error("the head is not well-formed HTTP")]
    Malformed,
    /// The request line is longer than [`Config::max_request_line_bytes`](crate::Config::max_request_line_bytes).
    #[error("the request line is over the limit of {limit} bytes")]
    RequestLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head, with the interim responses before it, is longer than
    /// [`Config::max_head_bytes`](crate::Config::max_head_bytes).
    #[error("the head is over the limit of {limit} bytes")]
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head has more header lines than [`Config::max_headers`](crate::Config::max_headers).
    #[error("the head has more than {limit} headers")]
    TooManyHeaders {
        /// The limit, in header lines.
        limit: usize,
    },
    /// A list that the handshake reads, such as the offered extensions, has more elements than
    /// [`Config::max_list_elements`](crate::Config::max_list_elements).
    #[error("a list in the head has more than {limit} elements")]
    TooManyElements {
        /// The limit, in elements.
        limit: usize,
    },
    /// The method is neither GET nor HEAD, nor an extended CONNECT. Section 4.2.1 item 1: "An HTTP/1.1 or higher GET
    /// request".
    #[error("the method is neither GET nor HEAD")]
    MethodNotAllowed,
    /// The `:protocol` of an extended CONNECT is not `websocket` (RFC 8441 section 5).
    #[error("the protocol of the CONNECT is not websocket")]
    UnknownProtocol,
    /// The major version of HTTP is not 1 (RFC 9110 section 15.6.6), or the version of a 101 is HTTP/1.0.
    #[error("the HTTP version is not supported")]
    VersionNotSupported,
    /// Section 3: the request target is neither a path nor an absolute http(s) or ws(s) URI, or has a fragment.
    #[error("the request target is not a resource name")]
    InvalidTarget,
    /// RFC 9112 section 3.2: `Host` is missing, appears more than once, or names no host.
    #[error("a request needs exactly one valid Host header")]
    InvalidHost,
    /// `Origin` is empty, or is not printable ASCII (RFC 6454 section 7.1). It is refused, because a server could take
    /// the request for one without an `Origin`.
    #[error("the Origin header is not an origin in printable ASCII")]
    InvalidOrigin,
    /// The request has a body: `Content-Length` over 0, or `Transfer-Encoding`.
    #[error("the request has a body")]
    RequestBody,
    /// The request is plain HTTP, and [`Config::plain_http`](crate::Config::plain_http) is off. A HEAD and a request of
    /// HTTP/1.0 are always plain.
    #[error("the request does not ask for a WebSocket")]
    UpgradeRequired,
    /// The status of the response is another one than that of an accepted request. Only
    /// [`Expected::check`](crate::handshake::Expected::check) reports it like this.
    #[error("the server answered with {0}")]
    NotAccepted(StatusCode),
    /// The `Upgrade` header of the response is not `websocket` (section 4.1, response item 2).
    #[error("the Upgrade header of the response is not websocket")]
    UpgradeMissing,
    /// `Connection` does not list `upgrade` (section 4.2.1 item 4; section 4.1, response item 3), or is not ASCII.
    #[error("the Connection header does not list upgrade")]
    ConnectionMissing,
    /// `Sec-WebSocket-Version` is missing or is not 13 (section 4.4).
    #[error("the WebSocket version is not 13")]
    UnsupportedWebSocketVersion,
    /// Section 4.2.1 item 5: the key is missing, or does not decode to 16 bytes.
    #[error("the Sec-WebSocket-Key header is not 16 bytes in base64")]
    InvalidKey,
    /// A header that may appear only once appears again (sections 11.3.1 to 11.3.5; RFC 6454 section 7.3 for `Origin`).
    #[error("the {0} header appears more than once")]
    DuplicateHeader(HeaderName),
    /// `Sec-WebSocket-Protocol` is not a list of distinct tokens (sections 4.1 item 10 and 11.3.4).
    #[error("the Sec-WebSocket-Protocol header is malformed")]
    InvalidSubprotocol,
    /// `Sec-WebSocket-Extensions` does not follow the grammar of section 9.1.
    #[error("the Sec-WebSocket-Extensions header is malformed")]
    InvalidExtensions,
    /// The client sent more bytes before the answer than [`Config::max_early_bytes`](crate::Config::max_early_bytes)
    /// allows.
    #[error("more than {limit} bytes came before the answer to the request")]
    TooMuchEarlyData {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The system has no memory for the head or the bytes behind it, although they are below the limits.
    #[error("there is no memory for the handshake")]
    OutOfMemory,
    /// Section 4.1, response item 4: `Sec-WebSocket-Accept` is missing or is not the answer to our key.
    #[error("the Sec-WebSocket-Accept header does not answer the key")]
    InvalidAccept,
    /// Section 4.1, response item 5: the response has an extension "that was not present in the client's handshake".
    #[error("the server chose an extension that was not offered")]
    ExtensionNotOffered,
    /// RFC 7692 section 7: the response accepts permessage-deflate with parameters that the client cannot take.
    #[cfg(feature = "deflate")]
    #[error(transparent)]
    InvalidDeflate(#[from] InvalidDeflate),
    /// Section 4.1, response item 6: the response has "a subprotocol that was not present in the client's handshake".
    #[error("the server chose a subprotocol that was not offered")]
    SubprotocolNotOffered,
}

impl HandshakeError {
    /// The status of the server's answer. The errors that only a response can have give 502, as a proxy would report
    /// them.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed
            | Self::InvalidTarget
            | Self::InvalidHost
            | Self::InvalidOrigin
            | Self::RequestBody
            | Self::ConnectionMissing
            | Self::InvalidKey
            | Self::DuplicateHeader(_)
            | Self::InvalidSubprotocol
            | Self::InvalidExtensions
            | Self::TooMuchEarlyData { .. } => StatusCode::BAD_REQUEST,
            Self::RequestLineTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } | Self::TooManyElements { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::OutOfMemory => StatusCode::SERVICE_UNAVAILABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            // RFC 9220 section 3: a server "SHOULD respond to the request with a 501 (Not Implemented) status code".
            Self::UnknownProtocol => StatusCode::NOT_IMPLEMENTED,
            Self::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::UpgradeRequired | Self::UnsupportedWebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            #[cfg(feature = "deflate")]
            Self::InvalidDeflate(_) => StatusCode::BAD_GATEWAY,
            Self::NotAccepted(_)
            | Self::UpgradeMissing
            | Self::InvalidAccept
            | Self::ExtensionNotOffered
            | Self::SubprotocolNotOffered => StatusCode::BAD_GATEWAY,
        }
    }
    /// The section of the RFC that has the rule. A limit is that of RFC 6455 section 10.4, on "implementation-specific
    /// limits".
    ///
    /// ```
    /// use statesocket::HandshakeError;
    ///
    /// assert_eq!(HandshakeError::InvalidKey.section(), "RFC 6455 section 4.2.1");
    /// ```
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::InvalidTarget => "RFC 6455 section 3",
            Self::RequestBody
            | Self::TooMuchEarlyData { .. }
            | Self::InvalidSubprotocol
            | Self::NotAccepted(_)
            | Self::UpgradeMissing
            | Self::ConnectionMissing
            | Self::InvalidAccept
            | Self::ExtensionNotOffered
            | Self::SubprotocolNotOffered => "RFC 6455 section 4.1",
            Self::MethodNotAllowed | Self::UpgradeRequired | Self::InvalidKey => "RFC 6455 section 4.2.1",
            Self::UnsupportedWebSocketVersion => "RFC 6455 section 4.4",
            Self::InvalidExtensions => "RFC 6455 section 9.1",
            Self::RequestLineTooLong { .. }
            | Self::HeadTooLarge { .. }
            | Self::TooManyHeaders { .. }
            | Self::TooManyElements { .. }
            | Self::OutOfMemory => "RFC 6455 section 10.4",
            Self::DuplicateHeader(_) => "RFC 6455 section 11.3",
            Self::InvalidOrigin => "RFC 6454 section 7.1",
            #[cfg(feature = "deflate")]
            Self::InvalidDeflate(_) => "RFC 7692 section 7.1",
            Self::UnknownProtocol => "RFC 8441 section 5",
            Self::VersionNotSupported => "RFC 9110 section 15.6.6",
            Self::Malformed => "RFC 9112 section 2.1",
            Self::InvalidHost => "RFC 9112 section 3.2",
        }
    }
}
