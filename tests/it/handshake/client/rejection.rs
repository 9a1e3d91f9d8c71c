//! Responses other than 101 (row HR1).

use super::{SIZES, read_rejection};
use crate::support::{
    drain,
    handshake::{asking, failure},
    response_head,
};
use statesocket::{Config, Event, HandshakeError, Phase, handshake::Response};

#[test]
fn hr1_a_body_of_a_known_length_is_read() {
    let bytes = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-A: b\r\n\r\nno /x and more";
    for size in SIZES {
        let response = read_rejection(1000, bytes, size, false);
        assert_eq!((response.status.as_u16(), &response.body[..]), (404, &b"no /x"[..]), "{size}");
        assert_eq!(response.headers["x-a"], "b", "{size}");
    }
    assert!(read_rejection(1000, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1000, false).body.is_empty());
}

#[test]
fn hr1_a_chunked_body_is_read() {
    let bytes = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nno \r\n0B;a=b;c=\"d\"\r\nway\r\nin, no\r\n001 \r\n!\r\n0;last\r\nTrailer: x\r\nOther: y\r\n\r\nmore";
    for size in SIZES {
        let response = read_rejection(1000, bytes, size, false);
        assert_eq!((response.status.as_u16(), &response.body[..]), (403, &b"no way\r\nin, no!"[..]), "{size}");
        assert!(!response.headers.contains_key("trailer"), "{size}");
    }
    let empty = b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: gzip,\tChunked\r\nContent-Length: 99\r\n\r\n0\r\n\r\n";
    assert!(read_rejection(1000, empty, 1, false).body.is_empty(), "the coding overrides the length");
}

#[test]
fn hr1_a_body_without_a_length_ends_with_the_stream() {
    for head in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.0 503 Busy\r\nConnection: close\r\n\r\n"] {
        for size in SIZES {
            let response = read_rejection(1000, format!("{head}later").as_bytes(), size, true);
            assert_eq!((response.status.as_u16(), &response.body[..]), (503, &b"later"[..]), "{head:?} {size}");
        }
        assert!(read_rejection(1000, head.as_bytes(), 1000, true).body.is_empty(), "{head:?}");
    }
}

#[test]
fn hr1_a_stream_that_ends_early_ends_the_body() {
    for (framing, part, body) in [
        ("Content-Length: 10", "later", "later"),
        ("Content-Length: 10", "", ""),
        ("Transfer-Encoding: chunked", "5\r\nlat", "lat"),
        ("Transfer-Encoding: chunked", "5\r\nlater\r", "later"),
        ("Transfer-Encoding: chunked", "", ""),
    ] {
        let bytes = format!("HTTP/1.1 503 Service Unavailable\r\n{framing}\r\n\r\n{part}");
        assert_eq!(read_rejection(1000, bytes.as_bytes(), 3, true).body, body, "{bytes:?}");
    }
}

#[test]
fn hr1_a_body_is_cut_off_at_the_limit() {
    for (framing, body, limit, kept) in [
        ("Content-Length: 6", "123456", 6, "123456"),
        ("Content-Length: 6", "123456", 5, "12345"),
        ("Content-Length: 18446744073709551615", "123456", 5, "12345"),
        ("Transfer-Encoding: chunked", "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n", 6, "123456"),
        ("Transfer-Encoding: chunked", "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n", 5, "12345"),
        ("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF\r\n123456", 5, "12345"),
        ("X-Unsized: yes", "123456", 5, "12345"),
        ("X-Unsized: yes", "123456", 0, ""),
    ] {
        let bytes = format!("HTTP/1.1 500 Oops\r\n{framing}\r\n\r\n{body}");
        for size in SIZES {
            assert_eq!(read_rejection(limit, bytes.as_bytes(), size, false).body, kept, "{limit} of {bytes:?}, {size}");
        }
    }
    let exact = b"HTTP/1.1 500 Oops\r\n\r\n12345";
    assert_eq!(read_rejection(6, exact, 1, true).body, "12345", "one byte below the limit the body goes on");
}

#[test]
fn hr1_a_response_without_content_has_no_body_whatever_it_claims() {
    for status in ["204 No Content", "304 Not Modified"] {
        for framing in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let bytes = format!("HTTP/1.1 {status}\r\n{framing}\r\nHello");
            assert!(read_rejection(1000, bytes.as_bytes(), 1000, false).body.is_empty(), "{bytes:?}");
        }
    }
}

#[test]
fn hr1_redirects_and_challenges_are_reported() {
    for (line, name, value) in [
        ("HTTP/1.1 301 Moved Permanently", "Location", "wss://example.com/"),
        ("HTTP/1.1 307 Temporary Redirect", "Location", "/other"),
        ("HTTP/1.1 401 Unauthorized", "WWW-Authenticate", "Basic realm=\"x\""),
        ("HTTP/1.1 407 Proxy Authentication Required", "Proxy-Authenticate", "Basic"),
        ("HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version", "8"),
        ("HTTP/1.1 200 OK", "Upgrade", "websocket"),
        ("HTTP/1.1 499", "X", "y"),
        ("HTTP/1.1 999 Odd", "X", "y"),
    ] {
        let bytes = response_head(line, &[(name, value), ("Content-Length", "0")]);
        let response = read_rejection(1000, &bytes, 1000, false);
        assert_eq!(&line[9..12], response.status.as_str());
        assert_eq!(response.headers[name], value, "{line}");
    }
}

/// RFC 9112 section 6.3 item 4: unless chunked is the final coding, "the message body length is determined by reading
/// the connection until it is closed by the server". RFC 9110 section 2.5: a recipient takes a message of a higher
/// minor version "as if it was in the highest minor version within that major version to which the recipient is
/// conformant".
#[test]
fn k10_a_rejection_is_of_any_version_of_http_1() {
    for minor in 0..=9 {
        let bytes = format!("HTTP/1.{minor} 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
        let response = read_rejection(1000, bytes.as_bytes(), 7, false);
        assert_eq!((response.status.as_u16(), &response.body[..]), (404, &b"no"[..]), "{minor}");
    }
    for version in ["0.9", "2.0", "3.0"] {
        let bytes = format!("HTTP/{version} 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
        let error = failure(asking(Config::default(), &[]).0, bytes.as_bytes());
        assert_eq!(error, HandshakeError::VersionNotSupported, "{version}");
    }
}

#[test]
fn hr1_a_body_in_another_coding_ends_with_the_stream() {
    for framing in ["Transfer-Encoding: gzip\r\nContent-Length: 1", "Transfer-Encoding: chunked, gzip"] {
        let bytes = format!("HTTP/1.1 404 Not Found\r\n{framing}\r\n\r\nbytes");
        assert_eq!(read_rejection(1000, bytes.as_bytes(), 1000, true).body, "bytes", "{framing}");
    }
}

#[test]
fn hr1_our_client_reads_the_rejections_of_our_server() {
    use crate::support::Pair;
    use statesocket::http::StatusCode;

    let mut pair = Pair::new(Config::default());
    pair.to_server();
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .body("full")
        .header("Retry-After", 120)
        .expect("not a reserved header");
    pair.server.reject(response).expect("a request is pending");
    let events = pair.to_client();
    let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((response.status, &response.body[..]), (StatusCode::SERVICE_UNAVAILABLE, &b"full"[..]));
    assert_eq!(response.headers["retry-after"], "120");
    assert_eq!((pair.client.phase(), pair.server.phase()), (Phase::Closed, Phase::Closed));
    assert!(drain(&mut pair.client).is_empty());
}
