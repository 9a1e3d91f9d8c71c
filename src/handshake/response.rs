//! HTTP responses: the answers of a server other than 101, and the answers that a client reads.

use super::{
    head::{write_header, write_headers},
    is_framing, to_header,
};
use crate::error::{HandshakeError, RejectError};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{ALLOW, CONTENT_TYPE, DATE, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use std::time::SystemTime;

/// The beginning of the year 10000, in seconds since 1970. A `Date` has four digits for the year.
const YEAR_10000: u64 = 253_402_300_800;

/// An HTTP response: the argument of [`reject`](crate::Connection::reject) and
/// [`respond`](crate::Connection::respond), and the answer that a client reads. A [`StatusCode`] alone converts into
/// one.
///
/// ```
/// use statesocket::{handshake::Response, http::{StatusCode, header::WWW_AUTHENTICATE}};
///
/// let response = Response::new(StatusCode::UNAUTHORIZED)
///     .header(WWW_AUTHENTICATE, "Basic")?
///     .body("who are you?");
/// assert_eq!(response.body, "who are you?");
/// # Ok::<(), statesocket::RejectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, in any encoding. A new response has the registered phrase of its status.
    pub reason: Bytes,
    /// The headers. `reject` and `respond` refuse `Content-Length`, `Connection` and `Transfer-Encoding`. They write
    /// the first two themselves, and a `Date` with [`Config::date`](crate::Config::date) if there is none.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// A response with no headers and no body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let reason = Bytes::from_static(status.canonical_reason().unwrap_or_default().as_bytes());
        Self { status, reason, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Sets the reason phrase. It may be empty.
    ///
    /// ```
    /// use statesocket::{RejectError, handshake::Response, http::StatusCode};
    ///
    /// let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).reason("Back At Noon")?;
    /// assert_eq!(response.reason, "Back At Noon");
    /// assert_eq!(response.reason("Back\r\nAt: Noon").err(), Some(RejectError::InvalidReason));
    /// # Ok::<(), RejectError>(())
    /// ```
    ///
    /// # Errors
    /// [`RejectError::InvalidReason`] if it has a control character other than a tab.
    pub fn reason(mut self, phrase: impl Into<Bytes>) -> Result<Self, RejectError> {
        self.reason = phrase.into();
        if is_reason(&self.reason) { Ok(self) } else { Err(RejectError::InvalidReason) }
    }

    /// Adds a header. Its name and value are types of [`http`], or what converts into them, such as a text or a number.
    ///
    /// # Errors
    /// [`RejectError::ReservedHeader`] for `Content-Length`, `Connection` and `Transfer-Encoding`, and
    /// [`RejectError::InvalidHeader`] for a name that is not a token, and for a value with a control character, which
    /// could split the response.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, RejectError> {
        let (name, value) = to_header(name, value)?;
        if is_framing(&name) {
            return Err(RejectError::ReservedHeader(name));
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the body. Add a `Content-Type` with [`header`](Self::header).
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The answer to a request that breaks the rules.
    pub(crate) fn to_error(error: &HandshakeError, plain_http: bool) -> Self {
        let mut response = Self::new(error.status()).body(format!("{error}\n"));
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // RFC 9110 section 15.5.6 requires Allow, section 15.5.22 Upgrade.
        if *error == HandshakeError::MethodNotAllowed {
            let methods = if plain_http { "GET, HEAD" } else { "GET" };
            response.headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if error.status() == StatusCode::UPGRADE_REQUIRED {
            response.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            // RFC 6455 section 4.4: the server "MUST respond with a |Sec-WebSocket-Version| header field [...]
            // containing all versions it is willing to use".
            response.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }

    /// The bytes of the response, after which the server closes. The answer to a HEAD has all headers and no body
    /// (RFC 9110 section 9.3.2).
    ///
    /// `clock` gives the `Date`, unless the response has one.
    pub(crate) fn encode(&self, is_to_head: bool, clock: Option<fn() -> SystemTime>) -> Result<Vec<u8>, RejectError> {
        if self.status.is_informational() {
            return Err(RejectError::NotFinal(self.status));
        }
        let is_bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&self.status);
        if (is_bodiless || self.status == StatusCode::RESET_CONTENT) && !self.body.is_empty() {
            return Err(RejectError::BodyNotAllowed(self.status));
        }
        if let Some(name) = self.headers.keys().find(|name| is_framing(name)) {
            return Err(RejectError::ReservedHeader(name.clone()));
        }
        if !is_reason(&self.reason) {
            return Err(RejectError::InvalidReason);
        }
        let mut bytes = [b"HTTP/1.1 ", self.status.as_str().as_bytes(), b" ", &self.reason, b"\r\n"].concat();
        if let Some(date) = clock.filter(|_| !self.headers.contains_key(DATE)).and_then(|clock| http_date(clock())) {
            write_header(&mut bytes, "Date", date.as_bytes());
        }
        write_headers(&mut bytes, &self.headers);
        // RFC 9110 section 7.8: "A sender of Upgrade MUST also send an 'Upgrade' connection option".
        let options: &[u8] = if self.headers.contains_key(UPGRADE) { b"close, upgrade" } else { b"close" };
        write_header(&mut bytes, "Connection", options);
        if !is_bodiless {
            write_header(&mut bytes, "Content-Length", self.body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        if !is_to_head {
            bytes.extend_from_slice(&self.body);
        }
        Ok(bytes)
    }
}

/// A response with no headers and no body, as by [`Response::new`].
impl From<StatusCode> for Response {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

/// The same in a box, as the factory of a checked route returns it.
impl From<StatusCode> for Box<Response> {
    fn from(status: StatusCode) -> Self {
        Self::new(Response::new(status))
    }
}

/// The answer of a server to a request that breaks the rules, with the headers that its status demands. The body is the
/// error.
///
/// ```
/// use statesocket::{HandshakeError, handshake::Response, http};
///
/// let response = Response::from(&HandshakeError::UnsupportedWebSocketVersion);
/// assert_eq!(response.status.as_u16(), 426);
/// assert_eq!(response.headers["sec-websocket-version"], "13");
/// // An HTTP library sends it.
/// let response = http::Response::from(response);
/// assert_eq!(response.body(), "the WebSocket version is not 13\n");
/// ```
impl From<&HandshakeError> for Response {
    fn from(error: &HandshakeError) -> Self {
        Self::to_error(error, false)
    }
}

/// The response for an HTTP library to send, which frames the body. The reason phrase is lost.
impl From<Response> for http::Response<Bytes> {
    fn from(response: Response) -> Self {
        let mut to_send = Self::new(response.body);
        *to_send.status_mut() = response.status;
        *to_send.headers_mut() = response.headers;
        to_send
    }
}

/// `time` in the form of RFC 9110 section 5.6.7. `None` before 1970 and after 9999, for which the library panics.
fn http_date(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since_epoch.as_secs() < YEAR_10000).then(|| httpdate::fmt_http_date(time))
}

/// `reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )` (RFC 9112 section 4), or nothing.
fn is_reason(phrase: &[u8]) -> bool {
    phrase.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}
