//! The opening handshake (RFC 6455 section 4): requests and answers as data, for both roles.
//!
//! | type | use |
//! |---|---|
//! | [`Connect`] | a client writes its request |
//! | [`Request`] | a server reads the request |
//! | [`Accept`] | a server accepts the request |
//! | [`Response`] | a server rejects the request or answers plain HTTP; a client reads either answer |

mod accept;
mod body;
mod connect;
mod cookies;
#[cfg(feature = "deflate")]
pub mod deflate;
mod extension;
mod first_line;
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

#[cfg(feature = "server")]
pub(crate) use grammar::is_host_and_port;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING, UPGRADE};

/// Whether only the handshake itself may write the header `name`.
fn is_reserved(name: &HeaderName) -> bool {
    is_framing(name) || *name == UPGRADE || name.as_str().starts_with("sec-websocket-")
}

/// Whether the header `name` ends the response or the connection.
fn is_framing(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}
