//! Why a server answers a request by itself.

use crate::handshake::Response;
use http::{
    StatusCode,
    header::{HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use std::fmt;

/// The reason for which no handler gets a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Stopping,
    ServerFull,
    AddressFull,
    TooManyWaiting,
    Host,
    Origin,
    NoRoute,
    /// The path has only pages.
    NoWebSocket,
    /// The path has only WebSockets.
    OnlyWebSocket,
    /// A parameter of the path is not UTF-8.
    BadParameter,
    /// The factory of the route has panicked.
    NoHandler,
    /// The page has panicked, or has made a response that cannot be written.
    NoPage,
    /// A loop of the cluster takes no command.
    NoStatus,
}

impl Refusal {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Stopping | Self::ServerFull | Self::TooManyWaiting | Self::NoStatus => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::AddressFull => StatusCode::TOO_MANY_REQUESTS,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            // RFC 6455 section 4.2.2 item 4: "If the requested service is not available, the server MUST send an
            // appropriate HTTP error code (such as 404 Not Found)".
            Self::NoRoute | Self::NoWebSocket => StatusCode::NOT_FOUND,
            Self::OnlyWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::BadParameter => StatusCode::BAD_REQUEST,
            Self::NoHandler | Self::NoPage => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer, whose body has the reason.
    pub(super) fn response(self) -> Response {
        let mut response = Response::new(self.status()).body(format!("{self}\n"));
        if self == Self::OnlyWebSocket {
            // RFC 9110 section 15.5.22: "The server MUST send an Upgrade header field in a 426 response".
            response.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopping => "the server is stopping",
            Self::ServerFull => "the server is full",
            Self::AddressFull => "too many connections come from this address",
            Self::TooManyWaiting => "too many requests wait for their answers",
            Self::Host => "this host is not served here",
            Self::Origin => "pages of this origin are not served",
            Self::NoRoute => "this path has no route",
            Self::NoWebSocket => "this is a page, and no WebSocket endpoint",
            Self::OnlyWebSocket => "this is a WebSocket endpoint",
            Self::BadParameter => "a parameter of the path is not UTF-8",
            Self::NoHandler => "the handler could not be made",
            Self::NoPage => "the page could not be made",
            Self::NoStatus => "the status is not at hand",
        })
    }
}
