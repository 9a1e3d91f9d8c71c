//! The request of a client, as a server reads it.

use super::{
    extension::Extension,
    first_line::RequestLine,
    grammar::{self, Budget, is_host_and_port, lists_token},
    head::Head,
};
use crate::{config::Config, error::HandshakeError};
use http::{
    HeaderMap, Method, Uri,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
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
    /// The method: GET, or HEAD if the request is plain HTTP. Answer a HEAD like a GET: the answer is written without
    /// its body (RFC 9110 section 9.3.2).
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
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// The host, and the port if there is one, from an absolute target or else from the `Host` header. `None` only for
    /// a plain request of HTTP/1.0, which may have neither (RFC 9112 section 3.2).
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
        let origin = self.origin().and_then(parse_origin);
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

    /// The value of `Sec-WebSocket-Accept` in the answer; `None` if the request is plain HTTP.
    pub(super) fn accept_key(&self) -> Option<String> {
        let key = self.single(&SEC_WEBSOCKET_KEY).ok().flatten();
        key.filter(|_| self.is_websocket).map(|key| derive_accept_key(key.as_bytes()))
    }

    /// Reads a head by RFC 6455 section 4.2.1. Only [`Config::plain_http`] allows a request that asks for no WebSocket.
    pub(super) fn parse(head: &Head<RequestLine>, config: &Config) -> Result<Self, HandshakeError> {
        let RequestLine { is_head, minor_version, .. } = head.first_line;
        let headers = head.headers()?;
        let host = parse_host(head, &headers)?;
        // RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
        // message that lacks a Host header field". A request of HTTP/1.0 may lack it.
        if host.is_none() && minor_version > 0 {
            return Err(HandshakeError::InvalidHost);
        }
        let target = parse_target(head)?;
        refuse_body(&headers)?;
        check_origin(&headers)?;
        let target = target.into_parts();
        let mut request = Self {
            method: if is_head { Method::HEAD } else { Method::GET },
            resource: target.path_and_query.ok_or(HandshakeError::InvalidTarget)?,
            // RFC 9112 section 3.2.2: a server "MUST ignore the received Host header field (if any)" beside an
            // absolute target.
            authority: target.authority.or(host),
            subprotocols: Vec::new(),
            extensions: Vec::new(),
            is_websocket: false,
            headers,
        };
        // Section 4.2.1 item 1: "An HTTP/1.1 or higher GET request". RFC 9110 section 7.8: "A server MUST ignore an
        // Upgrade header field that is received in an HTTP/1.0 request."
        let can_upgrade = minor_version > 0 && !is_head;
        let limit = config.max_list_elements;
        if can_upgrade && request.lists(&UPGRADE, "websocket", limit)? {
            request.validate_websocket(limit)?;
        } else if !config.plain_http {
            return Err(HandshakeError::UpgradeRequired);
        }
        Ok(request)
    }

    fn lists(&self, name: &HeaderName, token: &str, limit: usize) -> Result<bool, HandshakeError> {
        lists_token(&self.headers, name, token, Budget(limit)).map_err(|_| HandshakeError::TooManyElements { limit })
    }

    fn validate_websocket(&mut self, limit: usize) -> Result<(), HandshakeError> {
        if !self.lists(&CONNECTION, "upgrade", limit)? {
            return Err(HandshakeError::ConnectionMissing);
        }
        match self.single(&SEC_WEBSOCKET_VERSION)? {
            Some("13") => {}
            Some(_) | None => return Err(HandshakeError::UnsupportedWebSocketVersion),
        }
        let key = self.single(&SEC_WEBSOCKET_KEY)?.unwrap_or_default();
        if !is_key(key) {
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

/// The host in the `Host` header, if there is one. RFC 9112 section 3.2: 400 is also the answer to "any request message
/// that contains more than one Host header field line or a Host header field with an invalid field value".
fn parse_host(head: &Head<RequestLine>, headers: &HeaderMap) -> Result<Option<Authority>, HandshakeError> {
    let Some(host) = grammar::single(headers, &HOST).map_err(|_| HandshakeError::InvalidHost)? else { return Ok(None) };
    let authority = Authority::from_maybe_shared(head.share(host)).ok().filter(is_host_and_port);
    authority.map(Some).ok_or(HandshakeError::InvalidHost)
}

/// RFC 6455 section 4.1 item 3: the target is a resource name, or "an absolute http/https URI". A ws(s) URI is accepted
/// too.
fn parse_target(head: &Head<RequestLine>) -> Result<Uri, HandshakeError> {
    let target = head.in_first_line(&head.first_line.target);
    // `Uri` accepts UTF-8, and drops a fragment silently.
    if !target.is_ascii() || target.contains(&b'#') {
        return Err(HandshakeError::InvalidTarget);
    }
    let uri = Uri::from_maybe_shared(head.share(target)).map_err(|_| HandshakeError::InvalidTarget)?;
    let is_resource = match uri.scheme_str() {
        None => target.starts_with(b"/"),
        Some(scheme) => ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)),
    };
    let is_authority = uri.authority().is_none_or(is_host_and_port);
    if is_resource && is_authority { Ok(uri) } else { Err(HandshakeError::InvalidTarget) }
}

/// RFC 6454 section 7.3: a user agent sends at most one `Origin`. Section 7.1 writes it in printable ASCII. Any
/// other `Origin` must not look like no `Origin`, which means that the client is no browser.
fn check_origin(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    if origins.next().is_some() {
        return Err(HandshakeError::DuplicateHeader(ORIGIN));
    }
    if is_origin(origin) { Ok(()) } else { Err(HandshakeError::InvalidOrigin) }
}

/// Whether `value` is printable ASCII and not empty, as every origin is (RFC 6454 section 7.1).
pub(super) fn is_origin(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The host and port of a page's origin, and the default port of its scheme. RFC 6454 section 7.1: `serialized-origin =
/// scheme "://" host [ ":" port ]`.
fn parse_origin(origin: &str) -> Option<(Authority, u16)> {
    let (scheme, authority) = origin.split_once("://")?;
    let default = match () {
        () if scheme.eq_ignore_ascii_case("http") => 80,
        () if scheme.eq_ignore_ascii_case("https") => 443,
        () => return None,
    };
    let authority = authority.parse().ok().filter(is_host_and_port)?;
    Some((authority, default))
}

/// Section 4.2.1 item 5: "a base64-encoded [...] value that, when decoded, is 16 bytes in length". That is 22 digits
/// and two pads. The last digit has 4 bits too many, which are not checked. Section 4.2.2 item 5: "It is not necessary
/// for the server to base64-decode the |Sec-WebSocket-Key| value."
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(is_digit))
}

/// Refuses a request with a body, whose bytes would be read as frames. Request smuggling confuses the two.
fn refuse_body(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let is_zero = |length: &[u8]| !length.is_empty() && length.iter().all(|digit| *digit == b'0');
    let has_length = headers.get_all(CONTENT_LENGTH).iter().any(|length| !is_zero(length.as_bytes()));
    if has_length || headers.contains_key(TRANSFER_ENCODING) { Err(HandshakeError::RequestBody) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{BASE64, Specification};

    #[test]
    fn k8_a_key_is_a_text_that_decodes_to_16_bytes_whatever_its_last_bits() {
        let mut lenient = Specification::new();
        lenient.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        (lenient.padding, lenient.check_trailing_bits) = (Some('='), false);
        let lenient = lenient.encoding().expect("64 digits and a pad");
        // The library also takes pads between the digits.
        let decodes = |key: &[u8]| {
            let has_pads_inside = key.iter().position(|&byte| byte == b'=').is_some_and(|at| at + 2 < key.len());
            !has_pads_inside && lenient.decode(key).is_ok_and(|nonce| nonce.len() == 16)
        };
        let keys = (0..20).map(|len| BASE64.encode(&vec![0xA5; len]));
        let others = ["".to_owned(), "=".repeat(24), "AQIDBAUGBwgJCgsMDQ4PEC==".to_owned()];
        for key in keys.chain(others) {
            for at in 0..key.len() {
                for byte in 0..=0x7F {
                    let mut changed = key.clone().into_bytes();
                    changed[at] = byte;
                    let is_right = decodes(&changed);
                    let changed = String::from_utf8(changed).expect("all of it is ASCII");
                    assert_eq!(is_key(&changed), is_right, "{changed:?}");
                }
            }
        }
        assert!(is_key("AQIDBAUGBwgJCgsMDQ4PEC=="), "the example of section 4.1 has these bits set");
        for key in [
            "AQIDBAUGBwg==gsMDQ4PEC==",
            "AQIDBAUGBwgJCgsMDQ4PE===",
            "AQIDBAUGBwgJCgsMDQ4PEC",
            " QIDBAUGBwgJCgsMDQ4PEC==",
        ] {
            assert!(!is_key(key), "{key:?}");
        }
    }
}
