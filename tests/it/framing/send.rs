//! Sent frames and messages: RFC 6455 sections 5.1, 5.3, 5.5.2, 5.5.3, 5.7 and 6.1.

use crate::support::{
    Fragments, ROLES, Raw, after_own_close, config, drain, established, in_every_phase, manual, peer_sends, pending,
    sent, waiting,
};
use statesocket::{
    Action, Agreed, Config, Connection, Event, Message, Phase, PingError, Role, SendError, State, TransitionError,
};
use std::{collections::HashSet, io::IoSlice, sync::Arc, time::Instant};

/// Sends one frame of every kind, the last of them a Close.
fn send_every_frame(connection: &mut Connection) {
    connection.send_text("text").unwrap();
    connection.send_binary(b"binary").unwrap();
    connection.send(Message::from("")).unwrap();
    connection.send_text_fragment("first", false).unwrap();
    connection.ping(b"ping").unwrap();
    connection.send_text_fragment("last", true).unwrap();
    peer_sends(connection, [Raw::new(Raw::PING, "answer me")]);
    connection.close(1000, "done").unwrap();
}

fn every_frame() -> Vec<Raw> {
    vec![
        Raw::new(Raw::TEXT, "text"),
        Raw::new(Raw::BINARY, "binary"),
        Raw::new(Raw::TEXT, ""),
        Raw::new(Raw::TEXT, "first").more(),
        Raw::new(Raw::PING, "ping"),
        Raw::new(Raw::CONTINUATION, "last"),
        Raw::new(Raw::PONG, "answer me"),
        Raw::close(1000, "done"),
    ]
}

#[test]
fn f1_a_client_masks_every_frame() {
    let mut client = established(Role::Client, Config::default());
    send_every_frame(&mut client);
    assert_eq!(sent(&mut client), every_frame(), "`sent` checks every mask");
}

#[test]
fn f3_a_server_masks_no_frame() {
    let mut server = established(Role::Server, Config::default());
    send_every_frame(&mut server);
    assert_eq!(sent(&mut server), every_frame(), "`sent` checks every mask");
}

#[test]
fn f8_lengths_are_sent_in_their_shortest_form() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1 << 20] {
            let payload = vec![0xA5; len];
            let mut connection = established(role, Config::default());
            connection.send_binary(&payload).unwrap();
            assert_eq!(
                sent(&mut connection),
                [Raw::new(Raw::BINARY, payload)],
                "`sent` checks the form of length {len}"
            );
        }
    }
}

/// The frames in `wire`, without their keys.
fn keys(wire: &[u8]) -> Vec<[u8; 4]> {
    let mut rest = wire;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        keys.push(Raw::parse(&mut rest).key.expect("a client masks"));
    }
    keys
}

#[test]
fn f10_every_frame_has_a_fresh_key() {
    let mut client = established(Role::Client, Config::default());
    for _ in 0..1000 {
        client.send_text("the same").unwrap();
        client.send_binary_fragment(b"the same", false).unwrap();
        client.ping(b"the same").unwrap();
        client.send_binary_fragment(b"the same", true).unwrap();
    }
    client.close(1000, "").unwrap();
    let keys = keys(&drain(&mut client));
    assert_eq!(keys.len(), 4001);
    assert!(keys.iter().collect::<HashSet<_>>().len() >= 4000, "of 4001 random keys two may be equal, but not three");
}

#[test]
fn f10_connections_without_a_seed_share_no_keys() {
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let config = Arc::new(Config::default());
        let mut client = Connection::established(Role::Client, Agreed::new(), config, Instant::now());
        client.send_text("1").unwrap();
        client.send_text("2").unwrap();
        assert!(seen.insert(keys(&drain(&mut client))), "the first keys of two connections are equal");
    }
}

/// RFC 6455 section 10.3 forbids predictable keys, and a log could give them away.
#[test]
fn f10_debug_output_does_not_reveal_keys() {
    let config = Arc::new(Config::default());
    let now = Instant::now();
    let printed = [[7; 32], [8; 32]].map(|seed| {
        let client = Connection::established(Role::Client, Agreed::new().seed(seed), Arc::clone(&config), now);
        format!("{:?}", client.internals())
    });
    assert!(printed[0].contains("random: Some(Random)"), "{}", printed[0]);
    assert_eq!(printed[0], printed[1], "the state of the generator is printed");
}

#[test]
fn f12_a_ping_of_more_than_125_bytes_is_refused() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        assert_eq!(connection.ping(&[0; 126]), Err(PingError::PayloadTooLong(126)));
        assert_eq!(connection.output(), b"");
        connection.ping(&[0; 125]).unwrap();
        assert_eq!(sent(&mut connection), [Raw::new(Raw::PING, [0; 125])]);
    }
}

#[test]
fn f17_a_ping_is_answered_with_its_payload() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        for len in 0..=125 {
            let payload: Vec<u8> = (0..len).collect();
            let events = peer_sends(&mut connection, [Raw::new(Raw::PING, &payload)]);
            assert_eq!(events, [Event::Ping(payload.clone().into())], "{len} bytes to a {role:?}");
            assert_eq!(sent(&mut connection), [Raw::new(Raw::PONG, payload)], "{len} bytes to a {role:?}");
        }
    }
}

#[test]
fn f17_a_ping_is_answered_after_our_close_but_not_after_the_peers() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.close(1000, "").unwrap();
        assert_eq!(connection.phase(), after_own_close(role));
        let events = peer_sends(&mut connection, [Raw::new(Raw::PING, "after ours")]);
        assert_eq!(events, [Event::Ping(b"after ours".into())]);
        assert_eq!(sent(&mut connection), [Raw::close(1000, ""), Raw::new(Raw::PONG, "after ours")], "{role:?}");

        for config in [Config::default(), manual()] {
            let mut connection = established(role, config);
            let frames = [Raw::new(Raw::PING, "before"), Raw::close(1000, ""), Raw::new(Raw::PING, "after")];
            assert_eq!(peer_sends(&mut connection, frames).len(), 2);
            let pongs = sent(&mut connection).into_iter().filter(|frame| frame.first & 0x0F == Raw::PONG);
            assert_eq!(pongs.collect::<Vec<_>>(), [Raw::new(Raw::PONG, "before")], "{role:?}");
        }
    }
}

/// Lengths around those at which the form of the length changes, or the way in which the bytes are queued.
const LENGTHS: [usize; 9] = [0, 1, 125, 126, 1023, 1024, 65_535, 65_536, 1 << 20];

#[test]
fn an_owned_message_gives_the_same_frames_as_a_borrowed_one() {
    for role in ROLES {
        let connection = || Connection::established(role, Agreed::new().seed([7; 32]), Arc::default(), Instant::now());
        let (mut lending, mut handing) = (connection(), connection());
        for len in LENGTHS {
            for message in [Message::from("x".repeat(len)), Message::from(vec![0xA5; len])] {
                lending.send(&message).unwrap();
                handing.send(message).unwrap();
                // A message that is queued beside large ones keeps its place.
                for connection in [&mut lending, &mut handing] {
                    connection.ping(b"between").unwrap();
                }
            }
        }
        assert_eq!(lending.output_len(), handing.output_len());
        assert!(waiting(&lending) == waiting(&handing), "{role:?}: the same bytes");
        let [mut lent, mut handed] = [Vec::new(), Vec::new()];
        lending.write_to(&mut lent).unwrap();
        handing.write_to(&mut handed).unwrap();
        assert!(lent == handed, "{role:?}: in slices too");
    }
}

#[test]
fn a_large_owned_message_is_not_copied() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let bytes = vec![7; 1 << 20];
        let memory = bytes.as_ptr();
        connection.send(bytes).unwrap();
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(connection.output_slices(&mut slices), 2, "{role:?}: a header and a payload");
        assert_eq!((slices[1].as_ptr(), slices[1].len()), (memory, 1 << 20), "{role:?}");
    }
}

#[test]
fn an_owned_message_counts_against_the_limit_and_is_dropped_if_refused() {
    for role in ROLES {
        let mut config = Config::default();
        config.max_output_bytes = 20_000;
        let mut connection = established(role, config);
        connection.send(vec![7; 10_000]).unwrap();
        let before = (connection.output_len(), waiting(&connection));
        let refused = connection.send(vec![8; 10_000]);
        assert_eq!(refused, Err(SendError::OutputFull { queued: before.0, limit: 20_000 }), "{role:?}");
        assert!((connection.output_len(), waiting(&connection)) == before, "{role:?}: nothing has changed");
    }
}

type Send = fn(&mut Connection) -> Result<(), SendError>;

#[test]
fn f20_data_is_sent_only_when_the_table_allows_it() {
    let sends: [Send; 6] = [
        |connection| connection.send_text("text"),
        |connection| connection.send_binary(b"binary"),
        |connection| connection.send("message"),
        |connection| connection.send(vec![7; 10_000]),
        |connection| connection.send_text_fragment("fragment", true),
        |connection| connection.send_binary_fragment(b"fragment", true),
    ];
    for (case, mut connection) in in_every_phase() {
        let (phase, party) = (connection.phase(), connection.local_party());
        let is_allowed = phase.state_of(party) == State::Connected && phase.state_of(party.peer()) >= State::Connected;
        let is_allowed = is_allowed && !matches!(phase, Phase::Requested);
        assert_eq!(connection.can_send(), is_allowed, "{case}");
        for (i, send) in sends.iter().enumerate() {
            let result = send(&mut connection);
            assert_eq!(result.is_ok(), is_allowed, "{case}, send {i}: {result:?}");
            if let Err(error) = result {
                let SendError::Transition(TransitionError { phase: at, party: by, action, .. }) = error else {
                    panic!("{case}, send {i}: {error}")
                };
                assert_eq!((at, by, action), (phase, party, Action::Message), "{case}, send {i}");
            }
            assert_eq!(connection.phase(), phase, "{case}, send {i}");
        }
        let pinged = connection.ping(b"");
        assert_eq!(pinged.is_ok(), is_allowed, "{case}: {pinged:?}");
        assert_eq!(drain(&mut connection).is_empty(), !is_allowed, "{case}");
        assert_eq!(pending(&mut connection), [], "{case}");
    }
}

#[test]
fn f20_a_fragmented_message_ends_before_another_begins() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text_fragment("a", false).unwrap();
        let in_progress = Err(SendError::MessageInProgress);
        assert_eq!(connection.send_text("b"), in_progress);
        assert_eq!(connection.send_binary(b"b"), in_progress);
        assert_eq!(connection.send(vec![7; 10_000]), in_progress);
        assert_eq!(connection.send_binary_fragment(b"b", true), in_progress);
        connection.ping(b"").unwrap();
        connection.send_text_fragment("", false).unwrap();
        connection.send_text_fragment("c", true).unwrap();
        connection.send_binary_fragment(b"d", true).unwrap();
        let expected = [
            Raw::new(Raw::TEXT, "a").more(),
            Raw::new(Raw::PING, ""),
            Raw::new(Raw::CONTINUATION, "").more(),
            Raw::new(Raw::CONTINUATION, "c"),
            Raw::new(Raw::BINARY, "d"),
        ];
        assert_eq!(sent(&mut connection), expected, "{role:?}");
    }
}

#[test]
fn f23_the_examples_of_section_5_7_are_sent() {
    let mut server = established(Role::Server, Config::default());
    server.send_text("Hello").unwrap();
    assert_eq!(drain(&mut server), b"\x81\x05\x48\x65\x6c\x6c\x6f", "a text frame");
    server.send_text_fragment("Hel", false).unwrap();
    server.send_text_fragment("lo", true).unwrap();
    assert_eq!(drain(&mut server), b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", "a fragmented text");
    server.ping(b"Hello").unwrap();
    assert_eq!(drain(&mut server), b"\x89\x05\x48\x65\x6c\x6c\x6f", "a ping");
    let bytes_256: Vec<u8> = (0..=255).collect();
    server.send_binary(&bytes_256).unwrap();
    assert_eq!(drain(&mut server), [b"\x82\x7e\x01\x00", bytes_256.as_slice()].concat(), "256 bytes");
    let bytes_64k = vec![0x5A; 65_536];
    server.send_binary(&bytes_64k).unwrap();
    assert_eq!(drain(&mut server), [b"\x82\x7f\0\0\0\0\0\x01\0\0", bytes_64k.as_slice()].concat(), "64 KiB");
}

#[test]
fn k17_an_unsolicited_pong_is_sent_in_every_phase_that_allows_one() {
    for (case, mut connection) in in_every_phase() {
        drain(&mut connection);
        let before = (connection.phase(), connection.history().to_vec());
        match connection.pong(b"alive") {
            Ok(()) => {
                assert!(connection.can(Action::Pong), "{case}");
                let frames = sent(&mut connection);
                assert_eq!(frames, [Raw::new(Raw::PONG, "alive")], "{case}");
                assert_eq!(connection.phase(), before.0, "{case}");
            }
            Err(error) => {
                assert!(matches!(error, PingError::Transition(_)) && !connection.can(Action::Pong), "{case}: {error}");
                assert_eq!((connection.phase(), connection.history().to_vec()), before, "{case}");
                assert_eq!(connection.output(), b"", "{case}");
            }
        }
    }
}

#[test]
fn k17_an_unsolicited_pong_keeps_to_the_limits_of_a_control_frame() {
    for role in ROLES {
        let mut connection = established(role, config(|config| config.max_output_bytes = 200));
        assert_eq!(connection.pong(&[0; 126]), Err(PingError::PayloadTooLong(126)), "{role:?}");
        connection.pong(&[7; 125]).expect("125 bytes fit");
        assert!(matches!(connection.pong(&[7; 125]), Err(PingError::OutputFull { limit: 200, .. })), "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::new(Raw::PONG, [7; 125])], "{role:?}");
        connection.transport_failed();
        assert_eq!(connection.pong(b""), Err(PingError::TransportLost), "{role:?}");
    }
}

#[test]
fn k17_an_unsolicited_pong_goes_between_fragments_and_behind_our_close() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text_fragment("a", false).expect("the connection is open");
        connection.pong(b"between").expect("control frames may be injected");
        connection.send_text_fragment("b", true).expect("the message goes on");
        connection.close(1000, "").expect("the connection is open");
        connection.pong(b"behind").expect("the peer has not closed");
        let opcodes: Vec<_> = sent(&mut connection).iter().map(|frame| frame.first & 0x0F).collect();
        assert_eq!(opcodes, [1, 10, 0, 8, 10], "{role:?}");
        let _ = peer_sends(&mut connection, [Raw::close(1000, "")]);
        assert!(matches!(connection.pong(b"late"), Err(PingError::Transition(_))), "{role:?}");
    }
}

#[test]
fn k18_a_second_beginning_does_not_continue_the_first() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        assert!(!connection.is_mid_message());
        connection.begin_text("first").unwrap();
        let queued = connection.output_len();
        assert!(connection.is_mid_message());
        for refused in [
            connection.begin_text("second"),
            connection.begin_binary(b"second"),
            connection.send_text("second"),
            connection.continue_binary(b"second", true),
        ] {
            assert_eq!(refused, Err(SendError::MessageInProgress), "{role:?}");
        }
        assert_eq!(connection.output_len(), queued);
        connection.continue_text(", second", false).unwrap();
        connection.continue_text("", true).unwrap();
        assert!(!connection.is_mid_message());
        let expected = [
            Raw::new(Raw::TEXT, "first").more(),
            Raw::new(Raw::CONTINUATION, ", second").more(),
            Raw::new(Raw::CONTINUATION, ""),
        ];
        assert_eq!(sent(&mut connection), expected, "{role:?}");
    }
}

#[test]
fn k18_nothing_is_continued_that_has_not_begun() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        for is_last in [false, true] {
            assert_eq!(connection.continue_text("x", is_last), Err(SendError::NoMessageInProgress), "{role:?}");
            assert_eq!(connection.continue_binary(b"x", is_last), Err(SendError::NoMessageInProgress), "{role:?}");
        }
        connection.begin_binary(b"").unwrap();
        connection.continue_binary(b"", true).unwrap();
        assert_eq!(connection.continue_binary(b"", true), Err(SendError::NoMessageInProgress), "it has ended");
        connection.begin_text("after it").unwrap();
    }
}

#[test]
fn k18_the_table_and_the_limit_come_before_what_is_in_progress() {
    for role in ROLES {
        let mut connection = established(role, config(|config| config.max_output_bytes = 50));
        connection.begin_text("x").unwrap();
        assert!(matches!(connection.continue_text(&"x".repeat(50), true), Err(SendError::OutputFull { .. })));
        assert!(connection.is_mid_message(), "a refused fragment ends nothing");
        connection.close(1000, "").unwrap();
        assert!(matches!(connection.begin_text("y"), Err(SendError::Transition(_))), "{role:?}");
        assert!(matches!(connection.continue_text("y", true), Err(SendError::Transition(_))), "{role:?}");
    }
}
