//! The request of a client, as a server reads it.

mod rules;

pub(super) use rules::is_origin;

use super::{
    extension::Extension,
    first_line::RequestLine,
    grammar::{self, Budget, lists_token},
    head::Head,
};
use crate::{config::Config, error::HandshakeError};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Uri, Version,
    header::{
        CONNECTION, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
    uri::{Authority, PathAndQuery},
};
use std::{borrow::Cow, collections::HashSet};
use tungstenite::handshake::derive_accept_key;

/// The opening request of a client; with [`Config::plain_http`](crate::Config::plain_http), any GET or HEAD request.
///
/// It has no body: a server refuses a request with one.
///
/// ```
/// use statesocket::{Config, Connection, Event};
/// use std::{sync::Arc, time::Instant};
///
/// let mut bytes = *b"GET /ws/lobby?name=Ann&name=Bob HTTP/1.1\r\nHost: example.com:8080\r\n\
///     Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: soap, wamp\r\n\r\n";
/// let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
/// let Some(Event::Request(request)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
///
/// assert_eq!(request.path(), "/ws/lobby");
/// assert_eq!(request.query("name").as_deref(), Some("Bob"), "the last one, as in Starlette");
/// assert_eq!(request.query_pairs().count(), 2);
/// assert_eq!(request.subprotocols(), ["soap", "wamp"]);
/// assert_eq!(request.authority().and_then(|authority| authority.port_u16()), Some(8080));
/// assert_eq!(request.url("ws"), "ws://example.com:8080/ws/lobby?name=Ann&name=Bob");
/// assert_eq!(request.origin(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: Method,
    resource: PathAndQuery,
    authority: Option<Authority>,
    headers: HeaderMap,
    subprotocols: Vec<String>,
    extensions: Vec<Extension>,
    is_websocket: bool,
}

impl Request {
    /// Checks a request that an HTTP library has read, by the rules for one that a [`Connection`](crate::Connection)
    /// reads. Then [`Accept::into_response`](super::Accept::into_response) accepts it.
    ///
    /// Over HTTP/1.1 it is a GET with an `Upgrade` (RFC 6455 section 4.2.1). Over HTTP/2 and HTTP/3 it is an extended
    /// CONNECT (RFC 8441 section 4, RFC 9220), and `protocol` is its `:protocol`. hyper has that in its
    /// `ext::Protocol`, and announces that it takes such requests only after `enable_connect_protocol`.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Request, http};
    ///
    /// let request = http::Request::connect("https://example.com/ws/lobby")
    ///     .version(http::Version::HTTP_2)
    ///     .header("sec-websocket-version", "13")
    ///     .header("sec-websocket-protocol", "chat")
    ///     .body(())?;
    /// let (parts, ()) = request.into_parts();
    /// let request = Request::from_parts(&parts, Some("websocket"), &Config::default())?;
    /// assert_eq!((request.path(), request.subprotocols()), ("/ws/lobby", &["chat".to_owned()][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The rule that it breaks; [`Response::from`](super::Response) makes the answer of it. Of the limits, only
    /// [`Config::max_headers`] and [`Config::max_list_elements`] are checked: the library has read the bytes.
    pub fn from_parts(parts: &Parts, protocol: Option<&str>, config: &Config) -> Result<Self, HandshakeError> {
        let Parts { method, uri, version, headers, .. } = parts;
        match (method, protocol) {
            (&Method::GET | &Method::HEAD, _) => {}
            (&Method::CONNECT, Some(protocol)) if *version >= Version::HTTP_2 => {
                if !protocol.eq_ignore_ascii_case("websocket") {
                    return Err(HandshakeError::UnknownProtocol);
                }
            }
            _ => return Err(HandshakeError::MethodNotAllowed),
        }
        if *version < Version::HTTP_10 {
            return Err(HandshakeError::VersionNotSupported);
        }
        if headers.len() > config.max_headers {
            return Err(HandshakeError::TooManyHeaders { limit: config.max_headers });
        }
        let host = rules::host(headers, |host| Bytes::copy_from_slice(host.as_bytes()))?;
        let target = || if rules::is_target(uri) { Ok(uri.clone()) } else { Err(HandshakeError::InvalidTarget) };
        Self::check(method.clone(), *version, headers.clone(), host, target, config)
    }

    /// The method: GET, or HEAD if the request is plain HTTP, or CONNECT over HTTP/2 and HTTP/3. Answer a HEAD like a
    /// GET: the answer is written without its body (RFC 9110 section 9.3.2).
    ///
    /// ```
    /// use statesocket::{Config, Connection, Event, handshake::Response, http::{Method, StatusCode}};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Config::default().with(|config| config.plain_http = true);
    /// let mut connection = Connection::server(Arc::new(config), Instant::now());
    /// let mut bytes = *b"HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    /// let Some(Event::Request(request)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
    /// assert_eq!((request.method(), request.is_websocket()), (&Method::HEAD, false));
    /// connection.respond(Response::new(StatusCode::OK).body("a page"))?;
    /// assert!(connection.output().ends_with(b"\r\nContent-Length: 6\r\n\r\n"));
    /// # Ok::<(), statesocket::RejectError>(())
    /// ```
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The path, percent-encoded as it came.
    #[must_use]
    pub fn path(&self) -> &str {
        self.resource.path()
    }

    /// The text behind the `?`, as it came; `None` if there is no `?`.
    #[must_use]
    pub fn raw_query(&self) -> Option<&str> {
        self.resource.query()
    }

    /// The decoded names and values of the query, in order, empty values included.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.raw_query().unwrap_or_default().as_bytes())
    }

    /// The decoded value of `name` in the query; the last value if there are several.
    #[doc(alias = "query_params")]
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// The host, and the port if there is one, from an absolute target or the `:authority`, or else from the `Host`
    /// header. `None` only for a plain request of HTTP/1.0, which may have neither (RFC 9112 section 3.2).
    #[must_use]
    pub const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The URL that the client asked for. `scheme` is `ws`, or `wss` if the socket carries TLS, which the request does
    /// not tell. Without an [`authority`](Self::authority), that part of the URL is empty (RFC 9112 section 3.3).
    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}{}", self.authority.as_ref().map_or("", Authority::as_str), self.resource)
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The origin of the page that sent the request; `None` without an `Origin`. Such a request "SHOULD NOT be
    /// interpreted as coming from a browser client" (RFC 6455 section 4.2.1 item 7). A server that is not meant for
    /// every page checks the origin (section 10.2).
    ///
    /// A request with several `Origin` headers, or with one that is empty or not printable ASCII, is answered with 400.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok())
    }

    /// Whether the `Origin` has the host and port of this request. False without an `Origin`, with the origin `null`,
    /// which names no page, and with anything that no browser sends for a page: another scheme than `http` and `https`,
    /// user information, a port over 65535, a path.
    ///
    /// The scheme is not compared, since the request does not tell whether TLS was terminated before this server. A
    /// missing or empty port is the default port of the origin's scheme.
    #[must_use]
    pub fn is_same_origin(&self) -> bool {
        let origin = self.origin().and_then(rules::parse_origin);
        let (Some((origin, default)), Some(host)) = (origin, &self.authority) else { return false };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(host)
    }

    /// The subprotocols offered, in the client's order of preference.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// The extensions offered. Of these, this crate knows permessage-deflate, with the feature `deflate`.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// Whether the request asks for a WebSocket, so that it can be accepted.
    #[must_use]
    pub const fn is_websocket(&self) -> bool {
        self.is_websocket
    }

    /// The value of `Sec-WebSocket-Accept` in the answer; `None` if the request is plain HTTP or a CONNECT.
    pub(super) fn accept_key(&self) -> Option<String> {
        let key = self.single(&SEC_WEBSOCKET_KEY).ok().flatten();
        key.filter(|_| self.is_websocket && !self.is_connect()).map(|key| derive_accept_key(key.as_bytes()))
    }

    /// Reads a head by RFC 6455 section 4.2.1. Only [`Config::plain_http`] allows a request that asks for no WebSocket.
    pub(super) fn parse(head: &Head<RequestLine>, config: &Config) -> Result<Self, HandshakeError> {
        let RequestLine { is_head, minor_version, .. } = head.first_line;
        let headers = head.headers()?;
        let host = rules::host(&headers, |host| head.share(host))?;
        let method = if is_head { Method::HEAD } else { Method::GET };
        let version = if minor_version == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
        Self::check(method, version, headers, host, || rules::target(head), config)
    }

    /// Checks a request by the rules that do not depend on what has read it. A CONNECT is an extended one for a
    /// WebSocket.
    fn check(
        method: Method,
        version: Version,
        headers: HeaderMap,
        host: Option<Authority>,
        target: impl FnOnce() -> Result<Uri, HandshakeError>,
        config: &Config,
    ) -> Result<Self, HandshakeError> {
        // RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
        // message that lacks a Host header field". A request of HTTP/1.0 may lack it.
        if host.is_none() && version == Version::HTTP_11 {
            return Err(HandshakeError::InvalidHost);
        }
        let target = target()?.into_parts();
        rules::refuse_body(&headers)?;
        rules::check_origin(&headers)?;
        let mut request = Self {
            method,
            resource: target.path_and_query.ok_or(HandshakeError::InvalidTarget)?,
            // RFC 9112 section 3.2.2: a server "MUST ignore the received Host header field (if any)" beside an
            // absolute target. An `:authority` goes before it, too.
            authority: target.authority.or(host),
            subprotocols: Vec::new(),
            extensions: Vec::new(),
            is_websocket: false,
            headers,
        };
        if request.authority.is_none() && version >= Version::HTTP_2 {
            return Err(HandshakeError::InvalidHost);
        }
        // Section 4.2.1 item 1: "An HTTP/1.1 or higher GET request". RFC 9110 section 7.8: "A server MUST ignore an
        // Upgrade header field that is received in an HTTP/1.0 request." HTTP/2 has none (RFC 9113 section 8.6).
        let can_upgrade = request.method == Method::GET && version == Version::HTTP_11;
        let limit = config.max_list_elements;
        if request.is_connect() || can_upgrade && request.lists(&UPGRADE, "websocket", limit)? {
            request.validate_websocket(limit)?;
        } else if !config.plain_http {
            return Err(HandshakeError::UpgradeRequired);
        }
        Ok(request)
    }

    fn is_connect(&self) -> bool {
        self.method == Method::CONNECT
    }

    fn lists(&self, name: &HeaderName, token: &str, limit: usize) -> Result<bool, HandshakeError> {
        lists_token(&self.headers, name, token, Budget(limit)).map_err(|_| HandshakeError::TooManyElements { limit })
    }

    fn validate_websocket(&mut self, limit: usize) -> Result<(), HandshakeError> {
        // RFC 8441 section 5: an extended CONNECT has no `Connection`, and no key.
        if !self.is_connect() && !self.lists(&CONNECTION, "upgrade", limit)? {
            return Err(HandshakeError::ConnectionMissing);
        }
        match self.single(&SEC_WEBSOCKET_VERSION)? {
            Some("13") => {}
            Some(_) | None => return Err(HandshakeError::UnsupportedWebSocketVersion),
        }
        if !self.is_connect() && !rules::is_key(self.single(&SEC_WEBSOCKET_KEY)?.unwrap_or_default()) {
            return Err(HandshakeError::InvalidKey);
        }
        self.subprotocols = grammar::token_list(&self.headers, &SEC_WEBSOCKET_PROTOCOL, Budget(limit))
            .map_err(|fault| fault.into_error(limit, HandshakeError::InvalidSubprotocol))?;
        // Section 4.1 item 10: "The elements that comprise this value [...] MUST all be unique strings."
        let mut seen = HashSet::new();
        if self.subprotocols.len() > 1 && !self.subprotocols.iter().all(|name| seen.insert(name)) {
            return Err(HandshakeError::InvalidSubprotocol);
        }
        self.extensions = Extension::all(&self.headers, limit)?;
        self.is_websocket = true;
        Ok(())
    }

    fn single(&self, name: &HeaderName) -> Result<Option<&str>, HandshakeError> {
        grammar::single(&self.headers, name).map_err(|_| HandshakeError::DuplicateHeader(name.clone()))
    }
}
