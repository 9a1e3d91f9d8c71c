//! Bytes outside ASCII (rows HS13, K4, K15). They are opaque, except in the fields that the handshake reads.

use crate::support::{
    Pair, accepted_head, config, feed,
    handshake::{asking, failure, refusal, request},
    request_head,
};
use statesocket::http::{
    HeaderName, HeaderValue, StatusCode,
    header::{COOKIE, ORIGIN, SET_COOKIE, WWW_AUTHENTICATE},
};
use statesocket::{
    Cause, Config, Connection, Event, HandshakeError,
    handshake::{Accept, Connect, Response},
};
use std::{sync::Arc, time::Instant};

/// Latin-1, UTF-8, half a character, a surrogate, an overlong form.
const TEXTS: [&[u8]; 6] =
    [b"Andr\xE9", "Andr\u{e9}".as_bytes(), b"\xC3", b"\xED\xA0\x80", b"\xC0\xAF", b"\xFF\xFE a\tb \x80"];

/// `head` with `line` as its last line.
fn with_line(head: &[u8], line: &[u8]) -> Vec<u8> {
    [&head[..head.len() - 2], line, b"\r\n\r\n"].concat()
}

/// `head` with each `?` replaced by `bytes`.
fn with(head: &[u8], bytes: &[u8]) -> Vec<u8> {
    head.split(|byte| *byte == b'?').collect::<Vec<_>>().join(bytes)
}

/// The events of a client for the answer that `answer` makes of the head of a valid one.
fn answered(answer: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<Event<'static>> {
    let (mut client, request) = asking(Config::default(), &[]);
    let bytes = answer(&accepted_head(&request, &[]));
    feed(&mut client, &bytes)
}

#[test]
fn k4_other_fields_of_a_request_are_handed_out_as_they_came() {
    for text in TEXTS {
        for name in ["Cookie", "User-Agent", "Authorization", "X-Any", "Referer", "Sec-WebSocket-Other"] {
            let head = with(&request_head("/chat", &[(name, "n=?")]), text);
            let request = request(Config::default(), &head);
            assert!(request.is_websocket());
            assert_eq!(request.headers()[name].as_bytes(), [b"n=", text].concat(), "{name}");
        }
    }
    for byte in 0x80..=u8::MAX {
        let request = request(Config::default(), &with(&request_head("/chat", &[("Cookie", "?")]), &[byte]));
        assert_eq!(request.headers()[COOKIE].as_bytes(), [byte]);
    }
}

#[test]
fn k4_other_fields_of_an_answer_are_handed_out_as_they_came() {
    for text in TEXTS {
        let line = [b"Set-Cookie: n=", text].concat();
        let events = answered(|accepted| with_line(accepted, &line));
        let [Event::Accepted(response)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.headers[SET_COOKIE].as_bytes(), &line["Set-Cookie: ".len()..]);

        let rejection = with_line(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", &line);
        let events = answered(|_| rejection);
        let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.headers[SET_COOKIE].as_bytes(), &line["Set-Cookie: ".len()..]);

        let hints = with_line(b"HTTP/1.1 103 \xE9\r\n\r\n", &line);
        let events = answered(|accepted| [&hints, accepted].concat());
        assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "an interim response: {events:?}");
    }
}

/// RFC 9112 section 4: `reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )`.
#[test]
fn k4_a_reason_phrase_is_opaque() {
    for text in TEXTS {
        let line = [b"HTTP/1.1 101 D", text, b"plac"].concat();
        let events = answered(|accepted| [&line, &accepted["HTTP/1.1 101 Switching Protocols".len()..]].concat());
        assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{events:?}");
        let line = [b"HTTP/1.1 302 ", text, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        let events = answered(|_| line);
        let [Event::Rejected(_), Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(end.cause, Cause::Rejected(StatusCode::FOUND));
    }
}

/// RFC 9110 section 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous"; other control
/// characters are also invalid.
#[test]
fn k4_control_characters_are_malformed() {
    for byte in (0..b' ').chain([0x7F]).filter(|byte| *byte != b'\t') {
        for value in [&[byte][..], &[0xE9, byte, 0xE9]] {
            let line = [b"X: a", value, b"b"].concat();
            let error = refusal(Config::default(), &with_line(&request_head("/", &[]), &line)).0;
            assert_eq!(error, HandshakeError::Malformed, "{}", line.escape_ascii());
            let (client, request) = asking(Config::default(), &[]);
            let error = failure(client, &with_line(&accepted_head(&request, &[]), &line));
            assert_eq!(error, HandshakeError::Malformed, "{}", line.escape_ascii());
            let line = [b"HTTP/1.1 404 a", value, b"b\r\n\r\n"].concat();
            assert_eq!(failure(asking(Config::default(), &[]).0, &line), HandshakeError::Malformed);
        }
    }
}

#[test]
fn k4_the_peer_reads_opaque_bytes_that_our_types_write() {
    for text in TEXTS {
        let value = HeaderValue::from_bytes(text).expect("a header may hold it");
        let connect = Connect::new("ws://h/").and_then(|connect| connect.header(COOKIE, value.clone()));
        let mut pair = Pair::new(Config::default());
        pair.client = Connection::client(&connect.expect("not ours"), Arc::new(Config::default()), Instant::now());
        let events = pair.to_server();
        let [Event::Request(request)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(request.headers()[COOKIE], value);
        pair.server.accept(Accept::new().header(SET_COOKIE, value.clone()).expect("not ours")).expect("it waits");
        let events = pair.to_client();
        let [Event::Accepted(response)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.headers[SET_COOKIE], value);

        let mut pair = Pair::new(Config::default());
        pair.to_server();
        let response = Response::new(StatusCode::UNAUTHORIZED);
        pair.server.reject(response.header(WWW_AUTHENTICATE, value.clone()).expect("not ours")).expect("it waits");
        let events = pair.to_client();
        let [Event::Rejected(response), Event::Disconnect(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(response.headers[WWW_AUTHENTICATE], value);
    }
}

/// Section 8.1 concerns the fields that the handshake reads. Each of them has its own error.
#[test]
fn hs13_the_fields_of_a_request_that_the_handshake_reads_are_ascii() {
    use HandshakeError as Error;
    for text in TEXTS {
        for (name, value, error) in [
            ("Host", "h?", Error::InvalidHost),
            ("Host", "?", Error::InvalidHost),
            ("Upgrade", "websocket?", Error::UpgradeRequired),
            ("Upgrade", "websocket, ?", Error::UpgradeRequired),
            ("+Upgrade", "?", Error::UpgradeRequired),
            ("Connection", "Upgrade?", Error::ConnectionMissing),
            ("Connection", "Upgrade, ?", Error::ConnectionMissing),
            ("+Connection", "?", Error::ConnectionMissing),
            ("Sec-WebSocket-Version", "13?", Error::UnsupportedWebSocketVersion),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==?", Error::InvalidKey),
            ("Sec-WebSocket-Key", "?", Error::InvalidKey),
            ("Sec-WebSocket-Protocol", "chat?", Error::InvalidSubprotocol),
            ("Sec-WebSocket-Protocol", "chat, ?", Error::InvalidSubprotocol),
            ("Sec-WebSocket-Extensions", "foo?", Error::InvalidExtensions),
            ("Sec-WebSocket-Extensions", "foo; a=?", Error::InvalidExtensions),
            ("Sec-WebSocket-Extensions", "foo; a=\"?\"", Error::InvalidExtensions),
            ("Origin", "https://exampl?e.com", Error::InvalidOrigin),
            ("Content-Length", "0?", Error::RequestBody),
            ("Transfer-Encoding", "?", Error::RequestBody),
        ] {
            let head = with(&request_head("/chat", &[(name, value)]), text);
            assert_eq!(refusal(Config::default(), &head).0, error, "{name}: {}", text.escape_ascii());
        }
    }
}

#[test]
fn hs13_a_request_line_is_ascii() {
    for text in TEXTS.iter().filter(|text| !text.contains(&b' ')) {
        for target in ["/?", "/chat#?", "http://h?/", "http://h/?", "?"] {
            let error = refusal(Config::default(), &with(&request_head(target, &[]), text)).0;
            assert_eq!(error, HandshakeError::InvalidTarget, "{target}: {}", text.escape_ascii());
        }
    }
    for line in [&b"G\xC3\x89T / HTTP/1.1"[..], b"GET / HTTP/1.\xE9", b"GET / HTTP/1.1\xE9"] {
        let error = refusal(Config::default(), &[line, b"\r\nHost: h\r\n\r\n"].concat()).0;
        assert_eq!(error, HandshakeError::Malformed, "{}", line.escape_ascii());
    }
}

#[test]
fn hr7_the_fields_of_a_response_that_the_handshake_reads_are_ascii() {
    use HandshakeError as Error;
    for text in TEXTS {
        for (name, value, error) in [
            ("Upgrade", "websocket?", Error::UpgradeMissing),
            ("Connection", "Upgrade, ?", Error::ConnectionMissing),
            ("+Connection", "?", Error::ConnectionMissing),
            ("Sec-WebSocket-Accept", "?", Error::InvalidAccept),
            ("Sec-WebSocket-Extensions", "foo; a=\"?\"", Error::InvalidExtensions),
            ("Sec-WebSocket-Protocol", "chat?", Error::InvalidSubprotocol),
        ] {
            let (client, request) = asking(Config::default(), &["chat"]);
            let head = with(&accepted_head(&request, &[(name, value)]), text);
            assert_eq!(failure(client, &head), error, "{name}: {}", text.escape_ascii());
        }
    }
    for name in ["N\u{e9}me", "\u{e9}"] {
        let line = format!("{name}: value");
        let (client, request) = asking(Config::default(), &[]);
        let error = failure(client, &with_line(&accepted_head(&request, &[]), line.as_bytes()));
        assert_eq!(error, HandshakeError::Malformed, "{name}");
    }
}

/// RFC 6454 section 7.3: "the user agent MUST NOT include more than one Origin header field".
#[test]
fn k15_two_lines_of_origin_are_answered_with_400() {
    for (first, second) in [
        ("https://example.com", "https://evil.example"),
        ("https://example.com", "https://example.com"),
        ("null", "https://example.com"),
        ("https://example.com", ""),
        ("", ""),
        ("https://example.com", "\u{e9}"),
    ] {
        for plain_http in [false, true] {
            let config = config(|config| config.plain_http = plain_http);
            for upgrade in ["websocket", "h2c"].iter().filter(|upgrade| plain_http || **upgrade == "websocket") {
                let changes = [("+Origin", first), ("+oRIGIN", second), ("Upgrade", upgrade)];
                let (error, _) = refusal(config.clone(), &request_head("/chat", &changes));
                assert_eq!(error, HandshakeError::DuplicateHeader(ORIGIN), "{first:?} and {second:?}");
                assert_eq!(error.status().as_u16(), 400);
            }
        }
    }
}

#[test]
fn k15_an_unreadable_origin_is_answered_with_400() {
    let texts = TEXTS.iter().copied().chain([&b""[..], b" ", b"\t", b"a\tb", b"https://ex\xE4mple.com"]);
    for text in texts {
        for plain_http in [false, true] {
            let config = config(|config| config.plain_http = plain_http);
            for upgrade in ["websocket", "h2c"].iter().filter(|upgrade| plain_http || **upgrade == "websocket") {
                let head = with(&request_head("/chat", &[("Origin", "?"), ("Upgrade", upgrade)]), text);
                let (error, _) = refusal(config.clone(), &head);
                assert_eq!(error, HandshakeError::InvalidOrigin, "{}", text.escape_ascii());
                assert_eq!(error.status().as_u16(), 400);
            }
        }
    }
}

#[test]
fn k15_an_origin_in_printable_ascii_is_handed_out_as_it_came() {
    for origin in
        ["null", "https://example.com", "~", "http://a http://b", "any thing", "file://", "HTTPS://Example.COM:8443"]
    {
        let request = request(Config::default(), &request_head("/chat", &[("Origin", origin)]));
        assert_eq!(request.origin(), Some(origin));
    }
    assert_eq!(request(Config::default(), &request_head("/chat", &[])).origin(), None);
}

#[test]
fn k4_a_name_outside_ascii_is_malformed() {
    for name in [&b"N\xE9me"[..], b"\xC3\xA9", b"X\x80"] {
        let line = [name, b": value"].concat();
        let error = refusal(Config::default(), &with_line(&request_head("/", &[]), &line)).0;
        assert_eq!(error, HandshakeError::Malformed, "{}", name.escape_ascii());
        assert!(HeaderName::from_bytes(name).is_err(), "none can be written, either");
    }
}
