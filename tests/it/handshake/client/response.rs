//! The response that a client checks (rows HR2 to HR10).

use crate::support::{
    Raw, accepted_head, config, drain, feed,
    handshake::{asking, assert_gone, failure},
};
use statesocket::{Cause, CloseCode, Config, Connection, Event, HandshakeError, Message, Phase, State, Timer};
use std::time::{Duration, Instant};

/// The error with which a client that offers `chat` and `superchat` refuses a 101 with `changes`.
fn why(changes: &[(&str, &str)]) -> HandshakeError {
    let (client, request) = asking(Config::default(), &["chat", "superchat"]);
    failure(client, &accepted_head(&request, changes))
}

/// The same client after a 101 with `changes`, which it accepts.
fn opened(changes: &[(&str, &str)]) -> Connection {
    let (mut client, request) = asking(Config::default(), &["chat", "superchat"]);
    let events = feed(&mut client, &accepted_head(&request, changes));
    assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{changes:?}: {events:?}");
    assert_eq!(
        (client.client_state(), client.application_state()),
        (State::Connected, State::Connected),
        "{changes:?}"
    );
    client
}

/// A 101 for `request`, without its status line.
fn after_status_line(request: &[u8]) -> Vec<u8> {
    accepted_head(request, &[])["HTTP/1.1 101 Switching Protocols\r\n".len()..].to_vec()
}

#[test]
fn hr2_upgrade_must_be_websocket() {
    for upgrade in ["websocket", "WebSocket", "WEBSOCKET", "\t websocket "] {
        opened(&[("Upgrade", upgrade)]);
    }
    for upgrade in ["", "h2c", "websockets", "web socket", "websocket/13", "\"websocket\""] {
        assert_eq!(why(&[("Upgrade", upgrade)]), HandshakeError::UpgradeMissing, "{upgrade:?}");
    }
}

/// RFC 6455 section 4.1, response item 2: "the header field contains a value that is not an ASCII case-insensitive
/// match for the value "websocket"".
#[test]
fn hr2_upgrade_must_list_nothing_else() {
    for changes in [&[("Upgrade", "websocket, h2c")][..], &[("Upgrade", "h2c, websocket")], &[("+Upgrade", "h2c")]] {
        assert_eq!(why(changes), HandshakeError::UpgradeMissing, "{changes:?}");
    }
}

#[test]
fn hr3_connection_must_list_upgrade() {
    for changes in [
        &[("Connection", "upgrade")][..],
        &[("Connection", "UPGRADE")],
        &[("Connection", "keep-alive,\tUpgrade")],
        &[("Connection", "keep-alive"), ("+connection", "Upgrade")],
    ] {
        opened(changes);
    }
    for connection in ["", "close", "Upgraded", "keep-alive Upgrade"] {
        assert_eq!(why(&[("Connection", connection)]), HandshakeError::ConnectionMissing, "{connection:?}");
    }
}

#[test]
fn hr4_accept_must_match_the_key() {
    let (_, request) = asking(Config::default(), &[]);
    let right = accepted_head(&request, &[]);
    let right = std::str::from_utf8(&right).expect("a head is text");
    let right =
        right.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Accept: ")).expect("the 101 has the header");
    opened(&[("Sec-WebSocket-Accept", &format!("\t {right} \t"))]);
    for accept in [
        "",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        &right.to_lowercase(),
        &right[..right.len() - 1],
        &format!("{right}="),
        &format!("{right}, {right}"),
        &format!("\"{right}\""),
        &format!("{} {}", &right[..5], &right[5..]),
        &format!("{right}ü"),
    ] {
        assert_eq!(why(&[("Sec-WebSocket-Accept", accept)]), HandshakeError::InvalidAccept, "{accept:?}");
    }
}

#[test]
fn hr5_an_extension_that_was_not_offered_fails_the_handshake() {
    for extensions in ["permessage-deflate", "foo; bar=\"baz\"", "x, y"] {
        assert_eq!(
            why(&[("Sec-WebSocket-Extensions", extensions)]),
            HandshakeError::ExtensionNotOffered,
            "{extensions}"
        );
    }
    for extensions in [" ", ",", "foo bar", "foo;", "foo; bar=\"a,b\"", "foo; bar=\"baz"] {
        assert_eq!(
            why(&[("Sec-WebSocket-Extensions", extensions)]),
            HandshakeError::InvalidExtensions,
            "{extensions:?}"
        );
    }
}

#[test]
fn hr6_a_subprotocol_that_was_not_offered_fails_the_handshake() {
    for name in ["other", "Chat", "superchats"] {
        assert_eq!(why(&[("Sec-WebSocket-Protocol", name)]), HandshakeError::SubprotocolNotOffered, "{name}");
    }
    let (client, request) = asking(Config::default(), &[]);
    let error = failure(client, &accepted_head(&request, &[("Sec-WebSocket-Protocol", "chat")]));
    assert_eq!(error, HandshakeError::SubprotocolNotOffered, "none was offered");
    for name in ["chat", "superchat", "\tchat\t"] {
        assert_eq!(opened(&[("Sec-WebSocket-Protocol", name)]).subprotocol(), Some(name.trim()));
    }
    assert_eq!(opened(&[]).subprotocol(), None, "the server may choose none");
}

#[test]
fn hr7_a_101_is_one_of_http_1_1_or_later() {
    for version in ["0.9", "1.0", "2.0", "3.0"] {
        let (client, request) = asking(Config::default(), &[]);
        let head = [format!("HTTP/{version} 101 OK\r\n").as_bytes(), &after_status_line(&request)].concat();
        assert_eq!(failure(client, &head), HandshakeError::VersionNotSupported, "{version}");
    }
    for minor in 1..=9 {
        let (mut client, request) = asking(Config::default(), &[]);
        let head = [format!("HTTP/1.{minor} 101 OK\r\n").as_bytes(), &after_status_line(&request)].concat();
        assert!(matches!(feed(&mut client, &head).as_slice(), [Event::Accepted(_)]), "{minor}");
    }
    let (mut client, request) = asking(Config::default(), &[]);
    let head = [b"HTTP/1.1 101 Web Socket Protocol Handsh\xC3\xA4ke\r\n", &after_status_line(&request)[..]].concat();
    assert!(matches!(feed(&mut client, &head).as_slice(), [Event::Accepted(_)]), "the reason phrase does not matter");
}

#[test]
fn hr7_a_malformed_head_fails_the_handshake() {
    let (_, request) = asking(Config::default(), &[]);
    let after = after_status_line(&request);
    for line in ["HTTP/1.1 1O1 OK", "HTTP/1.1 10 OK", "HTTP/1.1 1011 OK", "HTTP/1.1 000 OK", "HTTP/1.1  101"] {
        let error = failure(asking(Config::default(), &[]).0, &[line.as_bytes(), b"\r\n", &after].concat());
        assert_eq!(error, HandshakeError::Malformed, "{line:?}");
    }
    let whole = accepted_head(&request, &[]);
    let start = &whole[..whole.len() - 2];
    for line in [&b"No-Colon"[..], b"Space : x", b"X: nul\0", b"X: bare\rreturn", b"X: bare\nfeed", b": no name"] {
        let error = failure(asking(Config::default(), &[]).0, &[start, line, b"\r\n\r\n"].concat());
        assert_eq!(error, HandshakeError::Malformed, "{}", line.escape_ascii());
    }
}

/// A line that does not even claim to be HTTP has no wrong version.
#[test]
fn hr7_a_first_line_that_is_not_a_status_line_is_malformed() {
    for line in ["HTTP/1.1", "http/1.1 101 OK", "HTTP/1 101 OK", "ICY 200 OK", "SSH-2.0-OpenSSH_9.6", "GET / HTTP/1.1"]
    {
        let error = failure(asking(Config::default(), &[]).0, format!("{line}\r\n\r\n").as_bytes());
        assert_eq!(error, HandshakeError::Malformed, "{line:?}");
    }
}

#[test]
fn hr7_bytes_that_no_head_can_contain_fail_at_once() {
    for start in [&b"\x15\x03\x01\x00\x02\x02"[..], b"\x00", b"\x81\x05Hello", b"HTTP/1.1 101 OK\n"] {
        let error = failure(asking(Config::default(), &[]).0, start);
        assert_eq!(error, HandshakeError::Malformed, "{}", start.escape_ascii());
    }
}

#[test]
fn a10_a_response_with_a_long_list_fails_the_handshake() {
    let limit = Config::default().max_list_elements;
    let options = |count: usize| format!("Upgrade{}", ", x".repeat(count - 1));
    let (mut client, request) = asking(Config::default(), &[]);
    let head = accepted_head(&request, &[("Connection", &options(limit))]);
    assert!(matches!(feed(&mut client, &head).as_slice(), [Event::Accepted(_)]));
    for (name, value) in [("Connection", options(limit + 1)), ("Sec-WebSocket-Extensions", ",".repeat(limit))] {
        let (client, request) = asking(Config::default(), &[]);
        let head = accepted_head(&request, &[(name, &value)]);
        assert_eq!(failure(client, &head), HandshakeError::TooManyElements { limit }, "{name}");
    }
}

#[test]
fn hr7_a_head_over_a_limit_fails_the_handshake() {
    let (mut plenty, request) = asking(Config::default(), &[]);
    let head = accepted_head(&request, &[("Set-Cookie", &"c".repeat(300))]);
    assert!(matches!(feed(&mut plenty, &head).as_slice(), [Event::Accepted(_)]));
    let limited = |bytes, headers| {
        let config = config(|config| {
            (config.max_head_bytes, config.max_headers, config.max_request_line_bytes) = (bytes, headers, 1);
        });
        asking(config, &[]).0
    };
    assert!(
        matches!(feed(&mut limited(head.len(), 4), &head).as_slice(), [Event::Accepted(_)]),
        "exactly at the limit"
    );
    let limit = head.len() - 1;
    assert_eq!(failure(limited(limit, 4), &head), HandshakeError::HeadTooLarge { limit });
    assert_eq!(failure(limited(limit + 1, 3), &head), HandshakeError::TooManyHeaders { limit: 3 });
    let limit = Config::default().max_head_bytes;
    let endless = failure(asking(Config::default(), &[]).0, &[b"HTTP/1.1 101 ", &vec![b'x'; limit][..]].concat());
    assert_eq!(endless, HandshakeError::HeadTooLarge { limit });
}

#[test]
fn hr8_headers_of_the_handshake_appear_once() {
    for (name, values) in [
        ("Sec-WebSocket-Accept", ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ""]),
        ("Sec-WebSocket-Protocol", ["chat", "chat"]),
        ("Sec-WebSocket-Extensions", ["foo", "foo"]),
    ] {
        for again in values {
            let (once, twice) = (format!("+{name}"), format!("+{}", name.to_lowercase()));
            let mut changes = vec![(twice.as_str(), again)];
            if name != "Sec-WebSocket-Accept" {
                changes.insert(0, (&once, values[0]));
            }
            assert_eq!(
                why(&changes),
                HandshakeError::DuplicateHeader(name.parse().expect("a header name")),
                "{changes:?}"
            );
        }
    }
}

#[test]
fn hr8_the_subprotocol_is_a_single_token() {
    for value in ["chat, superchat", "chat,", "chat superchat", "\"chat\"", "chat;q=1", "chät", " "] {
        assert_eq!(why(&[("Sec-WebSocket-Protocol", value)]), HandshakeError::InvalidSubprotocol, "{value:?}");
    }
}

#[test]
fn hr9_bytes_behind_the_101_are_frames() {
    let (_, request) = asking(Config::default(), &[]);
    let frames = [Raw::new(Raw::TEXT, "Hello"), Raw::new(Raw::PING, "p"), Raw::close(1001, "off")];
    let bytes = [accepted_head(&request, &[]), frames.map(|frame| frame.bytes()).concat()].concat();
    for size in [bytes.len(), 1, 2, 3, 7, 64] {
        let (mut client, _) = asking(Config::default(), &[]);
        let events: Vec<_> = bytes.chunks(size).flat_map(|piece| feed(&mut client, piece)).collect();
        let [Event::Accepted(_), Event::Message(message), Event::Ping(_), Event::Disconnect(end)] = events.as_slice()
        else {
            panic!("in pieces of {size}: {events:?}")
        };
        assert_eq!(message, &Message::from("Hello"), "in pieces of {size}");
        assert_eq!(
            (end.code, end.reason.as_str(), end.is_clean),
            (CloseCode::GOING_AWAY, "off", true),
            "in pieces of {size}"
        );
        let pong_and_close = drain(&mut client);
        assert_eq!((pong_and_close[0], pong_and_close.len()), (0x8A, 7 + 11), "in pieces of {size}");
    }
}

#[test]
fn hr9_the_response_is_reported_before_the_frames_behind_it() {
    let (mut client, request) = asking(Config::default(), &["chat"]);
    let head = accepted_head(&request, &[("Sec-WebSocket-Protocol", "chat"), ("Set-Cookie", "a=1")]);
    let mut bytes = [head.as_slice(), b"\x88\x00"].concat();
    let mut input = bytes.as_mut_slice();
    let Some(Event::Accepted(response)) = client.receive(&mut input, Instant::now()) else {
        panic!("the response comes first")
    };
    assert_eq!(
        (response.status.as_u16(), &response.headers["set-cookie"], response.body.len()),
        (101, &"a=1".parse().unwrap(), 0)
    );
    assert_eq!((client.phase(), client.subprotocol(), input.len()), (Phase::Open, Some("chat"), 2));
    let Some(Event::Disconnect(end)) = client.receive(&mut input, Instant::now()) else { panic!("the Close follows") };
    assert_eq!((end.code, client.phase()), (CloseCode::NO_STATUS_RECEIVED, Phase::Closed));
}

#[test]
fn hr10_interim_responses_are_skipped() {
    let interim =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSec-WebSocket-Accept: no\r\n\r\n\
        HTTP/1.1 199 \r\nUpgrade: h2c\r\n\r\n";
    let (_, request) = asking(Config::default(), &[]);
    let accepted = [interim.as_slice(), &accepted_head(&request, &[]), b"\x81\x05Hello"].concat();
    for size in [accepted.len(), 1, 5] {
        let (mut client, _) = asking(Config::default(), &[]);
        let events: Vec<_> = accepted.chunks(size).flat_map(|piece| feed(&mut client, piece)).collect();
        let [Event::Accepted(response), Event::Message(_)] = events.as_slice() else { panic!("{size}: {events:?}") };
        assert!(!response.headers.contains_key("link"), "the final response does not include interim ones");
    }
    let (mut client, _) = asking(Config::default(), &[]);
    let rejected = [interim.as_slice(), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"].concat();
    assert!(matches!(feed(&mut client, &rejected).as_slice(), [Event::Rejected(_), Event::Disconnect(_)]));
}

#[test]
fn hr10_interim_responses_count_towards_the_limit() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let (_, request) = asking(Config::default(), &[]);
    let whole = [interim.repeat(10), accepted_head(&request, &[])].concat();
    let with_limit = |limit| asking(config(|config| config.max_head_bytes = limit), &[]).0;
    assert!(matches!(feed(&mut with_limit(whole.len()), &whole).as_slice(), [Event::Accepted(_)]));
    let limit = whole.len() - 1;
    assert_eq!(failure(with_limit(limit), &whole), HandshakeError::HeadTooLarge { limit });
    let limit = Config::default().max_head_bytes;
    assert_eq!(failure(with_limit(limit), &interim.repeat(limit)), HandshakeError::HeadTooLarge { limit });
}

#[test]
fn hr7_a_server_that_leaves_or_stays_silent_fails_the_handshake() {
    let (_, request) = asking(Config::default(), &[]);
    let whole = accepted_head(&request, &[]);
    for heard in [&b""[..], b"HTTP/1.1 10", b"HTTP/1.1 100 Continue\r\n\r\n", &whole[..whole.len() - 1]] {
        let case = heard.escape_ascii();
        for (leave, cause) in [
            (Connection::receive_eof as fn(&mut Connection), Cause::TransportLost(None)),
            (Connection::transport_failed, Cause::TransportLost(None)),
            (|client| client.handle_timeout(Instant::now() + Duration::from_secs(11)), Cause::TimedOut(Timer::Opening)),
        ] {
            let (mut client, _) = asking(Config::default(), &[]);
            assert_eq!(feed(&mut client, heard), [], "{case}");
            leave(&mut client);
            let Some(Event::Disconnect(disconnect)) = client.poll_event() else {
                panic!("{case}: the end is reported")
            };
            assert_eq!((disconnect.code, &disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, &cause), "{case}");
            assert_eq!((disconnect.initiator, disconnect.is_clean), (None, false), "{case}");
            assert_gone(&mut client, &case);
        }
    }
}
