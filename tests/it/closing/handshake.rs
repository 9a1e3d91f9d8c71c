//! The closing handshake: RFC 6455 sections 5.5.1 and 7.

use crate::support::{
    Fragments, ROLES, Raw, assert_deaf, assert_fails, client, config, disconnect_in, drain, established, manual,
    peer_sends, pending, requested_server, sent,
};
use statesocket::{
    Cause, CloseError, CloseFrame, Config, Connection, Disconnect, Event, Phase, ProtocolError, Role, SendError,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn code_and_reason(disconnect: &Disconnect) -> (u16, &str) {
    (disconnect.code.into(), &disconnect.reason)
}

fn frame(code: u16, reason: &str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

#[test]
fn c1_the_body_of_a_close_is_empty_or_a_code_and_utf8() {
    let long = [&1000u16.to_be_bytes()[..], &[b'r'; 123]].concat();
    for role in ROLES {
        for (body, code, reason) in [
            (&b""[..], 1005, ""),
            (b"\x03\xE8", 1000, ""),
            (b"\x03\xE8\xC3\xA9t\xC3\xA9", 1000, "\u{e9}t\u{e9}"),
            (b"\x03\xE8\0", 1000, "\0"),
            (&long, 1000, std::str::from_utf8(&long[2..]).unwrap()),
        ] {
            let mut connection = established(role, Config::default());
            let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::new(Raw::CLOSE, body)]));
            assert_eq!(code_and_reason(&disconnect), (code, reason), "{body:x?} to a {role:?}");
            assert_eq!(disconnect.received, frame(code, reason), "{body:x?} to a {role:?}");
        }
        for (body, error) in [
            (&b"\x03"[..], ProtocolError::CloseBodyTooShort),
            (b"\0", ProtocolError::CloseBodyTooShort),
            (b"\0\0", ProtocolError::InvalidCloseCode(0)),
            (b"\x03\xED", ProtocolError::InvalidCloseCode(1005)),
            (b"\x03\xE8\xFF", ProtocolError::InvalidCloseReason),
            (b"\x03\xE8ok\xC3", ProtocolError::InvalidCloseReason),
            (b"\x03\xE8\xED\xA0\x80", ProtocolError::InvalidCloseReason),
            (b"\x03\xE7\xFF", ProtocolError::InvalidCloseCode(999)),
        ] {
            let mut connection = established(role, Config::default());
            let bytes = Raw::new(Raw::CLOSE, body).for_endpoint(role);
            assert_fails(&mut connection, &bytes, error, &format!("{body:x?} to a {role:?}"));
        }
    }
}

#[test]
fn c2_a_reason_is_cut_to_123_bytes_between_characters() {
    let fits = ["x".repeat(123), format!("{}x", "\u{e9}".repeat(61)), "\u{20ac}".repeat(41)];
    let cut = [
        ("x".repeat(124), "x".repeat(123)),
        ("\u{e9}".repeat(62), "\u{e9}".repeat(61)),
        (format!("{}\u{20ac}", "x".repeat(122)), "x".repeat(122)),
        (format!("{}\u{1f600}", "x".repeat(120)), "x".repeat(120)),
        ("\u{1f600}".repeat(1000), "\u{1f600}".repeat(30)),
    ];
    for role in ROLES {
        for reason in &fits {
            let mut connection = established(role, Config::default());
            assert_eq!(connection.close(1000, reason), Ok(()), "{} bytes", reason.len());
            assert_eq!(sent(&mut connection), [Raw::close(1000, reason)]);

            let mut connection = established(role, Config::default());
            connection.ensure_closed(1000, reason);
            assert_eq!(sent(&mut connection), [Raw::close(1000, reason)]);
        }
        for (reason, fitting) in &cut {
            let mut connection = established(role, Config::default());
            assert_eq!(connection.close(1000, reason), Err(CloseError::ReasonTooLong(reason.len())));
            assert_eq!((connection.phase(), connection.output()), (Phase::Open, &[][..]));
            connection.ensure_closed(1000, reason);
            assert_eq!(sent(&mut connection), [Raw::close(1000, fitting)], "{reason:?} from a {role:?}");
        }
    }
}

#[test]
fn c3_a_client_masks_every_close() {
    let closers: [fn(&mut Connection); 5] = [
        |client| client.close(1000, "ours").unwrap(),
        |client| client.ensure_closed(1000, "ours"),
        |client| drop(peer_sends(client, [Raw::close(1000, "theirs")])),
        |client| drop(peer_sends(client, [Raw::new(Raw::CLOSE, "")])),
        |client| drop(peer_sends(client, [Raw::new(0xB, "a violation")])),
    ];
    for (i, closer) in closers.iter().enumerate() {
        let mut client = established(Role::Client, Config::default());
        closer(&mut client);
        let bytes = drain(&mut client);
        assert_eq!(bytes[0], 0x88, "closer {i}");
        assert_eq!(bytes[1] & 0x80, 0x80, "closer {i}: {bytes:x?}");
    }
}

#[test]
fn c4_after_our_close_only_pongs_are_sent() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text_fragment("never ended", false).unwrap();
        connection.close(1000, "").unwrap();
        sent(&mut connection);
        assert!(matches!(connection.send_text("late"), Err(SendError::Transition(_))));
        assert!(matches!(connection.send_text_fragment("late", true), Err(SendError::Transition(_))));
        assert!(matches!(connection.send_binary(b"late"), Err(SendError::Transition(_))));
        assert!(connection.ping(b"late").is_err());
        assert!(matches!(connection.close(1000, ""), Err(CloseError::Transition(_))));
        connection.ensure_closed(1000, "late");
        let events = peer_sends(&mut connection, [Raw::new(Raw::TEXT, "in time"), Raw::new(Raw::PING, "p")]);
        assert_eq!(events, [Event::Message("in time".into()), Event::Ping(b"p".into())], "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::new(Raw::PONG, "p")], "{role:?}");
        peer_sends(&mut connection, [Raw::close(1000, "")]);
        assert_deaf(&mut connection, &format!("{role:?}"));
    }
}

#[test]
fn c5_a_close_is_answered_at_once_with_its_code_and_reason() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text_fragment("begun", false).unwrap();
        sent(&mut connection);
        let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
        assert_eq!(code_and_reason(&disconnect), (4001, "bye"));
        assert_eq!((disconnect.received, disconnect.sent), (frame(4001, "bye"), frame(4001, "bye")));
        assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::PeerClosed, true));
        assert_eq!(disconnect.initiator, Some(connection.local_party().peer()));
        assert_eq!(sent(&mut connection), [Raw::close(4001, "bye")], "{role:?}");
    }
}

#[test]
fn c6_an_empty_close_is_answered_with_an_empty_one() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::new(Raw::CLOSE, "")]));
        assert_eq!(code_and_reason(&disconnect), (1005, ""));
        assert_eq!((disconnect.received, disconnect.sent), (frame(1005, ""), frame(1005, "")));
        assert!(disconnect.is_clean);
        assert_eq!(sent(&mut connection), [Raw::new(Raw::CLOSE, "")], "{role:?}");
    }
}

#[test]
fn c16_nothing_ends_a_connection_without_a_cause() {
    for role in ROLES {
        let now = Instant::now();
        let mut connection = established(role, config(|config| config.ping_interval = None));
        assert_eq!(connection.poll_timeout(now), None, "nothing ends an open connection");
        connection.handle_timeout(now + Duration::from_secs(1 << 30));
        assert_eq!((pending(&mut connection), connection.phase()), (vec![], Phase::Open));
        assert_eq!((connection.poll_socket(), connection.output()), (None, &[][..]));
    }
}

#[test]
fn c17_bytes_after_a_close_are_discarded() {
    let late = [Raw::new(Raw::PING, "p"), Raw::new(Raw::TEXT, "t"), Raw::close(1001, "second"), Raw::new(0xF, "")];
    for role in ROLES {
        for config in [Config::default(), manual()] {
            let mut connection = established(role, config.clone());
            let frames = [Raw::close(1000, "first")].into_iter().chain(late.clone());
            let events = peer_sends(&mut connection, frames);
            assert_eq!(code_and_reason(&disconnect_in(&events)), (1000, "first"));
            assert_eq!(events.len(), 1, "{role:?} with {config:?}: {events:?}");
            let answers = sent(&mut connection);
            assert!(answers.iter().all(|answer| *answer == Raw::close(1000, "first")), "{answers:?}");
            assert_deaf(&mut connection, &format!("{role:?} with {config:?}"));
        }
    }
}

#[test]
fn c18_a_close_inside_a_fragmented_message_is_clean() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let frames = [
            Raw::new(Raw::TEXT, b"half a code point \xE2\x82").more(),
            Raw::new(Raw::CONTINUATION, "").more(),
            Raw::close(1001, "leaving"),
        ];
        let events = peer_sends(&mut connection, frames);
        assert_eq!(events.len(), 1, "the unfinished message is dropped: {events:?}");
        let disconnect = disconnect_in(&events);
        assert_eq!((code_and_reason(&disconnect), disconnect.is_clean), ((1001, "leaving"), true), "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::close(1001, "leaving")], "{role:?}");
    }
}

#[test]
fn c1_limits_do_not_apply_to_a_close() {
    let tiny = config(|config| {
        (config.max_frame_bytes, config.max_message_bytes, config.max_fragments) = (0, 0, 0);
        config.max_output_bytes = 0;
    });
    for role in ROLES {
        let mut connection = established(role, tiny.clone());
        let reason = "r".repeat(123);
        let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, &reason)]));
        assert_eq!((&disconnect.reason, disconnect.is_clean), (&reason, true), "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::close(1000, &reason)]);
    }
}

/// A pause is for messages. The peer's Close, which the closing timeout waits for, is read.
#[test]
fn k1_after_our_close_the_peers_close_is_read_despite_a_pause() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.pause_reading();
        assert!(!connection.wants_read());
        connection.close(1000, "").expect("the connection is open");
        assert!(connection.wants_read() && connection.is_reading_paused(), "{role:?}");
        drain(&mut connection);
        let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
        assert_eq!((end.cause, end.is_clean), (Cause::LocalClosed, true), "{role:?}");
        assert!(connection.wants_read(), "the end of the stream is missing");
    }
}

#[test]
fn k1_a_pause_after_our_close_does_not_stop_reading() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.ensure_closed(1001, "");
        connection.pause_reading();
        assert!(connection.wants_read(), "{role:?}");
        connection.resume_reading();
        assert!(connection.wants_read(), "{role:?}");
    }
}

#[test]
fn k1_a_pause_does_not_hide_the_end_of_the_stream_after_the_peers_close() {
    for role in ROLES {
        let mut connection = established(role, manual());
        let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
        assert_eq!(end.cause, Cause::PeerClosed);
        connection.pause_reading();
        assert!(connection.wants_read(), "{role:?}: our answer is due, and an end of the stream before it");
    }
}

/// The opening timeout waits for the peer, too.
#[test]
fn k1_a_pause_does_not_stop_the_opening_handshake() {
    let mut server = Connection::server(Arc::default(), Instant::now());
    let mut client = client(Config::default(), &[]);
    for connection in [&mut server, &mut client] {
        connection.pause_reading();
        assert!(connection.wants_read(), "the other end's part is missing");
    }
    let mut server = requested_server(Config::default());
    server.pause_reading();
    assert!(!server.wants_read(), "only messages may come before the answer");
    server.resume_reading();
    assert!(server.wants_read());
}
