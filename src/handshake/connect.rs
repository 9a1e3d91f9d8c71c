//! How a client asks for a connection.

use super::{
    grammar::{is_host_and_port, is_token},
    head::{write_header, write_headers},
    is_reserved,
    request::is_origin,
};
use crate::{config::Config, error::ConnectError, random::Random};
use http::{
    HeaderMap, Uri,
    header::{HOST, HeaderName, HeaderValue, ORIGIN},
    uri::PathAndQuery,
};

/// The bytes reserved for a request, which most do not exceed.
const USUAL_LEN: usize = 256;

/// The request of a client: its URI, the subprotocols that it offers, and extra headers.
///
/// ```
/// use statesocket::{handshake::Connect, http::{HeaderValue, header::ORIGIN}};
///
/// let connect = Connect::new("ws://example.com/chat?room=7")?
///     .subprotocol("superchat")?
///     .subprotocol("chat")?
///     .header(ORIGIN, HeaderValue::from_static("http://example.com"))?;
/// assert_eq!((connect.host(), connect.port(), connect.is_secure()), ("example.com", 80, false));
/// # Ok::<(), statesocket::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connect {
    uri: Uri,
    subprotocols: Vec<String>,
    headers: HeaderMap,
    seed: Option<[u8; 32]>,
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

    /// Adds a header, such as `Origin`, `Cookie` or `Authorization`.
    ///
    /// # Errors
    /// [`ConnectError::ReservedHeader`] if the header is part of the handshake. A second `Origin` is
    /// [`ConnectError::DuplicateOrigin`], a malformed one [`ConnectError::InvalidOrigin`]: servers refuse both.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, ConnectError> {
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

    /// The offered subprotocols, in order of preference.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    fn default_port(&self) -> u16 {
        if self.is_secure() { 443 } else { 80 }
    }

    pub(crate) fn random(&self) -> Random {
        self.seed.map_or_else(Random::from_system, Random::from_seed)
    }

    /// Whether the request does without compression, whatever the configuration says.
    #[cfg(feature = "deflate")]
    pub(super) const fn is_without_deflate(&self) -> bool {
        self.is_without_deflate
    }

    /// Appends the request (section 4.1) with the given `Sec-WebSocket-Key`.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "only extensions depend on `config`"))]
    pub(crate) fn encode(&self, key: &str, config: &Config, output: &mut Vec<u8>) {
        // Section 3: "/" if the path is empty, else the path; the query if it is not empty.
        let query = self.uri.query().filter(|query| !query.is_empty());
        let (mark, query) = query.map_or(("", ""), |query| ("?", query));
        output.reserve(USUAL_LEN);
        for part in ["GET ", self.uri.path(), mark, query, " HTTP/1.1\r\nHost: ", self.host()] {
            output.extend_from_slice(part.as_bytes());
        }
        if self.port() != self.default_port() {
            output.extend_from_slice(format!(":{}", self.port()).as_bytes());
        }
        output.extend_from_slice(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
        write_header(output, "Sec-WebSocket-Key", key.as_bytes());
        if !self.subprotocols.is_empty() {
            write_header(output, "Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = config.deflate.as_ref().filter(|_| !self.is_without_deflate) {
            write_header(output, "Sec-WebSocket-Extensions", super::deflate::offer(deflate).as_bytes());
        }
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
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
