//! From received frames to messages: RFC 6455 sections 5.4, 5.6, 8.1 and 10.4.

use super::{binary_message, fragment, text_message};
use crate::support::{ROLES, Raw, assert_fails, config, established, feed, peer_sends, sent};
use statesocket::{Config, Event, Message, Phase, ProtocolError, Role};
use std::{borrow::Cow, time::Instant};

#[test]
fn f13_control_frames_may_come_between_fragments() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let frames = [
            Raw::new(Raw::TEXT, "one ").more(),
            Raw::new(Raw::PING, "1"),
            fragment("two ").more(),
            Raw::new(Raw::PONG, "2"),
            Raw::new(Raw::PING, ""),
            fragment("three"),
        ];
        let expected = [
            Event::Ping(b"1".into()),
            Event::Pong(b"2".into()),
            Event::Ping(b"".into()),
            text_message("one two three"),
        ];
        assert_eq!(peer_sends(&mut connection, frames), expected, "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::new(Raw::PONG, "1"), Raw::new(Raw::PONG, "")], "{role:?}");
    }
}

#[test]
fn f14_messages_do_not_interleave() {
    let begun = [Raw::new(Raw::TEXT, "a").more(), Raw::new(Raw::BINARY, "a").more()];
    let next = [
        Raw::new(Raw::TEXT, "b"),
        Raw::new(Raw::BINARY, "b"),
        Raw::new(Raw::TEXT, "").more(),
        Raw::new(Raw::BINARY, "").more(),
    ];
    for role in ROLES {
        for first in &begun {
            for second in &next {
                let mut connection = established(role, Config::default());
                assert_eq!(peer_sends(&mut connection, [first.clone(), fragment("-").more()]), []);
                let bytes = second.clone().for_endpoint(role);
                let case = format!("{:#x} after {:#x} to a {role:?}", second.first, first.first);
                assert_fails(&mut connection, &bytes, ProtocolError::InterleavedMessage, &case);
            }
        }
    }
}

#[test]
fn f14_a_continuation_without_a_first_fragment_fails() {
    for role in ROLES {
        for frame in [fragment("a"), fragment(""), fragment("a").more(), fragment("").more()] {
            let bytes = frame.for_endpoint(role);
            let mut connection = established(role, Config::default());
            assert_fails(&mut connection, &bytes, ProtocolError::UnexpectedContinuation, "as the first frame");

            let mut connection = established(role, Config::default());
            assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "whole")]), [text_message("whole")]);
            assert_fails(
                &mut connection,
                &bytes,
                ProtocolError::UnexpectedContinuation,
                "after an unfragmented message",
            );

            let mut connection = established(role, Config::default());
            let events = peer_sends(&mut connection, [Raw::new(Raw::BINARY, "a").more(), fragment("b")]);
            assert_eq!(events, [binary_message(b"ab")]);
            assert_fails(&mut connection, &bytes, ProtocolError::UnexpectedContinuation, "after a fragmented message");
        }
    }
}

#[test]
fn f15_fragments_of_any_size_make_a_message_of_the_first_type() {
    let parts: [&[&str]; 6] =
        [&[""], &["", ""], &["a", "", "b"], &["", "", "", "x"], &["x", "", ""], &["one", "two", "three", "four"]];
    for role in ROLES {
        for parts in parts {
            for opcode in [Raw::TEXT, Raw::BINARY] {
                let mut frames: Vec<Raw> = parts.iter().map(|part| fragment(part).more()).collect();
                frames[0].first |= opcode;
                frames.last_mut().unwrap().first |= 0x80;
                let whole = parts.concat();
                let expected =
                    if opcode == Raw::TEXT { text_message(&whole) } else { binary_message(whole.as_bytes()) };
                let mut connection = established(role, Config::default());
                assert_eq!(peer_sends(&mut connection, frames), [expected], "{parts:?} to a {role:?}");
            }
        }
    }
}

#[test]
fn f19_an_unsolicited_pong_is_reported_and_not_answered() {
    for role in ROLES {
        for len in [0, 1, 125] {
            let payload = vec![7; len];
            let mut connection = established(role, Config::default());
            let events = peer_sends(&mut connection, [Raw::new(Raw::PONG, &payload)]);
            assert_eq!(events, [Event::Pong(payload.into())]);
            assert_eq!((connection.output(), connection.phase()), (&[][..], Phase::Open));
        }
    }
}

#[test]
fn f21_the_frame_limit_is_exact_and_checked_before_the_payload() {
    let config = config(|config| config.max_frame_bytes = 10);
    for role in ROLES {
        let mut connection = established(role, config.clone());
        let frames = [
            Raw::new(Raw::BINARY, [0; 10]),
            Raw::new(Raw::BINARY, [1; 10]).more(),
            Raw::new(Raw::PING, [2; 125]),
            fragment([1; 10]),
        ];
        let expected = [binary_message(&[0; 10]), Event::Ping(vec![2; 125].into()), binary_message(&[1; 20])];
        assert_eq!(peer_sends(&mut connection, frames), expected, "{role:?}");
        sent(&mut connection);

        let error = ProtocolError::FrameTooLarge { size: 11, limit: 10 };
        let frame = Raw::new(Raw::BINARY, [0; 11]).for_endpoint(role);
        assert_fails(&mut connection, &frame[..frame.len() - 11], error, &format!("{role:?}"));
    }
}

#[test]
fn f21_the_message_limit_counts_all_fragments_before_their_payload() {
    let config = config(|config| config.max_message_bytes = 10);
    for role in ROLES {
        for sizes in [&[11][..], &[10, 1], &[4, 0, 6, 1], &[6, 5], &[0, 0, 11], &[10, 0, 0, 2]] {
            let case = format!("fragments of {sizes:?} bytes to a {role:?}");
            let mut connection = established(role, config.clone());
            let whole = [Raw::new(Raw::TEXT, [b'x'; 10]), Raw::new(Raw::TEXT, [b'y'; 4]).more(), fragment([b'y'; 6])];
            let expected = [text_message("xxxxxxxxxx"), text_message("yyyyyyyyyy")];
            assert_eq!(peer_sends(&mut connection, whole), expected, "{case}: no byte counts twice");

            let mut frames: Vec<Raw> = sizes.iter().map(|size| fragment(vec![b'z'; *size]).more()).collect();
            frames[0].first |= Raw::TEXT;
            let last = frames.pop().unwrap();
            assert_eq!(peer_sends(&mut connection, frames), [], "{case}");
            let error = ProtocolError::MessageTooLarge { size: sizes.iter().sum::<usize>() as u64, limit: 10 };
            let bytes = last.clone().for_endpoint(role);
            assert_fails(&mut connection, &bytes[..bytes.len() - last.payload.len()], error, &case);
        }
    }
}

#[test]
fn f21_a_message_limit_of_0_allows_empty_messages() {
    let config = config(|config| {
        config.max_frame_bytes = 0;
        config.max_message_bytes = 0;
    });
    for role in ROLES {
        let mut connection = established(role, config.clone());
        assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "")]), [text_message("")]);
    }
}

#[test]
fn f21_the_fragment_limit_is_exact_and_counts_empty_fragments() {
    let config = config(|config| config.max_fragments = 3);
    for role in ROLES {
        let mut connection = established(role, config.clone());
        for _ in 0..2 {
            let frames = [
                Raw::new(Raw::TEXT, "").more(),
                fragment("").more(),
                Raw::new(Raw::PING, ""),
                Raw::new(Raw::PONG, ""),
                fragment(""),
            ];
            let expected = [Event::Ping(b"".into()), Event::Pong(b"".into()), text_message("")];
            assert_eq!(peer_sends(&mut connection, frames), expected, "{role:?}");
            sent(&mut connection);
        }
        let frames = [Raw::new(Raw::TEXT, "").more(), fragment("").more(), fragment("").more()];
        assert_eq!(peer_sends(&mut connection, frames), []);
        let error = ProtocolError::TooManyFragments { limit: 3 };
        assert_fails(&mut connection, &fragment("").for_endpoint(role), error, &format!("{role:?}"));
    }
}

#[test]
fn f21_a_fragment_limit_of_0_allows_no_message() {
    let config = config(|config| config.max_fragments = 0);
    for role in ROLES {
        let mut connection = established(role, config.clone());
        assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::PONG, "")]), [Event::Pong(b"".into())]);
        let error = ProtocolError::TooManyFragments { limit: 0 };
        assert_fails(&mut connection, &Raw::new(Raw::TEXT, "whole").for_endpoint(role), error, &format!("{role:?}"));
    }
}

#[test]
fn f22_a_message_that_is_whole_in_the_buffer_is_lent() {
    let frames = [
        Raw::new(Raw::TEXT, "text"),
        Raw::new(Raw::BINARY, "binary"),
        Raw::new(Raw::PING, "ping"),
        Raw::new(Raw::PONG, "pong"),
        Raw::new(Raw::TEXT, ""),
    ];
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let mut buffer: Vec<u8> = frames.clone().into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        let range = buffer.as_ptr_range();
        let mut input = buffer.as_mut_slice();
        let mut lent = 0;
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            let (Event::Message(Message::Text(Cow::Borrowed(_)) | Message::Binary(Cow::Borrowed(_)))
            | Event::Ping(Cow::Borrowed(_))
            | Event::Pong(Cow::Borrowed(_))) = &event
            else {
                panic!("{event:?} is owned or unexpected")
            };
            if let Event::Message(message) = event {
                let bytes = message.as_bytes();
                assert!(bytes.is_empty() || range.contains(&bytes.as_ptr()), "{message:?} is not in the buffer");
                connection.send(&message).expect("the event does not borrow from the connection");
            }
            lent += 1;
        }
        assert_eq!(lent, frames.len());
    }
}

#[test]
fn the_length_of_a_message_is_its_length_in_bytes() {
    for (message, len) in [(Message::from(""), 0), ("t".into(), 1), ("\u{20ac}".into(), 3), (vec![0; 130].into(), 130)]
    {
        assert_eq!((message.len(), message.is_empty(), message.as_bytes().len()), (len, len == 0, len), "{message:?}");
    }
}

#[test]
fn f22_a_message_across_reads_or_frames_is_owned() {
    for role in ROLES {
        for opcode in [Raw::TEXT, Raw::BINARY] {
            let one = Raw::new(opcode, "straddles").for_endpoint(role);
            let two = [Raw::new(opcode, "strad").more(), fragment("dles")].map(|frame| frame.for_endpoint(role));
            for (first, second) in [(&one[..one.len() - 1], &one[one.len() - 1..]), (&[], &two.concat())] {
                let mut connection = established(role, Config::default());
                assert_eq!(feed(&mut connection, first), []);
                let mut buffer = second.to_vec();
                let event = connection.receive(&mut buffer.as_mut_slice(), Instant::now());
                let Some(Event::Message(Message::Text(Cow::Owned(_)) | Message::Binary(Cow::Owned(_)))) = &event else {
                    panic!("{event:?} is lent")
                };
            }
        }
    }
}

#[test]
fn f24_the_events_do_not_depend_on_how_the_bytes_are_cut() {
    let frames = [
        Raw::new(Raw::TEXT, "\u{e9}t\u{e9}").more(),
        Raw::new(Raw::PING, "p"),
        fragment("\u{20ac}"),
        Raw::new(Raw::BINARY, vec![9; 130]),
        Raw::new(Raw::PONG, ""),
        Raw::close(4001, "bye"),
        Raw::new(Raw::TEXT, "late"),
    ];
    for role in ROLES {
        let wire: Vec<u8> = frames.clone().into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        let run = |pieces: &[&[u8]]| {
            let mut connection = established(role, Config::default());
            let events: Vec<_> = pieces.iter().flat_map(|piece| feed(&mut connection, piece)).collect();
            (events, connection.output().to_vec(), connection.phase())
        };
        let expected = run(&[&wire]);
        assert_eq!(expected.0.len(), 5, "{:?}", expected.0);
        for first in 0..wire.len() {
            for second in (first..wire.len()).step_by(7) {
                let pieces = [&wire[..first], &wire[first..second], &wire[second..]];
                assert_eq!(run(&pieces), expected, "cut at {first} and {second}, to a {role:?}");
            }
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(run(&bytes), expected, "byte by byte to a {role:?}");
        assert_eq!(role == Role::Client, expected.1[1] & 0x80 != 0, "the automatic replies are masked by a client");
    }
}
