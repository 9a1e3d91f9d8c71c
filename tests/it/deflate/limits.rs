//! The limits count plain bytes, and bound those on the wire.

use super::{BOTH_WAYS, all, binary, compressing, deflated, feed_by, payloads, records, text};
use crate::support::{
    ROLES, Raw, assert_fails,
    blocks::{Blocks, Part},
    disconnect_in, feed, peer_sends,
};
use statesocket::{Cause, Config, Connection, Delivery, Event, Message, ProtocolError, Role};
use std::time::Instant;

const EMPTY_BLOCK: [u8; 5] = [0x00, 0x00, 0x00, 0xFF, 0xFF];

fn limited(role: Role, limit: u64) -> Connection {
    compressing(role, BOTH_WAYS, |config| (config.max_message_bytes, config.max_frame_bytes) = (limit, limit))
}

#[test]
fn d17_a_message_of_the_limit_comes_and_one_of_a_byte_more_is_1009() {
    for limit in [1, 5, 4_000, 65_535, 65_536, 65_537] {
        let longer = records(7, limit + 1);
        for role in ROLES {
            let exact = text(deflated(&longer.as_bytes()[..limit])).for_endpoint(role);
            let over = text(deflated(longer.as_bytes())).for_endpoint(role);
            for len in [usize::MAX, 1, 1_000] {
                let events = feed_by(&mut limited(role, limit as u64), &exact, len);
                assert_eq!(payloads(&events), [&longer.as_bytes()[..limit]], "{limit} by {len}");
                let mut connection = limited(role, limit as u64);
                let events = feed_by(&mut connection, &over, len);
                let end = disconnect_in(&events);
                let (size, limit) = (limit as u64 + 1, limit as u64);
                let error = ProtocolError::MessageTooLarge { size, limit };
                assert_eq!((events.len(), end.cause), (1, Cause::Protocol(error)), "{limit} by {len}");
                assert_eq!(end.sent.map(|close| close.code.into()), Some(1009));
            }
        }
    }
}

#[test]
fn d17_a_limit_of_nothing_lets_empty_messages_come() {
    for role in ROLES {
        let events = peer_sends(&mut limited(role, 0), [text([0x00]), text([0x03, 0x00]), text("")]);
        assert_eq!(payloads(&events), [b""; 3]);
        let bytes = text(Blocks::default().stored(false, b"x").message()).for_endpoint(role);
        let error = ProtocolError::MessageTooLarge { size: 1, limit: 0 };
        assert_fails(&mut limited(role, 0), &bytes, error, "one byte");
    }
}

/// The same text, whatever is behind it.
#[test]
fn d17_what_is_over_the_limit_counts_before_a_fault_behind_it() {
    for (name, len, code) in [("within", 100, 1007), ("over", 101, 1009)] {
        let broken = [Blocks::default().stored(false, &vec![b'a'; len]).unfinished(), vec![0x06; 9]].concat();
        for role in ROLES {
            let bytes = text(&broken).for_endpoint(role);
            for by in [bytes.len(), 1, 7] {
                let end = disconnect_in(&feed_by(&mut limited(role, 100), &bytes, by));
                assert_eq!(end.sent.map(|close| close.code.into()), Some(code), "{name} by {by}");
            }
        }
    }
}

/// Random bytes become longer, and blocks may be empty.
#[test]
fn a_payload_may_be_longer_than_its_text_up_to_a_limit_of_its_own() {
    let (limit, most) = (800, 800 + 100 + 64);
    let stored = EMPTY_BLOCK.repeat(192);
    let longest = [&stored[..], &[0x03, 0x00, 0x03, 0x00]].concat();
    for role in ROLES {
        assert_eq!(longest.len(), most);
        assert_eq!(payloads(&peer_sends(&mut limited(role, limit), [text(&longest)])), [b""]);
        let error = ProtocolError::FrameTooLarge { size: most as u64 + 1, limit: most as u64 };
        let bytes = text(vec![0; most + 1]).for_endpoint(role);
        assert_fails(&mut limited(role, limit), &bytes, error, "one frame");

        let error = ProtocolError::MessageTooLarge { size: most as u64 + 1, limit: most as u64 };
        let (first, second) = longest.split_at(500);
        let frames = [text(first).more(), Raw::new(Raw::CONTINUATION, [second, &[0]].concat())];
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        assert_fails(&mut limited(role, limit), &bytes, error, "two frames");
        // A plain message has the limit itself.
        let error = ProtocolError::FrameTooLarge { size: limit + 1, limit };
        let bytes = Raw::new(Raw::TEXT, "a".repeat(limit as usize + 1)).for_endpoint(role);
        assert_fails(&mut limited(role, limit), &bytes, error, "a plain one");
    }
}

#[test]
fn the_number_of_fragments_is_limited() {
    for role in ROLES {
        let most = |config: &mut Config| config.max_fragments = 3;
        let fragments = |n: usize| {
            let first = text(EMPTY_BLOCK).more();
            let more = vec![Raw::new(Raw::CONTINUATION, EMPTY_BLOCK).more(); n - 2];
            [first].into_iter().chain(more).chain([Raw::new(Raw::CONTINUATION, [0x00])])
        };
        let mut connection = compressing(role, BOTH_WAYS, most);
        assert_eq!(payloads(&peer_sends(&mut connection, fragments(3))), [b""]);
        let end = disconnect_in(&peer_sends(&mut connection, fragments(4)));
        assert_eq!(end.cause, Cause::Protocol(ProtocolError::TooManyFragments { limit: 3 }));
    }
}

/// Other limits were checked once all was inflated.
#[test]
fn d17_a_bomb_of_a_gibibyte_stops_at_the_limit() {
    let payload = bomb(1 << 30);
    for role in ROLES {
        let bytes = binary(&payload).for_endpoint(role);
        assert!(bytes.len() < 7 << 20);
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            let mut connection = compressing(role, BOTH_WAYS, |config| config.delivery = delivery);
            let events = feed_by(&mut connection, &bytes[..120_000], 10_000);
            let end = disconnect_in(&events);
            let error = ProtocolError::MessageTooLarge { size: (16 << 20) + 1, limit: 16 << 20 };
            assert_eq!(end.cause, Cause::Protocol(error));
            let handed_out: usize = events.iter().map(len).sum();
            assert_eq!(handed_out, if delivery == Delivery::Chunks { 16 << 20 } else { 0 });
            assert!(connection.buffered_bytes() < 1 << 10, "nothing is left: {}", connection.buffered_bytes());
        }
    }
}

fn len(event: &Event<'_>) -> usize {
    if let Event::Chunk { data, .. } = event { data.len() } else { 0 }
}

/// `len` zeros.
fn bomb(len: usize) -> Vec<u8> {
    // Eight copies of 258 bytes take thirteen bytes.
    let eight = [Part::Copy { len: 258, distance: 1 }; 8];
    let start = Blocks::default().fixed(false, &[Part::Text(&[0])]);
    let body = [&[Part::Text(&[0])][..], &eight, &eight].concat();
    let block = Blocks::default().fixed(false, &body).unfinished();
    assert!(start.unfinished().len() < block.len());
    let again = &block[block.len() - 15..][..13];
    let times = len / (8 * 258) + 1;
    let mut bytes = block[..block.len() - 15].to_vec();
    bytes.reserve(13 * times);
    (0..times).for_each(|_| bytes.extend(again));
    bytes
}

#[test]
fn a_million_empty_blocks_are_an_empty_message() {
    let payload = EMPTY_BLOCK.repeat(1_000_000);
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let bytes = text([&payload[..], &[0x00]].concat()).for_endpoint(role);
        assert_eq!(payloads(&feed_by(&mut connection, &bytes, 60_000)), [b""]);
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

/// The bytes of a message are held until an inflater is worth its memory.
#[test]
fn buffered_bytes_counts_what_is_held_and_the_inflater() {
    const INFLATER: usize = 47_552;
    let payload = deflated(records(5, 40_000).as_bytes());
    assert!(payload.len() > 8_000);
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let bytes = binary(&payload).for_endpoint(role);
        let head = bytes.len() - payload.len();
        assert_eq!(feed(&mut connection, &bytes[..head + 1]), []);
        assert!((1..100).contains(&connection.buffered_bytes()), "{} for a byte", connection.buffered_bytes());
        assert_eq!(feed_by(&mut connection, &bytes[head + 1..head + 4_095], 1), []);
        assert!((4_095..9_000).contains(&connection.buffered_bytes()), "{} for 4 KiB", connection.buffered_bytes());
        assert_eq!(feed(&mut connection, &bytes[head + 4_095..head + 4_096]), []);
        let held = connection.buffered_bytes();
        assert!((INFLATER..INFLATER + 80_000).contains(&held), "{held} with an inflater");
        let mut rest = bytes[head + 4_096..].to_vec();
        let event = connection.receive(&mut &mut rest[..], Instant::now()).map(Event::into_owned);
        assert_eq!(event, Some(Event::Message(Message::from(records(5, 40_000).into_bytes()))));
        assert_eq!(connection.buffered_bytes(), 0, "nothing is unfinished");
        assert_eq!(all(&mut connection), b"");
    }
}
