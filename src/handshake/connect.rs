//! How a client asks for a connection.

mod encode;

use super::{
    grammar::{is_host_and_port, is_token},
    is_reserved,
    request::is_origin,
    to_header,
};
use crate::error::ConnectError;
use http::{
    HeaderMap, Uri,
    header::{HOST, HeaderName, HeaderValue, ORIGIN},
    uri::PathAndQuery,
};
use std::io::{self, ErrorKind};

/// The request of a client: its URI, the subprotocols that it offers, and extra headers.
///
/// ```
/// use statesocket::{handshake::Connect, http::header::ORIGIN};
///
/// let connect = Connect::new("ws://example.com/chat?room=7")?
///     .subprotocol("superchat")?
///     .subprotocol("chat")?
///     .header(ORIGIN, "http://example.com")?;
/// assert_eq!((connect.host(), connect.port(), connect.is_secure()), ("example.com", 80, false));
/// # Ok::<(), statesocket::ConnectError>(())
/// ```
#[doc(alias("ClientRequestBuilder", "IntoClientRequest"))]
#[derive(Clone, Debug)]
pub struct Connect {
    uri: Uri,
    subprotocols: Vec<String>,
    headers: HeaderMap,
    seed: Option<[u8; 32]>,
    key: Option<[u8; 16]>,
    #[cfg(feature = "deflate")]
    is_without_deflate: bool,
}

impl Connect {
    /// A request for a `ws` or `wss` URI (RFC 6455 section 3).
    ///
    /// # Errors
    /// [`ConnectError`] if `uri` is not such a URI.
    pub fn new(uri: &str) -> Result<Self, ConnectError> {
        // `Uri` drops a fragment silently.
        if uri.contains('#') {
            return Err(ConnectError::FragmentInUri);
        }
        let invalid = || ConnectError::InvalidUri(uri.to_owned());
        let parsed: Uri = uri.parse().map_err(|_| invalid())?;
        // Section 3: the scheme matches "case-insensitively".
        let is_websocket = |scheme: &str| ["ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !parsed.scheme_str().is_some_and(is_websocket) {
            return Err(ConnectError::UnsupportedScheme);
        }
        let authority = parsed.authority().ok_or_else(invalid)?;
        if authority.as_str().contains('@') {
            return Err(ConnectError::UserInfoInUri);
        }
        let resource = parsed.path_and_query().map_or("", PathAndQuery::as_str);
        if !is_host_and_port(authority) || !is_escaped(resource) {
            return Err(invalid());
        }
        Ok(Self {
            uri: parsed,
            subprotocols: Vec::new(),
            headers: HeaderMap::new(),
            seed: None,
            key: None,
            #[cfg(feature = "deflate")]
            is_without_deflate: false,
        })
    }

    /// Offers a subprotocol, behind those already offered.
    ///
    /// # Errors
    /// [`ConnectError`] if `name` is not a token or is offered already.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Result<Self, ConnectError> {
        let name = name.into();
        if !is_token(&name) {
            return Err(ConnectError::InvalidSubprotocol(name));
        }
        if self.subprotocols.contains(&name) {
            return Err(ConnectError::DuplicateSubprotocol(name));
        }
        self.subprotocols.push(name);
        Ok(self)
    }

    /// Adds a header, such as `Origin`, `Cookie` or `Authorization`. Its name and value are types of [`http`], which
    /// this crate re-exports, or what converts into them, such as a text or a number.
    ///
    /// ```
    /// use statesocket::{ConnectError, InvalidHeader, handshake::Connect, http::header::AUTHORIZATION};
    ///
    /// let token = "2YotnFZF";
    /// let connect = Connect::new("ws://example.com/")?
    ///     .header(AUTHORIZATION, format!("Bearer {token}"))?
    ///     .header("X-Device", "phone")?;
    /// assert_eq!(connect.headers().len(), 2);
    ///
    /// let error = connect.header("X-Device", "pho\nne").expect_err("a line feed");
    /// assert_eq!(error, ConnectError::InvalidHeader(InvalidHeader::Value("x-device".try_into()?)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::ReservedHeader`] if the header is part of the handshake. [`ConnectError::InvalidHeader`] for a
    /// name that is not a token, and for a value with a control character, which could split the request. A second
    /// `Origin` is [`ConnectError::DuplicateOrigin`], a malformed one [`ConnectError::InvalidOrigin`]: servers refuse
    /// both.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, ConnectError> {
        let (name, value) = to_header(name, value)?;
        if is_reserved(&name) || name == HOST {
            return Err(ConnectError::ReservedHeader(name));
        }
        if name == ORIGIN && self.headers.contains_key(ORIGIN) {
            return Err(ConnectError::DuplicateOrigin);
        }
        if name == ORIGIN && !is_origin(&value) {
            return Err(ConnectError::InvalidOrigin);
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// Derives all randomness of the connection from `seed`, for tests. The seed reveals every masking key. Without
    /// this call the operating system seeds a cryptographically secure generator (RFC 6455 section 10.3).
    #[must_use]
    pub const fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the key of the handshake, for tests and to replay a recorded connection: the recorded answer fits no other.
    /// Without this call each connection draws a key of its own, as RFC 6455 section 4.1 item 7 demands.
    ///
    /// ```
    /// use statesocket::{Config, Connection, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let connect = Connect::new("ws://example.com/")?.key(*b"the sample nonce");
    /// let replay = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    /// let recorded = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    /// assert!(replay.output().windows(recorded.len()).any(|line| line == recorded));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub const fn key(mut self, key: [u8; 16]) -> Self {
        self.key = Some(key);
        self
    }

    /// Does not offer compression, although [`Config::deflate`](crate::Config::deflate) would.
    ///
    /// ```
    /// use statesocket::{Config, Connection, Deflate, handshake::Connect};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Arc::new(Config::default().with(|config| config.deflate = Some(Deflate::default())));
    /// let offers = |connect: &Connect| {
    ///     let connection = Connection::client(connect, Arc::clone(&config), Instant::now());
    ///     connection.output().windows(18).any(|bytes| bytes == b"permessage-deflate")
    /// };
    /// let connect = Connect::new("ws://example.com/photos")?;
    /// assert!(offers(&connect) && !offers(&connect.without_deflate()));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn without_deflate(mut self) -> Self {
        self.is_without_deflate = true;
        self
    }

    /// The URI, as it was given.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers that were added. Those of the handshake come to them.
    ///
    /// ```
    /// use statesocket::{handshake::Connect, http::header::COOKIE};
    ///
    /// let connect = Connect::new("ws://example.com/")?.header(COOKIE, "a=1")?;
    /// assert_eq!((connect.uri().path(), connect.headers().len()), ("/", 1));
    /// # Ok::<(), statesocket::ConnectError>(())
    /// ```
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The host and port to connect to, for [`ToSocketAddrs`](std::net::ToSocketAddrs): an IPv6 address has no
    /// brackets.
    ///
    /// ```no_run
    /// use statesocket::handshake::Connect;
    /// use std::net::TcpStream;
    ///
    /// let connect = Connect::new("ws://[::1]:8080/")?;
    /// assert_eq!(connect.address(), ("::1", 8080));
    /// let stream = TcpStream::connect(connect.address())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        let host = self.host();
        let without_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (without_brackets.unwrap_or(host), self.port())
    }

    /// The host as it is in the URI: an IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// The port to connect to: 80 or 443 unless the URI names one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or_else(|| self.default_port())
    }

    /// Whether the scheme is `wss`, which runs over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss"))
    }

    /// # Errors
    /// For a `wss` URI, of a driver that has no TLS for it.
    pub(crate) fn check_plain(&self) -> io::Result<()> {
        if self.is_secure() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a wss URI needs a stream with TLS"));
        }
        Ok(())
    }

    /// The offered subprotocols, in order of preference.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    fn default_port(&self) -> u16 {
        if self.is_secure() { 443 } else { 80 }
    }
}

/// Whether `resource` contains only what RFC 3986 sections 3.3 and 3.4 allow in a path and a query; `Uri` allows more.
fn is_escaped(resource: &str) -> bool {
    let mut bytes = resource.bytes();
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => {
                [bytes.next(), bytes.next()].iter().flatten().filter(|digit| digit.is_ascii_hexdigit()).count() == 2
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte),
        };
        if !is_right {
            return false;
        }
    }
    true
}
