//! Frames that no honest peer sends.

use crate::support::{ROLES, Raw, config, disconnect_in, established, feed, peer_sends, sent};
use statesocket::{Cause, Config, Event, Message, ProtocolError, Role};

/// Sends `payload` as fragments until they are refused. Returns how many were accepted, and the cause.
fn fragments(config: Config, payload: &str) -> (u32, Cause) {
    let mut server = established(Role::Server, config);
    assert_eq!(peer_sends(&mut server, [Raw::new(Raw::BINARY, payload).more()]), []);
    let next = Raw::new(Raw::CONTINUATION, payload).more().for_endpoint(Role::Server);
    for taken in 1..1_000_000 {
        let events = feed(&mut server, &next);
        if !events.is_empty() {
            return (taken, disconnect_in(&events).cause);
        }
    }
    panic!("a million fragments are accepted");
}

/// npm ws, fixed in 8.21.0: fragments of one byte.
#[test]
fn cve_2026_48779_tiny_fragments_are_refused_at_the_limit() {
    let limit = Config::default().max_fragments;
    assert_eq!(fragments(Config::default(), "x"), (limit, Cause::Protocol(ProtocolError::TooManyFragments { limit })));
}

/// npm ws, fixed in 8.21.1: empty fragments.
#[test]
fn cve_2026_62389_empty_fragments_are_refused_at_the_limit() {
    for limit in [2, Config::default().max_fragments] {
        let cause = Cause::Protocol(ProtocolError::TooManyFragments { limit });
        assert_eq!(fragments(config(|config| config.max_fragments = limit), ""), (limit, cause));
    }
}

/// Netty assembled more than its limit for one frame.
#[test]
fn cve_2014_0193_the_message_limit_spans_fragments() {
    let limit = 1000;
    let (taken, cause) = fragments(config(|config| config.max_message_bytes = limit), &"x".repeat(100));
    assert_eq!((taken, cause), (10, Cause::Protocol(ProtocolError::MessageTooLarge { size: 1100, limit })));
}

/// x/net/websocket had no limit by default.
#[test]
fn golang_5082_the_default_limits_are_finite() {
    let limit = Config::default().max_message_bytes;
    let (_, cause) = fragments(Config::default(), &"x".repeat(1 << 20));
    assert_eq!(cause, Cause::Protocol(ProtocolError::MessageTooLarge { size: limit + (1 << 20), limit }));
}

/// Feeds every value of the first two bytes, and the rest that they announce, to both roles. Nothing may panic.
fn sweep(is_meant: impl Fn(u8, u8) -> bool) {
    for first_two in 0..=u16::MAX {
        let [first, second] = first_two.to_be_bytes();
        if !is_meant(first, second) {
            continue;
        }
        for role in ROLES {
            let mut connection = established(role, Config::default());
            let events = feed(&mut connection, &[&[first, second][..], &[0; 150]].concat());
            let is_refused = first & 0x70 != 0 || !matches!(first & 0xF, 0..=2 | 8..=10);
            let is_wrongly_masked = (second & 0x80 != 0) != (role == Role::Server);
            if is_refused || is_wrongly_masked {
                let cause = disconnect_in(&events).cause;
                assert!(matches!(cause, Cause::Protocol(_)), "{role:?} {first:#x} {second:#x}: {cause:?}");
            }
        }
    }
}

/// CivetWeb read beyond its buffer.
#[test]
fn cve_2026_29035_any_first_two_bytes_of_a_known_frame() {
    sweep(|first, _| first & 0x70 == 0);
}

/// Frames with reserved bits crashed Ruby's websocket-driver and engine.io.
#[test]
fn cve_2026_54466_any_first_two_bytes_with_reserved_bits() {
    sweep(|first, _| first & 0x70 != 0);
}

/// npm ws sent uninitialised memory along with the reason of a Close.
#[test]
fn cve_2026_45736_a_close_has_its_reason_and_nothing_else() {
    for role in ROLES {
        for reason in ["", "x", &"r".repeat(123), &"é".repeat(61)] {
            let mut connection = established(role, Config::default());
            connection.close(4000, reason).expect("a reason that fits");
            let [frame] = &sent(&mut connection)[..] else { panic!("one Close") };
            assert_eq!(frame, &Raw::close(4000, reason));
        }
        for length in [124, 125, 126, 1000] {
            let mut connection = established(role, Config::default());
            let reason = "r".repeat(length);
            connection.close(4000, &reason).expect_err("the reason is too long");
            assert_eq!(connection.output_len(), 0, "{length}");
            connection.ensure_closed(4000, &reason);
            assert_eq!(sent(&mut connection), [Raw::close(4000, &reason[..123])], "{length}");
        }
    }
}

/// reqwest-websocket panicked for a Close without a body, and for one with half a code.
#[test]
fn reqwest_websocket_24_26_a_close_may_have_any_length() {
    for role in ROLES {
        for (length, expected) in
            [(0, Ok(1005)), (1, Err(())), (2, Ok(1000)), (3, Ok(1000)), (125, Ok(1000)), (126, Err(()))]
        {
            let body = [&1000_u16.to_be_bytes()[..], &[b'r'; 124]].concat();
            let mut connection = established(role, Config::default());
            let end = disconnect_in(&peer_sends(&mut connection, [Raw::new(Raw::CLOSE, &body[..length])]));
            match expected {
                Ok(code) => assert_eq!((u16::from(end.code), end.cause), (code, Cause::PeerClosed), "{length}"),
                Err(()) => assert!(matches!(end.cause, Cause::Protocol(_)), "{length}: {:?}", end.cause),
            }
        }
    }
}

/// fastwebsockets lost a part of a header when a read was interrupted.
#[test]
fn fastwebsockets_64_113_reading_continues_where_it_stopped() {
    for role in ROLES {
        let frames = [
            Raw::new(Raw::TEXT, "short"),
            Raw::new(Raw::BINARY, [7; 300]),
            Raw::new(Raw::TEXT, "in ").more(),
            Raw::new(Raw::PING, "between"),
            Raw::new(Raw::CONTINUATION, "two"),
        ];
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        let expected = feed(&mut established(role, Config::default()), &bytes);
        assert_eq!(expected.len(), 4);
        assert_eq!(expected[3], Event::Message(Message::from("in two")));
        for split in 0..=bytes.len() {
            let mut connection = established(role, Config::default());
            let mut events = feed(&mut connection, &bytes[..split]);
            events.extend(feed(&mut connection, &[]));
            events.extend(feed(&mut connection, &bytes[split..]));
            assert_eq!(events, expected, "split at {split}");
        }
    }
}
