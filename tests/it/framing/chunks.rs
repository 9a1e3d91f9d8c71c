//! Messages in chunks, as their bytes arrive: `Delivery::Chunks`.

use super::fragment;
use crate::support::{ROLES, Raw, assert_fails, config, established, feed, peer_sends, sent};
use statesocket::{Config, Delivery, Event, Message, ProtocolError};
use std::{borrow::Cow, time::Instant};

fn chunks() -> Config {
    config(|config| config.delivery = Delivery::Chunks)
}

fn text(data: &str, is_last: bool) -> Event<'_> {
    Event::Chunk { data: data.into(), is_last }
}

fn binary(data: &[u8], is_last: bool) -> Event<'_> {
    Event::Chunk { data: data.into(), is_last }
}

#[test]
fn f22_a_chunk_holds_the_bytes_read_and_only_the_last_one_is_last() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "whole")]), [text("whole", true)]);
        let frames =
            [Raw::new(Raw::BINARY, [1, 2]).more(), Raw::new(Raw::PING, "p"), fragment([3]).more(), fragment([4])];
        let expected = [binary(&[1, 2], false), Event::Ping(b"p".into()), binary(&[3], false), binary(&[4], true)];
        assert_eq!(peer_sends(&mut connection, frames), expected, "{role:?}");
    }
}

#[test]
fn f22_chunks_of_one_frame_arrive_byte_by_byte() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        let wire = Raw::new(Raw::TEXT, "abc").for_endpoint(role);
        let events: Vec<_> = wire.chunks(1).flat_map(|byte| feed(&mut connection, byte)).collect();
        assert_eq!(events, [text("a", false), text("b", false), text("c", true)], "{role:?}");
    }
}

#[test]
fn f15_an_empty_message_is_one_empty_last_chunk() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        let frames = [
            Raw::new(Raw::TEXT, ""),
            Raw::new(Raw::BINARY, ""),
            Raw::new(Raw::TEXT, "").more(),
            fragment("").more(),
            fragment(""),
            Raw::new(Raw::BINARY, "x").more(),
            fragment(""),
        ];
        let expected = [text("", true), binary(b"", true), text("", true), binary(b"x", false), binary(b"", true)];
        assert_eq!(peer_sends(&mut connection, frames), expected, "{role:?}");
    }
}

#[test]
fn f16_every_chunk_of_text_ends_between_code_points() {
    let whole = "\u{e9}\u{20ac}\u{1f600}!";
    for role in ROLES {
        let mut connection = established(role, chunks());
        let wire = Raw::new(Raw::TEXT, whole).for_endpoint(role);
        let events: Vec<_> = wire.chunks(1).flat_map(|byte| feed(&mut connection, byte)).collect();
        let expected = [text("\u{e9}", false), text("\u{20ac}", false), text("\u{1f600}", false), text("!", true)];
        assert_eq!(events, expected, "byte by byte to a {role:?}");

        for split in 0..=whole.len() {
            let (first, second) = whole.as_bytes().split_at(split);
            let frames = [Raw::new(Raw::TEXT, first).more(), fragment(second)];
            let events = peer_sends(&mut connection, frames);
            let joined: String = events.iter().map(|event| chunk_text(event)).collect();
            assert_eq!(joined, whole, "fragments split at {split} to a {role:?}");
            let last: Vec<bool> =
                events.iter().map(|event| matches!(event, Event::Chunk { is_last: true, .. })).collect();
            assert_eq!(last.iter().position(|is_last| *is_last), Some(last.len() - 1), "{events:?}");
        }
    }
}

fn chunk_text<'a>(event: &'a Event<'_>) -> &'a str {
    let Event::Chunk { data, .. } = event else { panic!("{event:?} is not a chunk") };
    data.as_text().expect("a chunk of a text is text")
}

#[test]
fn f16_chunks_before_an_invalid_byte_are_reported() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        let frame = Raw::new(Raw::TEXT, b"good\xE2\x82\xFF....").for_endpoint(role);
        let (good, bad) = frame.split_at(frame.len() - 5);
        assert_eq!(feed(&mut connection, good), [text("good", false)], "{role:?}");
        assert_fails(&mut connection, bad, ProtocolError::InvalidText, &format!("{role:?}"));

        let mut connection = established(role, chunks());
        let events = peer_sends(&mut connection, [Raw::new(Raw::TEXT, b"good\xE2\x82").more()]);
        assert_eq!(events, [text("good", false)]);
        let end = fragment("").for_endpoint(role);
        assert_fails(&mut connection, &end, ProtocolError::InvalidText, "a message that ends inside a code point");
    }
}

#[test]
fn f21_the_limits_apply_to_chunks() {
    let config = config(|config| {
        config.delivery = Delivery::Chunks;
        config.max_frame_bytes = 8;
        config.max_message_bytes = 10;
        config.max_fragments = 3;
    });
    for role in ROLES {
        let first = Raw::new(Raw::BINARY, [0; 8]).more();
        for (next, error) in [
            (fragment([0; 9]), ProtocolError::FrameTooLarge { size: 9, limit: 8 }),
            (fragment([0; 3]), ProtocolError::MessageTooLarge { size: 11, limit: 10 }),
        ] {
            let mut connection = established(role, config.clone());
            assert_eq!(peer_sends(&mut connection, [first.clone()]), [binary(&[0; 8], false)]);
            assert_fails(&mut connection, &next.for_endpoint(role), error, &format!("{error} to a {role:?}"));
        }
        let mut connection = established(role, config.clone());
        let empty = [Raw::new(Raw::BINARY, "").more(), fragment("").more(), fragment("").more()];
        assert_eq!(peer_sends(&mut connection, empty), []);
        let error = ProtocolError::TooManyFragments { limit: 3 };
        assert_fails(&mut connection, &fragment("").for_endpoint(role), error, &format!("{role:?}"));
    }
}

#[test]
fn f22_chunks_are_lent_unless_a_code_point_is_completed() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        let frames = [Raw::new(Raw::TEXT, b"\xE2\x82").more(), fragment(b"\xACuro")];
        let [mut begun, mut rest] = frames.map(|frame| frame.for_endpoint(role));
        assert_eq!(connection.receive(&mut begun.as_mut_slice(), Instant::now()), None);
        let event = connection.receive(&mut rest.as_mut_slice(), Instant::now());
        assert_eq!(event, Some(text("\u{20ac}uro", true)), "{role:?}");

        let mut whole = Raw::new(Raw::BINARY, "lent").more().for_endpoint(role);
        let event = connection.receive(&mut whole.as_mut_slice(), Instant::now());
        let Some(Event::Chunk { data: Message::Binary(Cow::Borrowed(b"lent")), is_last: false }) = event else {
            panic!("{event:?}")
        };
    }
}

#[test]
fn c18_a_close_ends_a_message_that_was_reported_in_chunks() {
    for role in ROLES {
        let mut connection = established(role, chunks());
        let frames = [Raw::new(Raw::TEXT, "beginning").more(), Raw::close(1001, "")];
        let events = peer_sends(&mut connection, frames);
        assert!(
            matches!(events.as_slice(), [Event::Chunk { is_last: false, .. }, Event::Disconnect(end)] if end.is_clean),
            "{events:?}"
        );
        assert_eq!(sent(&mut connection), [Raw::close(1001, "")]);
    }
}
