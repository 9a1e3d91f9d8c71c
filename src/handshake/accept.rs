//! How a server accepts a request.

use super::{
    head::{write_header, write_headers},
    is_reserved,
    request::Request,
};
use crate::{agreed::Agreed, config::Config, error::AcceptError};
use http::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// The parts of a 101 response that the application chooses: the subprotocol and extra headers. By default there are
/// none. Compression is a choice of [`Config`](crate::Config), which the answer to one request can go without.
///
/// If the client offers subprotocols and the answer names none, RFC 6455 lets the client go on without one, but a
/// browser fails the connection (WHATWG WebSockets Standard, "establish a WebSocket connection"). The server then sees
/// a lost transport.
///
/// ```
/// use statesocket::{handshake::Accept, http::{HeaderValue, header::SET_COOKIE}};
///
/// let accept = Accept::new().subprotocol("chat").header(SET_COOKIE, HeaderValue::from_static("seen=1"))?;
/// # let _ = accept;
/// # Ok::<(), statesocket::AcceptError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    subprotocol: Option<String>,
    headers: HeaderMap,
    #[cfg(feature = "deflate")]
    is_without_deflate: bool,
}

impl Accept {
    /// No subprotocol, no extra headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol. It must equal one that the client offered, letter by letter.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Chooses the first subprotocol of the client's offer that `supported` contains, or none: the client's order
    /// decides. [`preferred_by_server`](Self::preferred_by_server) has the opposite.
    ///
    /// ```
    /// # use statesocket::{Event, Connection, handshake::{Accept, Request}};
    /// fn answer(connection: &mut Connection, request: &Request) {
    ///     let accept = Accept::new().preferred_by_client(request, &["superchat", "chat"]);
    ///     connection.accept(accept).expect("the request has just come, and the choice is from its offer");
    /// }
    /// ```
    #[must_use]
    pub fn preferred_by_client(mut self, request: &Request, supported: &[impl AsRef<str>]) -> Self {
        let is_supported = |offer: &&String| supported.iter().any(|name| name.as_ref() == offer.as_str());
        self.subprotocol = request.subprotocols().iter().find(is_supported).cloned();
        self
    }

    /// Chooses the first of `supported` that the client offered, or none: the order of the server decides, as in Python
    /// `websockets`. RFC 6455 section 4.2.2 leaves the choice to the server.
    ///
    /// ```
    /// # use statesocket::{Event, Connection, handshake::{Accept, Request}};
    /// fn answer(connection: &mut Connection, request: &Request) {
    ///     let accept = Accept::new().preferred_by_server(request, &["chat.v2", "chat.v1"]);
    ///     connection.accept(accept).expect("the request has just come, and the choice is from its offer");
    /// }
    /// ```
    #[must_use]
    pub fn preferred_by_server(mut self, request: &Request, supported: &[impl AsRef<str>]) -> Self {
        let is_offered = |name: &&str| request.subprotocols().iter().any(|offer| offer == name);
        self.subprotocol = supported.iter().map(AsRef::as_ref).find(is_offered).map(str::to_owned);
        self
    }

    /// Adds a header to the 101 response. The types of [`http`] allow no value that would split the response.
    ///
    /// # Errors
    /// [`AcceptError::ReservedHeader`] if the header is part of the handshake.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, AcceptError> {
        if is_reserved(&name) {
            return Err(AcceptError::ReservedHeader(name));
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// Does not compress this connection, although [`Config::deflate`](crate::Config::deflate) would allow it.
    ///
    /// ```
    /// use statesocket::{Connection, handshake::{Accept, Request}};
    ///
    /// fn answer(connection: &mut Connection, request: &Request) {
    ///     let mut accept = Accept::new();
    ///     if request.path() == "/photos" {
    ///         accept = accept.without_deflate();
    ///     }
    ///     connection.accept(accept).expect("the request has just come");
    /// }
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn without_deflate(mut self) -> Self {
        self.is_without_deflate = true;
        self
    }

    /// Appends the 101 response to `request` (RFC 6455 section 4.2.2 item 5).
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "only extensions depend on `config`"))]
    pub(crate) fn respond(
        self,
        request: &Request,
        config: &Config,
        output: &mut Vec<u8>,
    ) -> Result<Agreed, AcceptError> {
        let accept_key = request.accept_key().ok_or(AcceptError::NotWebSocket)?;
        if let Some(name) = &self.subprotocol
            && !request.subprotocols().contains(name)
        {
            return Err(AcceptError::SubprotocolNotOffered(name.clone()));
        }
        output.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        write_header(output, "Sec-WebSocket-Accept", accept_key.as_bytes());
        if let Some(name) = &self.subprotocol {
            write_header(output, "Sec-WebSocket-Protocol", name.as_bytes());
        }
        #[cfg(feature = "deflate")]
        let deflate = config.deflate.as_ref().filter(|_| !self.is_without_deflate).and_then(|deflate| {
            let (header, agreed) = super::deflate::answer(request.extensions(), deflate)?;
            write_header(output, "Sec-WebSocket-Extensions", header.as_bytes());
            Some(agreed)
        });
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
        Ok(Agreed {
            subprotocol: self.subprotocol,
            #[cfg(feature = "deflate")]
            deflate,
            ..Agreed::default()
        })
    }
}
