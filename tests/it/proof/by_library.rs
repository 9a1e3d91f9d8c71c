//! Opening handshakes that an HTTP library has read, judged by the verdicts on their bytes.

use statesocket::{
    Config, HandshakeError,
    handshake::{Expected, Request, Response},
    http::{self, HeaderName, HeaderValue},
};

/// A request gets the `verdict` that a server has on its bytes in `wire`.
pub(super) fn check_request(wire: &[u8], config: &Config, verdict: Result<&Request, &HandshakeError>) {
    let Some(request) = read(wire) else { return };
    if verdict.is_err_and(is_about_bytes) {
        return;
    }
    let (parts, ()) = request.into_parts();
    for protocol in [None, Some("websocket")] {
        let carried = Request::from_parts(&parts, protocol, config);
        assert_eq!(carried.as_ref(), verdict, "by a library, of {}", wire.escape_ascii());
    }
}

/// A 101 gets the `verdict` that a client has on its bytes. `is_old` if its version is HTTP/1.0.
pub(super) fn check_response(
    response: &Response,
    is_old: bool,
    (expected, config): (&Expected, &Config),
    verdict: Result<Option<&str>, &HandshakeError>,
) {
    let mut carried = http::Response::from(response.clone());
    *carried.version_mut() = if is_old { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    let agreed = expected.check(&carried, config);
    assert_eq!(agreed.as_ref().map(|agreed| agreed.subprotocol.as_deref()), verdict, "by a library, of {response:?}");
}

/// Whether only bytes can break the rule, or tell that it is broken.
fn is_about_bytes(error: &HandshakeError) -> bool {
    matches!(
        error,
        HandshakeError::Malformed
            | HandshakeError::RequestLineTooLong { .. }
            | HandshakeError::HeadTooLarge { .. }
            | HandshakeError::TooMuchEarlyData { .. }
            | HandshakeError::VersionNotSupported
    )
}

/// The request at the beginning of `wire` as a library reads it; `None` if it does not.
fn read(wire: &[u8]) -> Option<http::Request<()>> {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut room);
    if !parsed.parse(wire).ok()?.is_complete() {
        return None;
    }
    let target = parsed.path.filter(|target| !target.contains('#'))?;
    let version = if parsed.version? == 0 { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    let mut request = http::Request::builder().method(parsed.method?).uri(target).version(version).body(()).ok()?;
    for header in parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(request)
}
