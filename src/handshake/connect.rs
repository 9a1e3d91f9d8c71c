//! How a client asks for a connection.

use super::{
    expected::Expected,
    grammar::{is_host_and_port, is_token},
    head::{write_header, write_headers},
    is_reserved, put_header,
    request::is_origin,
    to_header,
};
use crate::{config::Config, error::ConnectError, random::Random};
use data_encoding::BASE64;
use http::{
    HeaderMap, Method, Uri, Version,
    header::{CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, UPGRADE},
    uri::PathAndQuery,
};
use std::io::{self, ErrorKind};

/// The bytes reserved for a request, which most do not exceed.
const USUAL_LEN: usize = 256;

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

    /// The request for an HTTP library to send, and what its answer must be. `config` is that of the connection.
    ///
    /// Over HTTP/1.1 it is a GET with an `Upgrade` (RFC 6455 section 4.1), whose URI is the path and the query. For
    /// HTTP/2 and HTTP/3 it is an extended CONNECT with an `http` or `https` URI (RFC 8441 section 4, RFC 9220). The
    /// library must set its `:protocol` to `websocket`; hyper does with `hyper::ext::Protocol` among the extensions.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, http};
    ///
    /// let (connect, config) = (Connect::new("wss://example.com/ws")?.subprotocol("chat")?, Config::default());
    /// let (request, expected) = connect.to_request(http::Version::HTTP_2, &config);
    /// assert_eq!((request.method(), request.uri()), (&http::Method::CONNECT, &"https://example.com/ws".parse()?));
    /// # let send = |_| http::Response::builder().header("sec-websocket-protocol", "chat").body(());
    /// let response = send(request)?;
    /// let agreed = expected.check(&response, &config)?;
    /// // Once the library has upgraded: `Connection::established(Role::Client, agreed, ...)`.
    /// assert_eq!(agreed.subprotocol.as_deref(), Some("chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_request(&self, version: Version, config: &Config) -> (http::Request<()>, Expected) {
        let is_connect = version >= Version::HTTP_2;
        let key = (!is_connect).then(|| self.draw_key(&mut self.random()));
        let host = format!("{}{}", self.host(), self.port_suffix());
        let mut request = http::Request::new(());
        let mut headers = HeaderMap::new();
        let mut uri = Uri::builder();
        if is_connect {
            *request.method_mut() = Method::CONNECT;
            *request.version_mut() = version;
            uri = uri.scheme(if self.is_secure() { "https" } else { "http" }).authority(host);
        } else {
            put_header(&mut headers, "Host", host.as_bytes());
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        *request.uri_mut() = uri.path_and_query(self.resource().concat()).build().expect("these are parts of a URI");
        self.write_offers(key.as_deref(), config, |name, value| put_header(&mut headers, name, value));
        headers.extend(self.headers.clone());
        *request.headers_mut() = headers;
        (request, self.expected(key.as_deref()))
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

    pub(crate) fn random(&self) -> Random {
        self.seed.map_or_else(Random::from_system, Random::from_seed)
    }

    /// The key of a new handshake, in base64.
    pub(crate) fn draw_key(&self, random: &mut Random) -> String {
        BASE64.encode(&self.key.unwrap_or_else(|| random.nonce()))
    }

    /// What the answer to a request with `key` must be.
    pub(crate) fn expected(&self, key: Option<&str>) -> Expected {
        let expected = Expected::new(key, &self.subprotocols, self.seed);
        #[cfg(feature = "deflate")]
        let expected = expected.without_deflate(self.is_without_deflate);
        expected
    }

    /// Appends the request (section 4.1) with the given `Sec-WebSocket-Key`.
    pub(crate) fn encode(&self, key: &str, config: &Config, output: &mut Vec<u8>) {
        output.reserve(USUAL_LEN);
        output.extend_from_slice(b"GET ");
        for part in self.resource() {
            output.extend_from_slice(part.as_bytes());
        }
        for part in [" HTTP/1.1\r\nHost: ", self.host(), &self.port_suffix()] {
            output.extend_from_slice(part.as_bytes());
        }
        output.extend_from_slice(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        self.write_offers(Some(key), config, |name, value| write_header(output, name, value));
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
    }

    /// The path, and "?" and the query (section 3: "/" if the path is empty; the query if it is not empty).
    fn resource(&self) -> [&str; 3] {
        let query = self.uri.query().filter(|query| !query.is_empty());
        let (mark, query) = query.map_or(("", ""), |query| ("?", query));
        [self.uri.path(), mark, query]
    }

    /// ":" and the port, unless it is the default one.
    fn port_suffix(&self) -> String {
        if self.port() == self.default_port() { String::new() } else { format!(":{}", self.port()) }
    }

    /// Writes the headers that are the same over every version of HTTP, and the key.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "only extensions depend on `config`"))]
    fn write_offers(&self, key: Option<&str>, config: &Config, mut write: impl FnMut(&str, &[u8])) {
        write("Sec-WebSocket-Version", b"13");
        if let Some(key) = key {
            write("Sec-WebSocket-Key", key.as_bytes());
        }
        if !self.subprotocols.is_empty() {
            write("Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = config.deflate.as_ref().filter(|_| !self.is_without_deflate) {
            write("Sec-WebSocket-Extensions", super::deflate::offer(deflate).as_bytes());
        }
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
