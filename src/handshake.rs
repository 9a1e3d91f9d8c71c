//! The opening handshake (RFC 6455 section 4): requests and answers as data, for both roles.
//!
//! | type | use |
//! |---|---|
//! | [`Connect`] | a client writes its request |
//! | [`Request`] | a server reads the request |
//! | [`Accept`] | a server accepts the request |
//! | [`Response`] | a server rejects the request or answers plain HTTP; a client reads either answer |
//!
//! An HTTP library can carry the handshake, over any version of HTTP: [`Request::from_parts`] and
//! [`Accept::into_response`] are for servers, [`Connect::to_request`] and [`Expected`] for clients. The same rules
//! apply.

mod accept;
mod body;
mod connect;
mod cookies;
#[cfg(feature = "deflate")]
pub mod deflate;
mod expected;
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
pub use expected::Expected;
pub use extension::Extension;
pub use request::Request;
pub use response::Response;

#[cfg(feature = "server")]
pub(crate) use grammar::is_host_and_port;

use crate::error::InvalidHeader;
use http::{
    HeaderMap,
    header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE},
};

/// The header that a program adds to a request or an answer.
fn to_header(
    name: impl TryInto<HeaderName>,
    value: impl TryInto<HeaderValue>,
) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let name = name.try_into().map_err(|_| InvalidHeader::Name)?;
    let value = value.try_into().map_err(|_| InvalidHeader::Value(name.clone()))?;
    Ok((name, value))
}

/// Whether only the handshake itself may write the header `name`.
fn is_reserved(name: &HeaderName) -> bool {
    is_framing(name) || *name == UPGRADE || name.as_str().starts_with("sec-websocket-")
}

/// Whether the header `name` ends the response or the connection.
fn is_framing(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}

/// Adds a header of the handshake.
fn put_header(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    let name = HeaderName::from_bytes(name.as_bytes()).expect("the name of a header");
    headers.insert(name, HeaderValue::from_bytes(value).expect("tokens, numbers and base64"));
}
