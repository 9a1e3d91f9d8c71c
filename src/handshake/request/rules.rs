//! The rules for a request that are those of HTTP.

use crate::{
    error::HandshakeError,
    handshake::{
        first_line::RequestLine,
        grammar::{self, is_host_and_port},
        head::Head,
    },
};
use bytes::Bytes;
use http::{
    HeaderMap, Uri,
    header::{CONTENT_LENGTH, HOST, HeaderValue, ORIGIN, TRANSFER_ENCODING},
    uri::Authority,
};

/// The host in the `Host` header, if there is one. RFC 9112 section 3.2: 400 is also the answer to "any request message
/// that contains more than one Host header field line or a Host header field with an invalid field value".
pub(super) fn host(
    headers: &HeaderMap,
    share: impl FnOnce(&str) -> Bytes,
) -> Result<Option<Authority>, HandshakeError> {
    let Some(host) = grammar::single(headers, &HOST).map_err(|_| HandshakeError::InvalidHost)? else { return Ok(None) };
    let authority = Authority::from_maybe_shared(share(host)).ok().filter(is_host_and_port);
    authority.map(Some).ok_or(HandshakeError::InvalidHost)
}

/// The target in the first line.
pub(super) fn target(head: &Head<RequestLine>) -> Result<Uri, HandshakeError> {
    let target = head.in_first_line(&head.first_line.target);
    // `Uri` drops a fragment silently.
    if target.contains(&b'#') {
        return Err(HandshakeError::InvalidTarget);
    }
    let uri = Uri::from_maybe_shared(head.share(target)).ok().filter(is_target);
    uri.ok_or(HandshakeError::InvalidTarget)
}

/// RFC 6455 section 4.1 item 3: the target is a resource name, or "an absolute http/https URI". A ws(s) URI is accepted
/// too. `Uri` accepts UTF-8.
pub(super) fn is_target(uri: &Uri) -> bool {
    let is_resource = match uri.scheme_str() {
        None => uri.authority().is_none() && uri.path().starts_with('/'),
        Some(scheme) => ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)),
    };
    let is_ascii = uri.path_and_query().is_none_or(|resource| resource.as_str().is_ascii());
    is_resource && is_ascii && uri.authority().is_none_or(is_host_and_port)
}

/// RFC 6454 section 7.3: a user agent sends at most one `Origin`. Section 7.1 writes it in printable ASCII. Any
/// other `Origin` must not look like no `Origin`, which means that the client is no browser.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    if origins.next().is_some() {
        return Err(HandshakeError::DuplicateHeader(ORIGIN));
    }
    if is_origin(origin) { Ok(()) } else { Err(HandshakeError::InvalidOrigin) }
}

/// Whether `value` is printable ASCII and not empty, as every origin is (RFC 6454 section 7.1).
pub(in crate::handshake) fn is_origin(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The host and port of a page's origin, and the default port of its scheme. RFC 6454 section 7.1: `serialized-origin =
/// scheme "://" host [ ":" port ]`.
pub(super) fn parse_origin(origin: &str) -> Option<(Authority, u16)> {
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
pub(super) fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(is_digit))
}

/// Refuses a request with a body, whose bytes would be read as frames. Request smuggling confuses the two.
pub(super) fn refuse_body(headers: &HeaderMap) -> Result<(), HandshakeError> {
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
