//! The answer yes.

use super::{is_reserved, request::Request};
use crate::error::AcceptError;
use http::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// How a request is accepted: with which subprotocol and which extra headers. The default is with none.
///
/// ```
/// use http::{HeaderValue, header::SET_COOKIE};
/// use statesocket::handshake::Accept;
///
/// let accept = Accept::new().subprotocol("chat").header(SET_COOKIE, HeaderValue::from_static("seen=1"));
/// # let _ = accept;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    subprotocol: Option<String>,
    headers: HeaderMap,
}

impl Accept {
    /// No subprotocol, no extra headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol, which must be one that the client offered, to the letter.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Chooses the first subprotocol of the client's that `supported` lists, or none.
    ///
    /// ```
    /// # use statesocket::{Event, Connection, handshake::{Accept, Request}};
    /// fn answer(connection: &mut Connection, request: &Request) {
    ///     let accept = Accept::new().first_supported(request, &["superchat", "chat"]);
    ///     connection.accept(accept).expect("the request has just come, and the choice is from its offer");
    /// }
    /// ```
    #[must_use]
    pub fn first_supported(mut self, request: &Request, supported: &[impl AsRef<str>]) -> Self {
        let is_supported = |offer: &&String| supported.iter().any(|name| name.as_ref() == offer.as_str());
        self.subprotocol = request.subprotocols().iter().find(is_supported).cloned();
        self
    }

    /// Adds a header to the 101 response. [`http`] has checked that it cannot split the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Writes the 101 response that answers `request` (RFC 6455 section 4.2.2 item 5) behind `output`, and returns the
    /// subprotocol.
    pub(crate) fn respond(self, request: &Request, output: &mut Vec<u8>) -> Result<Option<String>, AcceptError> {
        let accept_key = request.accept_key().ok_or(AcceptError::NotWebSocket)?;
        if let Some(name) = &self.subprotocol
            && !request.subprotocols().contains(name)
        {
            return Err(AcceptError::SubprotocolNotOffered(name.clone()));
        }
        if let Some(name) = self.headers.keys().find(|name| is_reserved(name)) {
            return Err(AcceptError::ReservedHeader(name.clone()));
        }
        output.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        write_header(output, "Sec-WebSocket-Accept", accept_key.as_bytes());
        if let Some(name) = &self.subprotocol {
            write_header(output, "Sec-WebSocket-Protocol", name.as_bytes());
        }
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
        Ok(self.subprotocol)
    }
}

pub(super) fn write_header(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

pub(super) fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        write_header(head, name.as_str(), value.as_bytes());
    }
}
