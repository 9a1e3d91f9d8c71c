//! Every rule that the library checks is named, with its sentence and the end that breaks it.

use crate::support::{ANSWER, REQUEST, Talk, answer, converse, frame, frames, inspect, remarks, request, violations};
use statesocket::{
    HandshakeError, ProtocolError, Role,
    Role::{Client, Server},
    http::header::SEC_WEBSOCKET_KEY,
};
use statesocket_inspect::rules::{Answer, Violation};
use std::{collections::BTreeSet, fs};

const LIMIT: u64 = 256 << 20;

/// The name of a variant in the source.
fn variants(file: &str) -> BTreeSet<String> {
    let path = format!("{}/../../src/error/{file}", env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(path).expect("the source is there");
    let (_, list) = source.split_once("pub enum ").expect("an enum");
    let (list, _) = list.split_once("\n}\n").expect("its end");
    let lines = list.lines().skip(1).filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.map(|line| line.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}

fn names<T: std::fmt::Debug>(errors: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    let name = |error: T| format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
    errors.into_iter().map(name).collect()
}

fn header(len: u64) -> Vec<u8> {
    [&[0x80, 0xFF][..], &len.to_be_bytes(), &[0; 4]].concat()
}

/// Of each rule for frames, bytes that break it.
fn broken_frames() -> Vec<(ProtocolError, Role, Vec<u8>)> {
    let masked = |first, payload: &[u8]| frame(Client, first, payload);
    let many = masked(0x01, b"").into_iter().chain(masked(0x00, b"").repeat(131_072)).collect();
    let limit = u32::try_from(131_072).expect("the default");
    let mut too_large = header(LIMIT + 1);
    too_large[0] = 0x82;
    vec![
        (ProtocolError::ReservedBits, Client, masked(0xA1, b"a")),
        (ProtocolError::ReservedBits, Server, frame(Server, 0xC1, b"a")),
        (ProtocolError::UnknownOpCode(3), Client, masked(0x83, b"")),
        (ProtocolError::UnknownOpCode(15), Server, frame(Server, 0x8F, b"")),
        (ProtocolError::UnmaskedFrame, Client, frame(Server, 0x81, b"Hello")),
        (ProtocolError::MaskedFrame, Server, frame(Client, 0x81, b"Hello")),
        (ProtocolError::LengthNotMinimal, Client, [&[0x82, 0xFE, 0, 1, 0, 0, 0, 0][..], b"a"].concat()),
        (ProtocolError::LengthOverflow, Server, [&[0x82, 127][..], &[0xFF; 8]].concat()),
        (ProtocolError::ControlTooLong, Server, [&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
        (ProtocolError::FragmentedControl, Client, masked(0x09, b"")),
        (ProtocolError::UnexpectedContinuation, Client, masked(0x80, b"a")),
        (ProtocolError::InterleavedMessage, Client, [masked(0x01, b"a"), masked(0x81, b"b")].concat()),
        (ProtocolError::InvalidText, Server, frame(Server, 0x81, &[0xFF])),
        (ProtocolError::CloseBodyTooShort, Client, masked(0x88, &[3])),
        (ProtocolError::InvalidCloseCode(1005), Client, masked(0x88, &1005_u16.to_be_bytes())),
        (ProtocolError::InvalidCloseCode(999), Server, frame(Server, 0x88, &999_u16.to_be_bytes())),
        (ProtocolError::InvalidCloseReason, Client, masked(0x88, &[3, 0xE8, 0xFF])),
        (ProtocolError::FrameTooLarge { size: LIMIT + 1, limit: LIMIT }, Client, too_large),
        (
            ProtocolError::MessageTooLarge { size: LIMIT + 1, limit: LIMIT },
            Client,
            [masked(0x02, b"a"), header(LIMIT)].concat(),
        ),
        (ProtocolError::TooManyFragments { limit }, Client, many),
        (ProtocolError::CorruptDeflate, Client, masked(0xC1, &[0xFF])),
    ]
}

fn opening(is_compressed: bool) -> [(Role, Vec<u8>); 2] {
    let offer = if is_compressed { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    [(Client, format!("{REQUEST}{offer}\r\n").into()), (Server, format!("{ANSWER}{offer}\r\n").into())]
}

#[test]
fn each_broken_frame_names_its_rule_and_who_broke_it() {
    for (error, from, bytes) in broken_frames() {
        let mut said = opening(error == ProtocolError::CorruptDeflate).to_vec();
        said.push((from, bytes.clone()));
        let expected = Violation::of_frame(&error);
        assert!(expected.sentence.is_some(), "{error:?} has a sentence");
        let findings = converse(&said);
        assert_eq!(violations(&findings), [(from, expected.clone())], "{error:?}");
        assert!(!frames(&findings).is_empty(), "{error:?}: the frame is shown");

        let mut talk = Talk::new(crate::support::CLIENT);
        said.iter().for_each(|(from, bytes)| talk.say(*from, bytes));
        assert_eq!(violations(&inspect(&talk.pcap()).0), [(from, expected)], "{error:?} in a capture");
    }
    let mut covered = names(broken_frames().into_iter().map(|(error, ..)| error));
    // No bytes cause it.
    covered.insert("OutOfMemory".to_owned());
    assert_eq!(covered, variants("protocol.rs"));
}

#[test]
fn a_data_frame_behind_a_close_is_a_violation_and_a_control_frame_is_not() {
    for (from, other) in [(Client, Server), (Server, Client)] {
        let mut said = opening(false).to_vec();
        said.push((from, frame(from, 0x88, &[])));
        said.push((from, frame(from, 0x89, b"ping")));
        assert_eq!(violations(&converse(&said)), []);
        said.push((other, frame(other, 0x81, b"still allowed")));
        said.push((from, frame(from, 0x81, b"late")));
        assert_eq!(violations(&converse(&said)), [(from, Violation::after_close())]);
    }
}

#[test]
fn the_first_violation_is_told_from_the_one_of_the_other_end() {
    let mut said = opening(false).to_vec();
    said.push((Server, frame(Client, 0x81, b"masked")));
    said.push((Server, frame(Server, 0x83, b"another")));
    said.push((Client, frame(Server, 0x81, b"unmasked")));
    let findings = converse(&said);
    let faults: Vec<_> = violations(&findings).into_iter().map(|(by, it)| (by, it.section)).collect();
    assert_eq!(faults, [(Server, "RFC 6455 section 5.1"), (Client, "RFC 6455 section 5.1")]);
    assert_eq!(frames(&findings).len(), 3, "frames are shown behind a violation");
}

/// Of each rule for the handshake, heads that break it: the request, and what the server answers.
fn broken_handshakes() -> Vec<(HandshakeError, Role, String, String)> {
    let fine = || (format!("{REQUEST}\r\n"), format!("{ANSWER}\r\n"));
    let by_client = |error, request: String| (error, Client, request, String::new());
    let by_server = |error, answer: String| (error, Server, fine().0, answer);
    let change = |old: &str, new: &str| fine().0.replace(old, new);
    let change_answer = |old: &str, new: &str| fine().1.replace(old, new);
    let with = |line: &str| format!("{REQUEST}{line}\r\n\r\n");
    let answer_with = |line: &str| format!("{ANSWER}{line}\r\n\r\n");
    let long = |n| "a".repeat(n);
    vec![
        by_client(HandshakeError::Malformed, with("a b: c")),
        by_client(HandshakeError::RequestLineTooLong { limit: 8192 }, change("/chat", &format!("/{}", long(9000)))),
        by_client(HandshakeError::HeadTooLarge { limit: 65536 }, with(&format!("a: {}", long(70_000)))),
        by_client(HandshakeError::TooManyHeaders { limit: 100 }, with("a: b\r\n".repeat(100).trim_end())),
        by_client(
            HandshakeError::TooManyElements { limit: 100 },
            with(&format!("Sec-WebSocket-Extensions: {}", ["a"; 101].join(","))),
        ),
        by_client(HandshakeError::MethodNotAllowed, change("GET", "POST")),
        by_client(HandshakeError::VersionNotSupported, change("HTTP/1.1", "HTTP/2.0")),
        by_server(HandshakeError::VersionNotSupported, change_answer("HTTP/1.1", "HTTP/1.0")),
        by_client(HandshakeError::InvalidTarget, change("/chat", "chat")),
        by_client(HandshakeError::InvalidHost, change("Host: a\r\n", "")),
        by_client(HandshakeError::InvalidOrigin, with("Origin: é")),
        by_client(HandshakeError::RequestBody, with("Content-Length: 1")),
        by_client(HandshakeError::UpgradeRequired, change("Upgrade: websocket", "Upgrade: h2c")),
        by_server(HandshakeError::UpgradeMissing, change_answer("Upgrade: websocket", "Upgrade: h2c")),
        by_client(HandshakeError::ConnectionMissing, change("Connection: Upgrade", "Connection: close")),
        by_server(HandshakeError::ConnectionMissing, change_answer("Connection: Upgrade", "Connection: close")),
        by_client(HandshakeError::UnsupportedWebSocketVersion, change(": 13", ": 8")),
        by_client(HandshakeError::InvalidKey, change("dGhl", "")),
        by_client(HandshakeError::DuplicateHeader(SEC_WEBSOCKET_KEY), with("Sec-WebSocket-Key: a")),
        by_client(HandshakeError::InvalidSubprotocol, with("Sec-WebSocket-Protocol: a, a")),
        by_client(HandshakeError::InvalidExtensions, with("Sec-WebSocket-Extensions: a;")),
        by_server(HandshakeError::InvalidExtensions, answer_with("Sec-WebSocket-Extensions: a;")),
        by_server(HandshakeError::InvalidAccept, change_answer("s3pP", "s3pQ")),
        by_server(HandshakeError::ExtensionNotOffered, answer_with("Sec-WebSocket-Extensions: permessage-deflate")),
        by_server(HandshakeError::SubprotocolNotOffered, answer_with("Sec-WebSocket-Protocol: chat")),
    ]
}

#[test]
fn each_broken_handshake_names_its_rule_and_who_broke_it() {
    for (error, by, request, answer) in broken_handshakes() {
        let expected = match by {
            Client => Violation::of_request(&error),
            Server => Violation::of_response(&error),
        };
        let said = [(Client, request.into_bytes()), (Server, answer.into_bytes())];
        assert_eq!(violations(&converse(&said)), [(by, expected)], "{error:?}");
    }
    let mut covered = names(broken_handshakes().into_iter().map(|(error, ..)| error));
    // The first belongs to HTTP/2, the second to HTTP libraries, and no bytes cause the third. The others have tests
    // below.
    let others = ["UnknownProtocol", "NotAccepted", "OutOfMemory", "TooMuchEarlyData", "InvalidDeflate"];
    covered.extend(others.map(str::to_owned));
    assert_eq!(covered, variants("handshake.rs"));
}

#[test]
fn a_client_that_does_not_wait_and_a_server_that_agrees_wrongly_are_named() {
    let early = [(Client, request()), (Client, vec![0; 70_000])];
    let [(Client, violation)] = &violations(&converse(&early))[..] else { panic!("no violation of the client") };
    assert_eq!((violation.section, violation.answer), ("RFC 6455 section 4.1", Answer::Status(400)));

    let offer = "Sec-WebSocket-Extensions: permessage-deflate";
    let answer = format!("{ANSWER}{offer}; client_max_window_bits=10\r\n\r\n");
    let said = [(Client, format!("{REQUEST}{offer}\r\n\r\n").into_bytes()), (Server, answer.into_bytes())];
    let [(Server, violation)] = &violations(&converse(&said))[..] else { panic!("no violation of the server") };
    assert_eq!(violation.section, "RFC 7692 section 7.1");
}

#[test]
fn what_comes_before_its_head_waits() {
    let hello = |from| (from, frame(from, 0x81, b"Hello"));
    let said = [(Server, answer()), hello(Server), (Client, request()), hello(Client)];
    let findings = converse(&said);
    assert_eq!(violations(&findings), []);
    assert_eq!(frames(&findings).len(), 2);

    let said = [(Client, request()), hello(Client), (Server, answer()), hello(Server)];
    let findings = converse(&said);
    assert_eq!(remarks(&findings), ["Requested", "Open", "nothing more of this connection, in phase Open"]);
    assert_eq!(frames(&findings).len(), 2);
}
