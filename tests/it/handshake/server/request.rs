//! The request that a server reads (rows HS).

use super::why;
use crate::support::{
    config, drain, feed,
    handshake::{refusal, request, server},
    request_head,
};
use statesocket::{
    Config, HandshakeError,
    handshake::Accept,
    http::{
        StatusCode,
        header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION},
    },
};
use tungstenite::handshake::derive_accept_key;

/// A request that is valid except for its request line.
fn with_line(line: &str) -> Vec<u8> {
    let head = request_head("/chat", &[]);
    let end = head.iter().position(|&byte| byte == b'\r').expect("a head has lines");
    [line.as_bytes(), &head[end..]].concat()
}

/// A valid request with exactly `line` among its headers.
fn with_header_line(line: &[u8]) -> Vec<u8> {
    let head = request_head("/chat", &[]);
    [&head[..head.len() - 2], line, b"\r\n\r\n"].concat()
}

#[test]
fn hs1_a_malformed_head_is_answered_with_400() {
    let lines: [&[u8]; 15] = [
        b"No-Colon",
        b": no name",
        b"Bad Name: x",
        b"Space-Before-Colon : x",
        b"Tab-Before-Colon\t: x",
        b"Bad(Name): x",
        "Näme: x".as_bytes(),
        b"X: nul\0",
        b"X: vertical\x0Btab",
        b"X: escape\x1B",
        b"X: delete\x7F",
        b"X: bare\rreturn",
        b"X: bare\nfeed: x",
        b"X: folded\r\n by a space",
        b"X: folded\r\n\tby a tab",
    ];
    for line in lines {
        let (error, _) = refusal(Config::default(), &with_header_line(line));
        assert_eq!(error, HandshakeError::Malformed, "{}", line.escape_ascii());
    }
}

/// RFC 9112 section 3: "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a
/// 301". These lines have more wrong with them than the version.
#[test]
fn hs1_a_malformed_request_line_is_answered_with_400() {
    for line in [
        "GET",
        "GET /chat",
        "GET /chat ",
        "GET  /chat HTTP/1.1",
        "GET /chat  HTTP/1.1",
        "GET /chat HTTP/1.1 ",
        "GET\t/chat\tHTTP/1.1",
        "GET /two words HTTP/1.1",
        "GET /two\twords HTTP/1.1",
        " GET /chat HTTP/1.1",
        "GE(T /chat HTTP/1.1",
        "GET /chat HTTP/1.1x",
        "GET /chat HTTP/1",
        "GET /chat http/1.1",
        "GET /chat HTTPS/1.1",
        "HTTP/1.1 101 Switching Protocols",
    ] {
        assert_eq!(refusal(Config::default(), &with_line(line)).0, HandshakeError::Malformed, "{line:?}");
    }
}

#[test]
fn hs1_bytes_that_no_head_can_contain_fail_before_the_line_ends() {
    let starts: [(&str, &[u8]); 5] = [
        ("a TLS client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"),
        ("a TLS alert", b"\x15"),
        ("a WebSocket frame", b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58"),
        ("SOCKS", b"\x05\x01\x00"),
        ("a bare line feed", b"GET / HTTP/1.1\n"),
    ];
    for (name, start) in starts {
        assert_eq!(refusal(Config::default(), start).0, HandshakeError::Malformed, "{name}");
    }
}

#[test]
fn hs1_the_result_does_not_depend_on_the_pieces() {
    let early = crate::support::Raw::new(0x1, "Hello").masked().bytes();
    let accepted = [request_head("/chat", &[("Sec-WebSocket-Protocol", "a, b"), ("X", "ü")]), early].concat();
    for bytes in [
        accepted,
        [b"\r\n\r\n".as_slice(), &request_head("/chat", &[])].concat(),
        request_head("/chat", &[("Host", "")]),
        request_head("/chat", &[("Sec-WebSocket-Version", "8")]),
        with_header_line(b"X: \xFF"),
        with_header_line(b"X: bare\rreturn"),
        [request_head("/chat", &[]), vec![b'x'; 100 << 10]].concat(),
    ] {
        let mut whole = server(Config::default());
        let expected = (feed(&mut whole, &bytes), whole.phase(), drain(&mut whole));
        for size in [1, 2, 3, 7, 64] {
            let mut server = server(Config::default());
            let events: Vec<_> = bytes.chunks(size).flat_map(|piece| feed(&mut server, piece)).collect();
            let case = &bytes[..bytes.len().min(300)].escape_ascii();
            assert_eq!((events, server.phase(), drain(&mut server)), expected, "{case} in pieces of {size}");
        }
    }
}

#[test]
fn hs2_any_method_but_get_and_head_is_answered_with_405_and_allow() {
    for method in ["POST", "PUT", "OPTIONS", "CONNECT", "get", "Get", "GETT", "!"] {
        let (error, answer) = refusal(Config::default(), &with_line(&format!("{method} /chat HTTP/1.1")));
        assert_eq!((&error, error.status().as_u16()), (&HandshakeError::MethodNotAllowed, 405), "{method}");
        assert!(answer.contains("\r\nallow: GET\r\n"), "{method}: {answer}");
    }
}

#[test]
fn hs2_other_major_versions_of_http_are_answered_with_505() {
    for version in ["0.0", "0.9", "2.0", "2.1", "3.0", "9.9"] {
        let (error, _) = refusal(Config::default(), &with_line(&format!("GET /chat HTTP/{version}")));
        assert_eq!((&error, error.status().as_u16()), (&HandshakeError::VersionNotSupported, 505), "{version}");
    }
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(refusal(Config::default(), preface).0, HandshakeError::VersionNotSupported);
}

#[test]
fn hs4_upgrade_and_connection_are_lists_in_any_case_on_any_line() {
    for changes in [
        &[("Upgrade", "WebSocket"), ("Connection", "UPGRADE")][..],
        &[("Connection", "keep-alive, Upgrade")],
        &[("Connection", "\tkeep-alive\t,\tupgrade\t")],
        &[("Connection", ",, ,Upgrade,")],
        &[("Connection", "keep-alive"), ("+Connection", "Upgrade")],
        &[("Connection", "Upgrade"), ("+connection", "close")],
        &[("Upgrade", "h2c, websocket")],
        &[("Upgrade", "h2c"), ("+upgrade", "\twebSocket ")],
    ] {
        assert!(request(Config::default(), &request_head("/chat", changes)).is_websocket(), "{changes:?}");
    }
}

#[test]
fn hs4_a_request_without_either_token_is_refused() {
    for (connection, why_not) in [
        ("", HandshakeError::ConnectionMissing),
        ("close", HandshakeError::ConnectionMissing),
        ("Upgraded", HandshakeError::ConnectionMissing),
        ("keep-alive Upgrade", HandshakeError::ConnectionMissing),
        ("\"Upgrade\"", HandshakeError::ConnectionMissing),
    ] {
        assert_eq!(why(&[("Connection", connection)]), why_not, "{connection:?}");
    }
    for upgrade in ["", "h2c", "websockets", "web socket", "websocket/13", "websocket;"] {
        assert_eq!(why(&[("Upgrade", upgrade)]), HandshakeError::UpgradeRequired, "{upgrade:?}");
    }
}

#[test]
fn k8_the_last_bits_of_a_key_do_not_matter() {
    for key in
        ["AQIDBAUGBwgJCgsMDQ4PEC==", "AQIDBAUGBwgJCgsMDQ4PEA==", "dGhlIHNhbXBsZSBub25jZf==", "++++++++++//////////++=="]
    {
        let mut server = server(Config::default());
        assert_eq!(feed(&mut server, &request_head("/chat", &[("Sec-WebSocket-Key", key)])).len(), 1, "{key}");
        server.accept(Accept::new()).expect("a request waits");
        let answer = String::from_utf8(drain(&mut server)).expect("a head is text");
        let accept = format!("Sec-WebSocket-Accept: {}\r\n", derive_accept_key(key.as_bytes()));
        assert!(answer.contains(&accept), "{key}: the answer is made of the text");
    }
}

#[test]
fn k8_a_key_in_pieces_or_with_pads_elsewhere_is_no_key() {
    for key in
        ["AQIDBAUGBwgJCgs==Q4PEC==", "AQIDBAUGBwgJCgsMDQ4PE=C=", "=QIDBAUGBwgJCgsMDQ4PEC==", "AQIDBAUGBwgJCgsMDQ4PECEC"]
    {
        assert_eq!(why(&[("Sec-WebSocket-Key", key)]), HandshakeError::InvalidKey, "{key:?}");
    }
}

#[test]
fn hs5_the_key_must_decode_to_16_bytes() {
    for key in [
        "",
        "c2hvcnQ=",
        "AAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBs ZSBub25jZQ==",
        "-_-_-_-_-_-_-_-_-_-_-w==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        "\"dGhlIHNhbXBsZSBub25jZQ==\"",
        "dGhlIHNhbXBsZSBub25jZQ==ü",
    ] {
        assert_eq!(why(&[("Sec-WebSocket-Key", key)]), HandshakeError::InvalidKey, "{key:?}");
    }
    let empty = with_header_line(b"Sec-WebSocket-Key:");
    assert_eq!(refusal(Config::default(), &empty).0, HandshakeError::DuplicateHeader(SEC_WEBSOCKET_KEY));
    let spaced = request_head("/chat", &[("Sec-WebSocket-Key", "\t dGhlIHNhbXBsZSBub25jZQ== \t")]);
    assert!(request(Config::default(), &spaced).is_websocket(), "white space around a value does not count");
}

#[test]
fn hs5_a_second_key_is_refused_even_if_it_is_the_same() {
    for (name, key) in
        [("+Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("+sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")]
    {
        assert_eq!(why(&[(name, key)]), HandshakeError::DuplicateHeader(SEC_WEBSOCKET_KEY), "{name}");
    }
}

#[test]
fn hs6_any_version_but_13_is_answered_with_426_and_version_13() {
    for version in ["", "0", "8", "12", "14", "013", "+13", "13.0", "0x0D", "13, 8", "13, 13", "8, 13", "thirteen"] {
        let request = request_head("/chat", &[("Sec-WebSocket-Version", version)]);
        let (error, answer) = refusal(Config::default(), &request);
        assert_eq!(error, HandshakeError::UnsupportedWebSocketVersion, "{version:?}");
        assert_eq!(error.status(), StatusCode::UPGRADE_REQUIRED);
        for line in ["upgrade: websocket", "sec-websocket-version: 13", "Connection: close, upgrade"] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{version:?}: {line}: {answer}");
        }
    }
    let (_, answer) = refusal(Config::default(), &request_head("/chat", &[("Sec-WebSocket-Key", "")]));
    for header in ["upgrade", "sec-websocket-version"] {
        assert!(!answer.to_lowercase().contains(header), "only a 426 has it: {answer}");
    }
    for again in ["13", "8"] {
        let error = why(&[("+Sec-WebSocket-Version", again)]);
        assert_eq!(error, HandshakeError::DuplicateHeader(SEC_WEBSOCKET_VERSION), "{again}");
    }
}

#[test]
fn hs7_only_a_request_without_origin_is_not_from_a_browser() {
    let origin =
        |value| request(Config::default(), &request_head("/chat", &[("Origin", value)])).origin().map(String::from);
    assert_eq!(origin(""), None);
    assert_eq!(origin("null").as_deref(), Some("null"));
    assert_eq!(origin("https://example.com:8443").as_deref(), Some("https://example.com:8443"));
}

#[test]
fn hs8_lists_on_several_lines_are_one_list_in_order() {
    let changes = [
        ("Sec-WebSocket-Protocol", "a,\tb"),
        ("+sec-websocket-protocol", " ,c, "),
        ("+SEC-WEBSOCKET-PROTOCOL", "d"),
        ("Sec-WebSocket-Extensions", "x; p=1, y"),
        ("+Sec-WebSocket-Extensions", "z;q"),
    ];
    let request = request(Config::default(), &request_head("/chat", &changes));
    assert_eq!(request.subprotocols(), ["a", "b", "c", "d"]);
    let names: Vec<_> = request.extensions().iter().map(|extension| extension.name.as_str()).collect();
    assert_eq!(names, ["x", "y", "z"]);
    assert_eq!(request.extensions()[0].params, [("p".to_owned(), Some("1".to_owned()))]);
    assert_eq!(request.extensions()[2].params, [("q".to_owned(), None)]);
}

#[test]
fn hs9_unknown_headers_are_kept_and_names_are_in_any_case() {
    let head = b"GET /chat HTTP/1.1\r\nhOST:h\r\nUPGRADE:websocket\r\nconnection:upgrade\r\nx-a: 1\r\n\
        SEC-websocket-KEY:dGhlIHNhbXBsZSBub25jZQ==\r\nsec-WEBSOCKET-version:13\r\nX-A: 2\r\nX-Empty:\r\n\
        Sec-WebSocket-Accept: ignored\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let request = request(Config::default(), head);
    assert!(request.is_websocket());
    assert_eq!(request.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.headers()["x-empty"], "");
}

#[test]
fn hs14_a_request_with_a_body_is_answered_with_400() {
    for changes in [
        &[("Content-Length", "5")][..],
        &[("Content-Length", "0"), ("+Content-Length", "5")],
        &[("Content-Length", "5"), ("+content-length", "0")],
        &[("Content-Length", "0, 5")],
        &[("Content-Length", "+0")],
        &[("Content-Length", "-1")],
        &[("Content-Length", "x")],
        &[("Content-Length", ",")],
        &[("Transfer-Encoding", "chunked")],
        &[("Transfer-Encoding", "identity")],
        &[("Transfer-Encoding", "\tchunked")],
        &[("Content-Length", "0"), ("Transfer-Encoding", "chunked")],
    ] {
        assert_eq!(why(changes), HandshakeError::RequestBody, "{changes:?}");
        let plain = [changes, &[("Upgrade", "")]].concat();
        let config = config(|config| config.plain_http = true);
        assert_eq!(refusal(config, &request_head("/", &plain)).0, HandshakeError::RequestBody, "plain, {changes:?}");
    }
    for zero in ["0", "00", "0000000000000000000000000"] {
        let none = request(Config::default(), &request_head("/chat", &[("Content-Length", zero)]));
        assert!(none.is_websocket(), "a length of {zero} means no body");
    }
}
