//! What a peer may send, and what it may not: sections 6 and 7.2.

use super::{BOTH_WAYS, NO_TAKEOVER, RSV1, binary, compressing, deflated, feed_by, payloads, records, stored, text};
use crate::support::{
    ROLES, Raw, assert_fails,
    blocks::{Blocks, Part},
    established, feed, peer_sends, pending,
};
use statesocket::{Config, Event, ProtocolError};

/// The examples of section 7.2.3, each for a connection of its own: the frames, and the messages that come of them.
fn examples() -> Vec<(&'static str, Vec<Raw>, Vec<&'static str>)> {
    let hello = text([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    let again = text([0xF2, 0x00, 0x11, 0x00, 0x00]);
    let stored = text([&[0x00, 0x05, 0x00, 0xFA, 0xFF][..], b"Hello", &[0x00]].concat());
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    vec![
        ("7.2.3.1", vec![hello.clone()], vec!["Hello"]),
        (
            "7.2.3.1 in fragments",
            vec![text([0xF2, 0x48, 0xCD]).more(), Raw::new(Raw::CONTINUATION, [0xC9, 0xC9, 0x07, 0x00])],
            vec!["Hello"],
        ),
        ("7.2.3.2", vec![hello.clone(), again.clone()], vec!["Hello", "Hello"]),
        ("7.2.3.2 without a reference", vec![hello.clone(), hello.clone()], vec!["Hello", "Hello"]),
        ("7.2.3.3", vec![stored.clone()], vec!["Hello"]),
        ("7.2.3.3 in the window", vec![stored, again], vec!["Hello", "Hello"]),
        ("7.2.3.4", vec![text([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00])], vec!["Hello"]),
        ("7.2.3.5", vec![text(two)], vec!["Hello"]),
        ("7.2.3.6", vec![text([0x00]), hello], vec!["", "Hello"]),
    ]
}

#[test]
fn d13_d14_d16_the_examples_of_the_rfc_are_read_in_both_roles() {
    for role in ROLES {
        for (name, frames, expected) in examples() {
            let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
            for len in [bytes.len(), 1, 2, 3] {
                let events = feed_by(&mut compressing(role, BOTH_WAYS, |_| {}), &bytes, len);
                let expected: Vec<_> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
                assert_eq!(payloads(&events), expected, "{name} to a {role:?} by {len}");
            }
        }
    }
}

#[test]
fn d11_the_bit_is_refused_on_control_and_continuation_frames() {
    for role in ROLES {
        for opcode in [Raw::CONTINUATION, Raw::CLOSE, Raw::PING, Raw::PONG] {
            for (case, before) in [("first", vec![]), ("in a message", vec![text([0xF2]).more()])] {
                let mut connection = compressing(role, BOTH_WAYS, |_| {});
                assert_eq!(peer_sends(&mut connection, before), []);
                // The first byte is enough.
                let error = ProtocolError::ReservedBits;
                assert_fails(&mut connection, &[0x80 | RSV1 | opcode], error, &format!("{opcode:#x} {case}"));
            }
        }
    }
}

#[test]
fn d11_other_bits_and_a_bit_that_nobody_agreed_on_are_refused() {
    for role in ROLES {
        for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
            let mut connection = compressing(role, BOTH_WAYS, |_| {});
            assert_fails(&mut connection, &[0x81 | bits], ProtocolError::ReservedBits, &format!("{bits:#x}"));
        }
        for config in [Config::default(), Config::default().with(|config| config.deflate = Some(Default::default()))] {
            assert_fails(&mut established(role, config), &[0xC1], ProtocolError::ReservedBits, "without an agreement");
        }
    }
}

/// Compression is of a message, not of a connection.
#[test]
fn d15_plain_messages_come_at_any_time_and_enter_no_window() {
    let hello = text([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    let to_earlier = |distance| text(Blocks::default().fixed(false, &[Part::Copy { len: 5, distance }]).message());
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let plain = [Raw::new(Raw::TEXT, "plain").more(), Raw::new(Raw::CONTINUATION, "er")];
        let frames = [hello.clone(), Raw::new(Raw::TEXT, "plain")].into_iter().chain(plain).chain([to_earlier(5)]);
        let events = peer_sends(&mut connection, frames);
        assert_eq!(payloads(&events), [&b"Hello"[..], b"plain", b"plainer", b"Hello"]);
        // Ten bytes are in the window: no plain one.
        let bytes = to_earlier(11).for_endpoint(role);
        assert_fails(&mut connection, &bytes, ProtocolError::CorruptDeflate, "before the first message");
    }
}

#[test]
fn d12_only_the_plain_text_of_a_message_has_to_be_utf_8() {
    let word = "κόσμε".as_bytes();
    for role in ROLES {
        for (case, payload) in [
            ("stored", Blocks::default().stored(false, word).message()),
            ("fixed", Blocks::default().fixed(false, &[Part::Text(word)]).message()),
            ("cut in a code point", Blocks::default().stored(false, &word[..3]).stored(false, &word[3..]).message()),
        ] {
            assert!(std::str::from_utf8(&payload).is_err(), "{case}: the payload is no text");
            let bytes = text(&payload).for_endpoint(role);
            for len in [bytes.len(), 1] {
                let events = feed_by(&mut compressing(role, BOTH_WAYS, |_| {}), &bytes, len);
                assert_eq!(payloads(&events), [word], "{case}");
            }
        }
        for wrong in [&[0xFF][..], b"\xE2\x82", b"a\xED\xA0\x80", b"\xC0\x80"] {
            let payload = Blocks::default().stored(false, wrong).message();
            assert_eq!(payloads(&peer_sends(&mut compressing(role, BOTH_WAYS, |_| {}), [binary(&payload)])), [wrong]);
            let bytes = text(&payload).for_endpoint(role);
            let mut connection = compressing(role, BOTH_WAYS, |_| {});
            assert_fails(&mut connection, &bytes, ProtocolError::InvalidText, &format!("{wrong:x?}"));
            let mut connection = compressing(role, BOTH_WAYS, |_| {});
            let (last, first) = bytes.split_last().unwrap();
            assert_eq!(feed_by(&mut connection, first, 1), []);
            assert_fails(&mut connection, &[*last], ProtocolError::InvalidText, &format!("{wrong:x?} byte by byte"));
        }
    }
}

/// Other inflaters stayed ended: all later messages came empty.
#[test]
fn d16_messages_behind_a_final_block_come_and_refer_to_it() {
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER] {
            let mut connection = compressing(role, answer, |_| {});
            for (case, payload) in [
                ("a final block", Blocks::default().stored(true, b"Hello").message()),
                ("without the byte behind it", Blocks::default().stored(true, b"Hello").unfinished()),
                ("a fixed one", Blocks::default().fixed(true, &[Part::Text(b"Hello")]).unfinished()),
                ("two", Blocks::default().stored(true, b"Hel").stored(true, b"lo").message()),
                ("one that others follow", Blocks::default().stored(true, b"Hel").stored(false, b"lo").message()),
            ] {
                let events = peer_sends(&mut connection, [text(&payload)]);
                assert_eq!(payloads(&events), [b"Hello"], "{case} to a {role:?}");
            }
            let again = text(Blocks::default().fixed(false, &[Part::Copy { len: 5, distance: 5 }]).message());
            let events = peer_sends(&mut connection, [again]);
            if answer == BOTH_WAYS {
                assert_eq!(payloads(&events), [b"Hello"]);
            } else {
                assert!(matches!(events.as_slice(), [Event::Disconnect(_)]), "nothing is kept: {events:?}");
            }
        }
    }
}

/// In the same message, and in those behind it.
#[test]
fn d16_blocks_behind_a_final_block_refer_to_all_before() {
    let copy = |len, distance| [Part::Copy { len, distance }];
    for role in ROLES {
        for (case, first) in [
            ("stored", Blocks::default().stored(true, b"Hello")),
            ("fixed", Blocks::default().fixed(true, &[Part::Text(b"Hello")])),
            ("two", Blocks::default().stored(true, b"Hel").fixed(true, &[Part::Text(b"lo")])),
        ] {
            for len in [usize::MAX, 1, 3] {
                let mut connection = compressing(role, BOTH_WAYS, |_| {});
                let mut hear = |payload: Vec<u8>| {
                    let bytes = text(payload).for_endpoint(role);
                    payloads(&feed_by(&mut connection, &bytes, len)).remove(0)
                };
                assert_eq!(hear(first.clone().fixed(false, &copy(5, 5)).message()), b"HelloHello", "{case}, by {len}");
                // The text of the message before, then that of this one.
                let both = first.clone().fixed(false, &copy(8, 15)).message();
                assert_eq!(hear(both), b"HelloHelloHel", "{case}, by {len}");
                assert_eq!(hear(Blocks::default().fixed(true, &copy(5, 23)).unfinished()), b"Hello", "{case}");
            }
        }
    }
}

/// Section 7.2.3.6, and what peers send for it that compress with zlib.
#[test]
fn d16_an_empty_message_is_empty_however_it_is_written() {
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let stored = Blocks::default().stored(false, b"");
        let empty = [
            vec![0x00],
            vec![0x02, 0x00],
            vec![0x03, 0x00],
            vec![],
            stored.message(),
            Blocks::default().fixed(true, &[]).message(),
        ];
        for payload in empty {
            let events = peer_sends(&mut connection, [text(&payload)]);
            assert_eq!(payloads(&events), [b""], "{payload:x?}");
            let parts = payload.iter().map(|byte| Raw::new(Raw::CONTINUATION, [*byte]).more());
            let frames = [text("").more()].into_iter().chain(parts).chain([Raw::new(Raw::CONTINUATION, "")]);
            assert_eq!(payloads(&peer_sends(&mut connection, frames)), [b""], "{payload:x?} in fragments");
        }
    }
}

#[test]
fn d14_a_message_refers_as_far_back_as_agreed_and_no_farther() {
    for bits in 8..=15 {
        let window = 1_usize << bits;
        let answer = format!("permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}");
        let before = records(1, window + 100);
        let stored = stored(before.as_bytes());
        let reference = |distance| text(Blocks::default().fixed(false, &[Part::Copy { len: 9, distance }]).message());
        for role in ROLES {
            let mut connection = compressing(role, &answer, |_| {});
            let events = peer_sends(&mut connection, [text(&stored), reference(window)]);
            assert_eq!(payloads(&events), [before.as_bytes(), &before.as_bytes()[100..][..9]], "{bits} bits");
            if bits < 15 {
                // Nine bytes more are in the window now.
                let bytes = reference(window + 1).for_endpoint(role);
                assert_fails(&mut connection, &bytes, ProtocolError::CorruptDeflate, &format!("{bits} bits"));
            }
        }
    }
}

#[test]
fn without_takeover_a_message_refers_to_itself_only() {
    let hello = text([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    let again = text([0xF2, 0x00, 0x11, 0x00, 0x00]);
    for role in ROLES {
        let mut connection = compressing(role, NO_TAKEOVER, |_| {});
        assert_eq!(payloads(&peer_sends(&mut connection, [hello.clone(), hello.clone()])), [b"Hello", b"Hello"]);
        assert_eq!(connection.buffered_bytes(), 0);
        assert_fails(&mut connection, &again.clone().for_endpoint(role), ProtocolError::CorruptDeflate, "a reference");
    }
}

#[test]
fn a_ping_and_a_close_of_the_peer_come_within_a_compressed_message() {
    let payload = deflated(records(3, 20_000).as_bytes());
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let (first, rest) = payload.split_at(payload.len() / 2);
        let (second, third) = rest.split_at(10);
        let ping = || Raw::new(Raw::PING, "between");
        let frames = [text(first).more(), ping(), Raw::new(Raw::CONTINUATION, second).more(), ping()];
        let events = peer_sends(&mut connection, frames.clone());
        assert!(matches!(events.as_slice(), [Event::Ping(_), Event::Ping(_)]), "{events:?}");
        let events = peer_sends(&mut connection, [Raw::new(Raw::CONTINUATION, third)]);
        assert_eq!(payloads(&events), [records(3, 20_000).as_bytes()]);

        peer_sends(&mut connection, frames);
        let events = peer_sends(&mut connection, [Raw::close(1001, "away")]);
        let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((u16::from(end.code), end.is_clean), (1001, true));
        assert!(connection.buffered_bytes() < 500, "the message has no memory any more");
    }
}

#[test]
fn the_end_of_the_stream_within_a_compressed_message_is_abnormal() {
    let payload = deflated(records(3, 20_000).as_bytes());
    for role in ROLES {
        for len in [0, 1, 100, payload.len() - 1] {
            let mut connection = compressing(role, BOTH_WAYS, |_| {});
            let bytes = text(&payload).for_endpoint(role);
            assert_eq!(feed(&mut connection, &bytes[..bytes.len() - payload.len() + len]), []);
            connection.receive_eof();
            let events = pending(&mut connection);
            let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!((u16::from(end.code), end.is_clean), (1006, false));
        }
    }
}
