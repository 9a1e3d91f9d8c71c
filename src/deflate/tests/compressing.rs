//! Sent messages.

use super::*;
use crate::deflate::{
    compress::{self, can_share, compress_alone},
    compressor::{Compressor, Kind},
    history::History,
};
use std::borrow::Cow;

/// Two messages that differ in a few bytes, and one that nothing compresses.
fn a_b_and_noise() -> [Vec<u8>; 3] {
    [records(1, 1_000), records(1, 990), noise(1, 1_000)]
}

#[test]
fn a_message_is_smaller_with_the_history_and_ends_at_a_byte() {
    let [a, b, _] = a_b_and_noise();
    for level in 1..=9 {
        let mut engines = Engines::default();
        let mut sending = Sending::new(level, 15, Some(12));
        let first = compress(&mut sending, &mut engines, &a);
        assert_eq!(walk(&first, &[]).text, a);
        let second = compress(&mut sending, &mut engines, &b);
        let walked = walk(&second, &a);
        assert_eq!(walked.text, b);
        assert!(second.len() < 100 && walked.farthest > 900, "{level}: {} bytes, {walked:?}", second.len());
        // Without takeover each is the first.
        let mut sending = Sending::new(level, 15, None);
        assert_eq!([(); 2].map(|()| compress(&mut sending, &mut engines, &a)), [first.clone(), first]);
    }
}

/// A message that leaves uncompressed enters no window: not that of the peer, so not ours. Others had every later
/// message corrupt.
#[test]
fn a_message_that_does_not_become_shorter_changes_nothing() {
    let [a, b, noise] = a_b_and_noise();
    let long = super::noise(2, 200_000);
    for history in [Some(12), None] {
        for level in [1, 6, 9] {
            let (mut engines, mut other) = (Engines::default(), Engines::default());
            let (mut sending, mut undisturbed) = (Sending::new(level, 15, history), Sending::new(level, 15, history));
            let mut receiving = Receiving::new(15, history.is_some());
            for n in 0..3 {
                let payload = compress(&mut sending, &mut engines, &a);
                assert_eq!(inflate(&mut receiving, &mut other, &payload).unwrap(), a);
                for refused in [&noise[..], &noise[..20], &noise[..1], &[], &long, &b"Hello"[..]] {
                    assert_eq!(sending.compress(&mut engines, refused), None, "{} bytes", refused.len());
                }
                let payload = compress(&mut sending, &mut engines, &b);
                assert_eq!(
                    inflate(&mut receiving, &mut other, &payload).unwrap(),
                    b,
                    "level {level}, {history:?}, {n}"
                );
                compress(&mut undisturbed, &mut other, &a);
                compress(&mut undisturbed, &mut other, &b);
                assert_eq!(sending.held_bytes(), undisturbed.held_bytes());
            }
        }
    }
}

/// The library panics for a compressor whose last result was not taken to its end.
#[test]
fn a_compressor_that_was_given_up_is_replaced() {
    for level in [1, 6, 9] {
        let (mut engines, mut sending) = (Engines::default(), Sending::new(level, 15, None));
        for len in [10, 1_000, 20_000, 60_000, 65_000, 65_536] {
            for n in 0..5 {
                assert_eq!(sending.compress(&mut engines, &noise(n, len)), None);
            }
            let text: Vec<u8> = noise(1, 200_000).iter().map(|byte| byte & 15).collect();
            let payload = compress(&mut sending, &mut engines, &text);
            assert!(inflate_alone(&payload).unwrap() == text, "{level} {len}");
        }
        assert_eq!(format!("{engines:?}").matches("Kind").count(), 1);
    }
}

/// Whoever sends in a row finds the compressor as it left it; whoever does not has the same text from its history.
#[test]
fn connections_that_take_turns_do_not_mix() {
    for window in [8, 9, 12, 15] {
        let mut engines = Engines::default();
        let mut ends: Vec<_> =
            (0..5).map(|_| (Sending::new(6, window, Some(window)), Receiving::new(window, true))).collect();
        let mut compressed = 0;
        for n in 0..200_u32 {
            let who = (n * n / 3 % 5) as usize;
            let text = records(who as u32, 60 + n as usize % 7 * 40);
            let (sending, receiving) = &mut ends[who];
            let Some(payload) = sending.compress(&mut engines, &text) else { continue };
            assert_eq!(inflate(receiving, &mut Engines::default(), &payload).unwrap(), text, "{window} {n}");
            compressed += 1;
        }
        assert!(compressed > 150, "{compressed} with {window} bits");
    }
}

/// The sizes at which the result fills the memory that it is given, to the byte.
#[test]
fn a_result_is_whole_and_ends_with_one_marker_in_any_memory() {
    let kind = Kind { level: 6, bits: 15 };
    let text = records(1, 4_000);
    let mut compressor = Compressor::new(kind).unwrap();
    let mut in_memory = |len: usize| {
        compressor.prime(&History::NONE);
        let mut scratch = vec![0xAA; len];
        compress::compress(&mut compressor, &History::NONE, &text, &mut scratch).unwrap().into_owned()
    };
    let expected = in_memory(8_000);
    assert!(expected.ends_with(&[0x00, 0x00, 0xFF, 0xFF]));
    for len in (64..2_000).step_by(37).chain(expected.len() - 80..expected.len() + 80) {
        let result = in_memory(len);
        assert_eq!(walk(&result[..result.len() - 4], &[]).text, text, "{len}");
        // Where a call ends exactly full there is one marker more, and no more than one.
        assert!(result == expected || result[..result.len() - 5] == expected, "{len}");
    }
}

#[test]
fn a_long_result_has_memory_of_its_own() {
    for len in [65_536, 65_537, 100_000, 300_000, 2_000_000] {
        // Of 8 bits each has 4 of noise.
        let text: Vec<u8> = noise(len as u64, len).iter().map(|byte| byte & 15).collect();
        let (mut engines, mut sending) = (Engines::default(), Sending::new(6, 15, Some(12)));
        let payload = sending.compress(&mut engines, &text).unwrap();
        assert_eq!(matches!(payload, Cow::Owned(_)), payload.len() > 65_000, "{len}");
        assert!(payload.len() < len / 100 * 58, "{} of {len}", payload.len());
        let payload = payload.into_owned();
        assert!(inflate_alone(&payload).unwrap() == text);
    }
}

/// A sender need not refer back: each fragment is compressed with what the engine has then.
#[test]
fn fragments_are_one_message() {
    let texts = [records(1, 700), noise(1, 500), vec![], records(1, 700), noise(2, 150_000), noise(1, 500)];
    for history in [None, Some(9), Some(15)] {
        for level in [1, 6] {
            for count in 1..=texts.len() {
                let (mut engines, mut sending) = (Engines::default(), Sending::new(level, 15, history));
                let mut receiving = Receiving::new(15, history.is_some());
                for round in 0..2 {
                    let mut frames = Vec::new();
                    for (n, text) in texts[..count].iter().enumerate() {
                        if n % 2 == round {
                            engines = Engines::default();
                        }
                        let is_last = n + 1 == count;
                        let payload = sending.compress_fragment(&mut engines, text, is_last).into_owned();
                        assert!(payload.len() <= text.len() + 5 * text.len().div_ceil(65_535) + 1);
                        frames.push(payload);
                    }
                    let parts: Vec<_> = frames.iter().map(|frame| (&frame[..], Due::Now)).collect();
                    let parts = [&parts[..], &[(&[], Due::Last)]].concat();
                    let (text, result) = inflate_parts(&mut receiving, &mut Engines::default(), &parts, NO_LIMIT);
                    assert!(
                        result.is_ok() && text == texts[..count].concat(),
                        "{history:?} {level} {count} {result:?}"
                    );
                    // And a whole one behind it.
                    let payload = compress(&mut sending, &mut engines, &texts[0]);
                    assert_eq!(inflate(&mut receiving, &mut engines, &payload).unwrap(), texts[0]);
                }
            }
        }
    }
}

#[test]
fn a_shared_message_is_compressed_once_for_many() {
    let (mut engines, mut inflating) = (Engines::default(), Engines::default());
    let [a, b, noise] = a_b_and_noise();
    let shared = compress_alone(&mut engines, 6, &a).unwrap().into_owned();
    assert_eq!(walk(&shared, &[]).text, a);
    assert_eq!(compress_alone(&mut engines, 6, &noise), None);
    for window in 8..=15 {
        let mut sending = Sending::new(6, window, Some(window));
        let mut receiving = Receiving::new(window, true);
        assert_eq!([can_share(window, 1 << window), can_share(window, (1 << window) + 1)], [true, window == 15]);
        let mut send = |sending: &mut Sending, engines: &mut Engines, text: &[u8]| {
            let payload = compress(sending, engines, text);
            assert_eq!(inflate(&mut receiving, &mut inflating, &payload).unwrap(), text);
            payload.len()
        };
        send(&mut sending, &mut engines, &b);
        if can_share(window, a.len()) {
            sending.push(&a);
            assert_eq!(inflate(&mut receiving, &mut Engines::default(), &shared).unwrap(), a);
        }
    }
}

/// The compressor has seen other messages than the peer: it is not of this connection any more.
#[test]
fn a_compressor_that_has_not_seen_a_shared_message_loses_its_owner() {
    let (mut engines, [a, b, _]) = (Engines::default(), a_b_and_noise());
    let (mut sending, mut receiving) = (Sending::new(6, 15, Some(15)), Receiving::new(15, true));
    let first = noise(1, 300).repeat(2);
    let payload = compress(&mut sending, &mut engines, &first);
    inflate(&mut receiving, &mut Engines::default(), &payload).unwrap();
    let shared = compress_alone(&mut Engines::default(), 6, &a).unwrap().into_owned();
    sending.push(&a);
    inflate(&mut receiving, &mut Engines::default(), &shared).unwrap();
    // Distances that do not count the shared message would find other text.
    for text in [&first, &b] {
        let payload = compress(&mut sending, &mut engines, text);
        assert_eq!(&inflate(&mut receiving, &mut Engines::default(), &payload).unwrap(), text);
        assert!(payload.len() < 150, "the history has both");
    }
}

#[test]
fn what_was_sent_can_be_forgotten_at_any_time() {
    let (mut engines, [a, b, _]) = (Engines::default(), a_b_and_noise());
    let (mut sending, mut receiving) = (Sending::new(6, 15, Some(12)), Receiving::new(15, true));
    for n in 0..6 {
        for text in [&a, &b] {
            let payload = compress(&mut sending, &mut engines, text);
            assert_eq!(&inflate(&mut receiving, &mut Engines::default(), &payload).unwrap(), text);
        }
        sending = Sending::new(6, 15, Some(12));
        if n % 2 == 0 {
            engines = Engines::default();
        }
    }
}

#[test]
fn the_memory_of_a_connection_is_its_windows() {
    let mut engines = Engines::default();
    for bits in 8..=15 {
        let (mut sending, mut receiving) = (Sending::new(6, bits, Some(bits)), Receiving::new(bits, true));
        assert_eq!((sending.held_bytes(), receiving.held_bytes()), (0, 0));
        for n in 0..300 {
            let payload = sending.compress_fragment(&mut engines, &records(n, 10 * n as usize), true).into_owned();
            inflate(&mut receiving, &mut engines, &payload).unwrap();
            assert!(sending.held_bytes() <= 1 << bits && receiving.held_bytes() <= 1 << bits);
        }
        assert_eq!((sending.held_bytes(), receiving.held_bytes()), (1 << bits, 1 << bits));
    }
    let (mut sending, mut receiving) = (Sending::new(6, 15, None), Receiving::new(15, false));
    for n in 0..20 {
        let payload = compress(&mut sending, &mut engines, &records(n, 20_000 * n as usize + 500));
        inflate(&mut receiving, &mut engines, &payload).unwrap();
        inflate_by(&mut receiving, &mut engines, &payload, 1_000, NO_LIMIT).1.unwrap();
        assert_eq!((sending.held_bytes(), receiving.held_bytes()), (0, 0));
    }
}
