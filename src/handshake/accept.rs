//! How a server accepts a request.

use super::{
    head::{write_header, write_headers},
    is_reserved, put_header,
    request::Request,
    to_header,
};
use crate::{agreed::Agreed, config::Config, error::AcceptError};
use http::{
    HeaderMap, StatusCode,
    header::{CONNECTION, HeaderName, HeaderValue, UPGRADE},
};

/// The parts of a 101 response that the application chooses: the subprotocol and extra headers. By default there are
/// none. Compression is a choice of [`Config`](crate::Config), which the answer to one request can go without.
///
/// If the client offers subprotocols and the answer names none, RFC 6455 lets the client go on without one, but a
/// browser fails the connection (WHATWG WebSockets Standard, "establish a WebSocket connection"). The server then sees
/// a lost transport.
///
/// ```
/// use statesocket::{handshake::Accept, http::header::SET_COOKIE};
///
/// let accept = Accept::new().subprotocol("chat").header(SET_COOKIE, "seen=1")?;
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
    #[doc(alias = "protocols")]
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

    /// Adds a header to the 101 response. Its name and value are types of [`http`], or what converts into them, such as
    /// a text or a number.
    ///
    /// # Errors
    /// [`AcceptError::ReservedHeader`] if the header is part of the handshake, and [`AcceptError::InvalidHeader`] for a
    /// name that is not a token, and for a value with a control character, which could split the response.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, AcceptError> {
        let (name, value) = to_header(name, value)?;
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

    /// The response with which an HTTP library accepts a request that it has read, and what is agreed on, for
    /// [`Connection::established`](crate::Connection::established). `config` is that of the connection.
    ///
    /// The status is 101 (RFC 6455 section 4.2.2 item 5); to a CONNECT, over HTTP/2 and HTTP/3, it is 200, and there is
    /// no `Sec-WebSocket-Accept` (RFC 8441 section 5).
    ///
    /// ```
    /// use statesocket::{Config, handshake::{Accept, Request}, http};
    ///
    /// fn answer(parts: &http::request::Parts) -> Result<http::Response<()>, Box<dyn std::error::Error>> {
    ///     let config = Config::default();
    ///     let request = Request::from_parts(parts, None, &config)?;
    ///     let accept = Accept::new().preferred_by_client(&request, &["chat"]);
    ///     let (response, agreed) = accept.into_response(&request, &config)?;
    ///     // Once the library has upgraded: `Connection::established(Role::Server, agreed, ...)`.
    ///     assert_eq!(agreed.subprotocol.as_deref(), Some("chat"));
    ///     Ok(response)
    /// }
    ///
    /// let request = http::Request::get("/ws")
    ///     .header("host", "example.com")
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "upgrade")
    ///     .header("sec-websocket-version", "13")
    ///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("sec-websocket-protocol", "chat")
    ///     .body(())?;
    /// let response = answer(&request.into_parts().0)?;
    /// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AcceptError`] if the request is plain HTTP, or the client did not offer the subprotocol.
    pub fn into_response(
        self,
        request: &Request,
        config: &Config,
    ) -> Result<(http::Response<()>, Agreed), AcceptError> {
        self.check(request)?;
        let (mut response, mut headers) = (http::Response::new(()), HeaderMap::new());
        if let Some(accept_key) = request.accept_key() {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            put_header(&mut headers, "Sec-WebSocket-Accept", accept_key.as_bytes());
        }
        let agreed = self.agree(request, config, |name, value| put_header(&mut headers, name, value));
        headers.extend(self.headers);
        *response.headers_mut() = headers;
        Ok((response, agreed))
    }

    /// Appends the 101 response to `request` (RFC 6455 section 4.2.2 item 5).
    pub(crate) fn respond(
        self,
        request: &Request,
        config: &Config,
        output: &mut Vec<u8>,
    ) -> Result<Agreed, AcceptError> {
        self.check(request)?;
        let accept_key = request.accept_key().ok_or(AcceptError::NotWebSocket)?;
        output.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        write_header(output, "Sec-WebSocket-Accept", accept_key.as_bytes());
        let agreed = self.agree(request, config, |name, value| write_header(output, name, value));
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
        Ok(agreed)
    }

    /// Checks that this can answer `request`.
    fn check(&self, request: &Request) -> Result<(), AcceptError> {
        if !request.is_websocket() {
            return Err(AcceptError::NotWebSocket);
        }
        match &self.subprotocol {
            Some(name) if !request.subprotocols().contains(name) => {
                Err(AcceptError::SubprotocolNotOffered(name.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Writes the headers that say what is agreed on.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "only extensions depend on them"))]
    fn agree(&self, request: &Request, config: &Config, mut write: impl FnMut(&str, &[u8])) -> Agreed {
        if let Some(name) = &self.subprotocol {
            write("Sec-WebSocket-Protocol", name.as_bytes());
        }
        #[cfg(feature = "deflate")]
        let deflate = config.deflate.as_ref().filter(|_| !self.is_without_deflate).and_then(|deflate| {
            let (header, agreed) = super::deflate::answer(request.extensions(), deflate)?;
            write("Sec-WebSocket-Extensions", header.as_bytes());
            Some(agreed)
        });
        Agreed {
            subprotocol: self.subprotocol.clone(),
            #[cfg(feature = "deflate")]
            deflate,
            ..Agreed::default()
        }
    }
}
