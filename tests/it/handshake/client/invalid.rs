//! A 101 that fails a check is handed out (row K12).

use crate::support::{
    accepted_head, feed,
    handshake::{asking, assert_gone, failure, failure_and_response},
    response_head,
};
use statesocket::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use statesocket::{CauseKind, Config, Event, HandshakeError, Phase};
use std::time::Instant;

#[test]
fn k12_a_101_that_fails_any_check_is_handed_out_before_the_end() {
    use HandshakeError as Error;
    for (name, value, error) in [
        ("Upgrade", "", Error::UpgradeMissing),
        ("Upgrade", "h2c", Error::UpgradeMissing),
        ("+Upgrade", "websocket", Error::UpgradeMissing),
        ("Connection", "", Error::ConnectionMissing),
        ("Connection", "close", Error::ConnectionMissing),
        ("Sec-WebSocket-Accept", "", Error::InvalidAccept),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Error::InvalidAccept),
        ("+Sec-WebSocket-Accept", "x", Error::DuplicateHeader(SEC_WEBSOCKET_ACCEPT)),
        ("Sec-WebSocket-Extensions", "permessage-deflate", Error::ExtensionNotOffered),
        ("Sec-WebSocket-Extensions", ";", Error::InvalidExtensions),
        ("Sec-WebSocket-Protocol", "other", Error::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", "chat, superchat", Error::InvalidSubprotocol),
    ] {
        let (client, request) = asking(Config::default(), &["chat"]);
        let bytes = accepted_head(&request, &[("Server", "a proxy"), (name, value)]);
        let (response, why) = failure_and_response(client, &[&bytes, &b"\x81\x05Hello"[..]].concat());
        let response = response.unwrap_or_else(|| panic!("{name}: {value:?}: no response"));
        assert_eq!((why, response.status.as_u16()), (error, 101), "{name}: {value:?}");
        assert_eq!(
            (&response.headers["server"], &response.reason[..]),
            (&"a proxy".parse().unwrap(), &b"Switching Protocols"[..])
        );
        let mut lines = response.headers.get_all(name.trim_start_matches('+')).iter();
        assert_eq!(lines.any(|line| line == value), !value.is_empty(), "{name}: {value:?}");
    }
    for (name, twice) in
        [("Sec-WebSocket-Extensions", SEC_WEBSOCKET_EXTENSIONS), ("Sec-WebSocket-Protocol", SEC_WEBSOCKET_PROTOCOL)]
    {
        let (client, request) = asking(Config::default(), &["chat"]);
        let bytes = accepted_head(&request, &[(name, "chat"), (&format!("+{name}"), "chat")]);
        let (response, why) = failure_and_response(client, &bytes);
        assert_eq!(why, HandshakeError::DuplicateHeader(twice.clone()));
        assert_eq!(response.map(|response| response.headers.get_all(twice).iter().count()), Some(2));
    }
}

#[test]
fn k12_a_101_of_http_1_0_is_handed_out() {
    let (client, request) = asking(Config::default(), &[]);
    let head = String::from_utf8(accepted_head(&request, &[])).expect("text").replace("HTTP/1.1", "HTTP/1.0");
    let (response, why) = failure_and_response(client, head.as_bytes());
    assert_eq!(why, HandshakeError::VersionNotSupported);
    assert!(response.is_some_and(|response| response.headers.contains_key("sec-websocket-accept")));
}

/// The connection has ended before the second event is handed out.
#[test]
fn k12_the_response_comes_before_the_end_however_it_is_cut() {
    let bytes = response_head("HTTP/1.1 101 OK", &[("X", "y")]);
    for size in [1, 2, 7, 1000] {
        let mut client = asking(Config::default(), &[]).0;
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            let mut piece = piece.to_vec();
            let mut input = piece.as_mut_slice();
            while let Some(event) = client.receive(&mut input, Instant::now()) {
                events.push(event.into_owned());
                assert_eq!(client.phase(), Phase::Closed, "in pieces of {size}");
                assert_eq!(client.disconnected().is_some(), events.len() == 2, "in pieces of {size}");
            }
        }
        let [Event::InvalidResponse(response), Event::Disconnect(end)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!((&response.headers["x"], end.cause.kind()), (&"y".parse().unwrap(), CauseKind::Handshake));
        assert!(!end.is_retryable(), "it would answer the same again");
        assert_gone(&mut client, &size);
    }
}

#[test]
fn k12_only_a_complete_101_is_handed_out() {
    for bytes in
        [&b"SSH-2.0"[..], b"HTTP/1.1 1O1 OK\r\n\r\n", b"HTTP/2.0 101 OK\r\n", b"HTTP/1.1 101 OK\r\nNo-Colon\r\n\r\n"]
    {
        let (response, _) = failure_and_response(asking(Config::default(), &[]).0, bytes);
        assert_eq!(response, None, "{}", bytes.escape_ascii());
    }
    let mut client = asking(Config::default(), &[]).0;
    let rejected = feed(&mut client, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(rejected.as_slice(), [Event::Rejected(_), Event::Disconnect(_)]), "{rejected:?}");
    let interim = [b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", &response_head("HTTP/1.1 101 OK", &[])[..]].concat();
    assert_eq!(failure(asking(Config::default(), &[]).0, &interim), HandshakeError::UpgradeMissing);
}
