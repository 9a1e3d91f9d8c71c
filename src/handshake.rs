//! The opening handshake (RFC 6455 section 4): requests and answers as data, for both roles.
//!
//! | type | who uses it |
//! |---|---|
//! | [`Connect`] | a client says what it wants |
//! | [`Request`] | a server reads what the client wants |
//! | [`Accept`] | a server says yes |
//! | [`Response`] | a server says no, or answers plain HTTP; a client reads either answer |

mod accept;
mod body;
mod connect;
mod extension;
mod grammar;
mod head;
mod request;
pub(crate) mod request_reader;
mod response;
pub(crate) mod response_reader;

pub use accept::Accept;
pub use connect::Connect;
pub use extension::Extension;
pub use request::Request;
pub use response::Response;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING, UPGRADE};

/// Whether the handshake itself writes `name`, so that nobody else may.
fn is_reserved(name: &HeaderName) -> bool {
    is_framing(name) || *name == UPGRADE || name.as_str().starts_with("sec-websocket-")
}

/// Whether `name` decides where a message ends or what becomes of the connection.
fn is_framing(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}
