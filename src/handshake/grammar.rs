//! Parts of the HTTP grammar: tokens, lists, single values, authorities.

use crate::error::HandshakeError;
use http::{HeaderMap, header::HeaderName, uri::Authority};
use std::net::Ipv6Addr;

/// The text does not follow its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Whether `text` is a token (RFC 9110 section 5.6.2). RFC 6455 requires one for subprotocols and extensions.
pub(crate) fn is_token(text: impl AsRef<[u8]>) -> bool {
    let text = text.as_ref();
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// `tchar`: the visible characters except delimiters.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether `authority` is a host with an optional port (RFC 3986 section 3.2). Unlike `http::uri`, this refuses user
/// information, an empty host, brackets around anything but an IPv6 address, and anything but a port behind the host.
pub(crate) fn is_host_and_port(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty(),
    };
    let is_port = match text.strip_prefix(host) {
        Some("" | ":") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| is_digits(port) && port.parse::<u16>().is_ok()),
        None => false,
    };
    is_host && is_port
}

/// Whether `text` is one or more digits. `str::parse` also accepts a sign.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text without optional white space around it (RFC 9110 section 5.6.3).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A list in a header cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFault {
    Malformed,
    /// It has more elements than the limit. Each one that is kept costs far more memory than its bytes on the wire.
    TooMany,
}

impl ListFault {
    /// The error of the handshake, which is `malformed` if the list is.
    pub(crate) fn into_error(self, limit: usize, malformed: HandshakeError) -> HandshakeError {
        match self {
            Self::Malformed => malformed,
            Self::TooMany => HandshakeError::TooManyElements { limit },
        }
    }
}

impl From<Malformed> for ListFault {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Counts the elements of a list against its limit: the parts between commas on all lines of a header, empty ones
/// included. Each parameter of an extension counts as an element too.
#[derive(Debug)]
pub(crate) struct Budget(pub(crate) usize);

impl Budget {
    /// Takes this number of elements.
    pub(crate) fn take(&mut self, elements: usize) -> Result<(), ListFault> {
        self.0 = self.0.checked_sub(elements).ok_or(ListFault::TooMany)?;
        Ok(())
    }
}

/// Whether the list in a header contains `token`, in upper or lower case. The list may be on several lines. A list that
/// is not ASCII contains nothing.
pub(crate) fn lists_token(
    headers: &HeaderMap,
    name: &HeaderName,
    token: &str,
    mut budget: Budget,
) -> Result<bool, ListFault> {
    let mut is_listed = false;
    for value in headers.get_all(name) {
        let Ok(value) = value.to_str() else { return Ok(false) };
        for element in value.split(',') {
            budget.take(1)?;
            is_listed |= trim(element).eq_ignore_ascii_case(token);
        }
    }
    Ok(is_listed)
}

/// The tokens in the list of a header, all its lines in order. Empty elements are ignored (RFC 9110 section 5.6.1).
pub(crate) fn token_list(headers: &HeaderMap, name: &HeaderName, mut budget: Budget) -> Result<Vec<String>, ListFault> {
    let (mut tokens, mut has_lines) = (Vec::new(), false);
    for value in headers.get_all(name) {
        has_lines = true;
        let value = value.to_str().map_err(|_| Malformed)?;
        for element in value.split(',').map(trim) {
            budget.take(1)?;
            if element.is_empty() {
                continue;
            }
            if !is_token(element) {
                return Err(ListFault::Malformed);
            }
            tokens.push(element.to_owned());
        }
    }
    if tokens.is_empty() && has_lines { Err(ListFault::Malformed) } else { Ok(tokens) }
}

/// The header has more than one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated;

/// The only value of a header, if it has one. A value that is not printable ASCII reads as empty, and no caller accepts
/// an empty value.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(trim(value.to_str().unwrap_or_default()))),
        (Some(_), Some(_)) => Err(Repeated),
    }
}
