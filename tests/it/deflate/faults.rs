//! Payloads that are wrong: always 1007, 1009 or a message, and the same however they come.

use super::{
    BOTH_WAYS, NO_TAKEOVER, all, binary, compressing, compressing_with, deflated, feed_by, noise, records, text,
};
use crate::support::{
    ROLES, Raw, assert_fails,
    blocks::{Blocks, Part},
    walker::walk_message,
};
use statesocket::{Cause, Config, Delivery, Event, OutputBuffer, ProtocolError, Role};

/// Hands in a message in pieces of several lengths. Returns what comes of it, which is the same each time.
#[track_caller]
fn outcome(role: Role, payload: &[u8], change: impl Fn(&mut Config)) -> Result<Vec<u8>, u16> {
    let bytes = text(payload).for_endpoint(role);
    let of = |len| {
        let mut connection = compressing(role, BOTH_WAYS, &change);
        let events = feed_by(&mut connection, &bytes, len);
        let result = match events.as_slice() {
            [Event::Message(message)] => Ok(message.as_bytes().to_vec()),
            [Event::Disconnect(end)] => {
                assert!(matches!(end.cause, Cause::Protocol(_)), "{end:?}");
                Err(u16::from(end.sent.as_ref().expect("a Close answers it").code))
            }
            other => panic!("{other:?}"),
        };
        (result, all(&mut connection))
    };
    let whole = of(bytes.len());
    for len in [1, 50] {
        assert_eq!(of(len), whole, "{payload:x?} by {len}");
    }
    whole.0
}

/// What a second reading of DEFLATE and of UTF-8 makes of it.
fn expected(payload: &[u8]) -> Result<Vec<u8>, u16> {
    let text = walk_message(payload, &[]).map_err(|_| 1007_u16)?.text;
    String::from_utf8(text).map(String::into_bytes).map_err(|_| 1007)
}

#[test]
fn d17_every_prefix_of_a_payload_is_1007_or_a_shorter_message() {
    let payload = deflated(records(1, 300).as_bytes());
    let mut wrong = 0;
    for len in 0..=payload.len() {
        let outcome = outcome(ROLES[len % 2], &payload[..len], |_| {});
        assert_eq!(outcome, expected(&payload[..len]), "{len} bytes");
        wrong += usize::from(outcome == Err(1007));
    }
    assert!(wrong > payload.len() - 5, "{wrong} of {}", payload.len());
}

#[test]
fn d17_every_bit_flip_in_a_payload_is_1007_or_another_message() {
    let payload = deflated(records(1, 60).as_bytes());
    let mut counts = [0; 2];
    for at in 0..8 * payload.len() {
        let mut flipped = payload.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let outcome = outcome(ROLES[at % 2], &flipped, |_| {});
        assert_eq!(outcome, expected(&flipped), "bit {at}");
        counts[usize::from(outcome.is_ok())] += 1;
    }
    assert!(counts[0] > 50 && counts[1] > 10, "{counts:?}");
}

#[test]
fn d17_junk_is_1007_1009_or_a_message() {
    let mut seen = [0; 3];
    for seed in 0..200 {
        let junk = noise(seed + 1, 1 + seed as usize % 90);
        let small = |config: &mut Config| (config.max_message_bytes, config.max_frame_bytes) = (20, 20);
        let limited = outcome(ROLES[seed as usize % 2], &junk, small);
        match (limited, expected(&junk)) {
            (Ok(text), expected) => {
                assert_eq!(expected, Ok(text));
                seen[0] += 1;
            }
            (Err(1009), _) => seen[1] += 1,
            (Err(code), expected) => {
                assert_eq!((code, expected), (1007, Err(1007)), "{junk:x?}");
                seen[2] += 1;
            }
        }
    }
    assert!(seen[1] > 2 && seen[2] > 50, "{seen:?}");
}

#[test]
fn d17_a_payload_that_ends_within_a_block_or_behind_its_tail_is_1007() {
    let stored = Blocks::default().stored(false, b"Hello");
    let cases = [
        ("no byte for the empty block", stored.clone().unfinished()),
        ("a stored block that lacks a byte", stored.clone().unfinished()[..9].to_vec()),
        ("a wrong length", vec![0x00, 0x05, 0x00, 0xFA, 0xFE, b'H']),
        ("a kind that there is not", vec![0x06]),
        ("a distance of nothing", Blocks::default().fixed(false, &[Part::Copy { len: 3, distance: 1 }]).message()),
        ("what the sender had to remove", [stored.message(), vec![0x00, 0x00, 0xFF, 0xFF]].concat()),
    ];
    for role in ROLES {
        for (case, payload) in &cases {
            assert_eq!(outcome(role, payload, |_| {}), Err(1007), "{case}");
            let bytes = binary(payload).for_endpoint(role);
            let mut connection = compressing(role, BOTH_WAYS, |_| {});
            assert_fails(&mut connection, &bytes, ProtocolError::CorruptDeflate, case);
        }
    }
}

/// In chunks, the text before a fault comes first, and the end is the same.
#[test]
fn d17_the_text_before_a_fault_comes_in_chunks_however_it_is_cut() {
    let before = records(9, 100_000);
    let good = deflated(before.as_bytes());
    let broken = [&good[..], &[0x00, 0x00, 0xFF, 0xFF, 0x06], &[0; 9]].concat();
    for role in ROLES {
        let bytes = text(&broken).for_endpoint(role);
        for len in [bytes.len(), 1, 1_000] {
            let mut connection = compressing(role, BOTH_WAYS, |config| config.delivery = Delivery::Chunks);
            let events = feed_by(&mut connection, &bytes, len);
            let (last, chunks) = events.split_last().unwrap();
            let Event::Disconnect(end) = last else { panic!("{last:?}") };
            assert_eq!(end.cause, Cause::Protocol(ProtocolError::CorruptDeflate));
            let text: Vec<u8> = chunks
                .iter()
                .flat_map(|chunk| match chunk {
                    Event::Chunk { data, is_last: false } => data.as_bytes().to_vec(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(text, before.as_bytes(), "by {len}");
        }
    }
}

/// One inflater serves all connections of a loop.
#[test]
fn a_message_cannot_refer_to_the_text_of_another_connection() {
    let secret = text(deflated("the token is 5d41402abc4b2a76, and it is repeated: 5d41402abc4b2a76".as_bytes()));
    for role in ROLES {
        for (victim, attacker) in [(BOTH_WAYS, BOTH_WAYS), (BOTH_WAYS, NO_TAKEOVER), (NO_TAKEOVER, BOTH_WAYS)] {
            for (distance, len) in (1..=68).map(|distance| (distance, 3)).chain([(68, 60), (40, 40), (32_000, 10)]) {
                let mut buffer = OutputBuffer::default();
                let mut victim = compressing(role, victim, |_| {});
                victim.lend_buffer(&mut buffer);
                let events = feed_by(&mut victim, &secret.clone().for_endpoint(role), 1_000);
                assert_eq!(events.len(), 1);
                victim.reclaim_buffer(&mut buffer);
                let mut attacker = compressing(role, attacker, |_| {});
                attacker.lend_buffer(&mut buffer);
                let reference = Blocks::default().fixed(false, &[Part::Copy { len, distance }]).message();
                let bytes = text(&reference).for_endpoint(role);
                assert_fails(&mut attacker, &bytes, ProtocolError::CorruptDeflate, "another's text");
            }
        }
    }
}

/// Nor does what is sent: one compressor serves all connections of a loop, too.
#[test]
fn a_message_does_not_refer_to_what_another_connection_has_sent() {
    let same = records(4, 400);
    for role in ROLES {
        let mut buffer = OutputBuffer::default();
        for answer in [BOTH_WAYS, NO_TAKEOVER, BOTH_WAYS] {
            let mut connection = compressing_with(role, answer, |deflate| deflate.threshold = Some(0));
            connection.lend_buffer(&mut buffer);
            connection.send_text(&same).unwrap();
            let bytes = all(&mut connection);
            let frame = Raw::parse(&mut &bytes[..]);
            assert_eq!(super::inflate_alone(&frame), same.as_bytes(), "{answer}");
            connection.reclaim_buffer(&mut buffer);
        }
    }
}
