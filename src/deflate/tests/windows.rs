//! How far back sent messages refer.

use super::*;

#[test]
fn a_sender_in_a_row_refers_farther_back_than_its_history() {
    let [first, second] = [0, 1].map(|n| [noise(n, 1_000), records(n as u32, 1_000)].concat());
    for len in [1_000, 4_096, 4_097, 5_000] {
        let (mut engines, mut sending) = (Engines::default(), Sending::new(6, 15, Some(9)));
        for text in [&first, &second] {
            compress(&mut sending, &mut engines, text);
        }
        let text = [first[..1_000].to_vec(), vec![b'-'; len - 1_000]].concat();
        let payload = compress(&mut sending, &mut engines, &text);
        // A longer message begins behind the history: it would search the whole window.
        let goes_on = len <= 4_096;
        let before = [&first[..], &second].concat();
        let before = if goes_on { &before[..] } else { &before[before.len() - 512..] };
        assert_eq!(walk(&payload, before).text, text, "{len}");
        assert_eq!(payload.len() < 100, goes_on, "{} of {len}", payload.len());
    }
}

/// Section 7.1.2.1: the peer has no more than the agreed window. Random text refers far back if it may.
#[test]
fn no_distance_is_out_of_the_window() {
    for window in 8..=15_u8 {
        let size = 1_usize << window;
        for level in [1, 6, 9] {
            for history in [None, Some(window)] {
                let (mut engines, mut sending) = (Engines::default(), Sending::new(level, window, history));
                let (mut before, mut farthest) = (Vec::new(), 0);
                // What comes again comes at any distance. Of 8 bits each has 5 of noise: more would be given up.
                let base: Vec<_> = noise(window.into(), 2 * size).iter().map(|byte| byte & 31).collect();
                for n in 0..24 + 60 / (size >> 10).max(1) {
                    let at = n * 97 % (size / 2);
                    let long = &base[at..at + size / 2 + n * 211 % size];
                    let text = match n % 4 {
                        0 => [long, long].concat(),
                        1 => [&long[..40], &b"-".repeat(n), &long[..20]].concat(),
                        2 => [long, long, &base[..100], long].concat(),
                        _ => long[..n.min(long.len())].repeat(2),
                    };
                    let payload = if n % 3 == 0 {
                        sending.compress_fragment(&mut engines, &text, true)
                    } else {
                        match sending.compress(&mut engines, &text) {
                            Some(payload) => payload,
                            None => continue,
                        }
                    };
                    let walked = walk_message(&payload, if history.is_some() { &before } else { &[] }).unwrap();
                    assert_eq!(walked.text, text);
                    farthest = farthest.max(walked.farthest);
                    before.extend(text);
                    before.drain(..before.len().saturating_sub(32 << 10));
                }
                assert!(farthest <= size, "{farthest} with {window} bits at level {level}");
                let expected = if window < 10 { 200 } else { size / 2 };
                assert!(level == 1 || farthest > expected, "{farthest} with {window} bits at level {level}");
            }
        }
    }
}

#[test]
fn one_compressor_of_15_bits_serves_short_messages_of_every_window() {
    let mut engines = Engines::default();
    let kinds = |engines: &Engines| format!("{engines:?}").matches("Kind").count();
    for window in 8..=15 {
        let mut sending = Sending::new(6, window, None);
        compress(&mut sending, &mut engines, &records(1, 256));
        compress(&mut Sending::new(6, window, Some(window)), &mut engines, &records(1, 1 << window));
    }
    assert_eq!(kinds(&engines), 1);
    for window in 8..=15 {
        compress(&mut Sending::new(6, window, None), &mut engines, &records(1, (1 << window) + 1));
    }
    assert_eq!(kinds(&engines), 7, "9 bits serve 8");
    compress(&mut Sending::new(1, 15, None), &mut engines, &records(1, 256));
    assert_eq!(kinds(&engines), 8, "{engines:?}");
    assert!(format!("{:?}", engines.clone()).contains("[]"), "a copy has none");
}

/// A compressor of 15 bits that goes on sees more than a smaller window has, and is left in time.
#[test]
fn a_sender_in_a_row_leaves_the_large_window_in_time() {
    for window in 8..=14_u8 {
        let (mut engines, mut sending) = (Engines::default(), Sending::new(6, window, Some(window)));
        let mut before = Vec::new();
        for n in 0..100_u32 {
            let text = [noise((n % 9).into(), 70), records(1, 60)].concat();
            let payload = sending.compress_fragment(&mut engines, &text, true).into_owned();
            let walked = walk_message(&payload, &before).unwrap();
            assert_eq!(walked.text, text);
            assert!(walked.farthest <= 1 << window, "{} with {window} bits", walked.farthest);
            before.extend(text);
        }
    }
}

/// A short history does not need a search of the whole window of the peer.
#[test]
fn with_takeover_a_long_message_refers_as_far_as_the_history_or_4_kib() {
    // What repeats is up to 9,000 bytes away; all of it would fit the window of the peer.
    let text = noise(1, 9_000).repeat(2);
    // It ends with text, so that compression is not given up.
    let near = [noise(2, 3_000).repeat(2), noise(3, 3_000).repeat(2), vec![b'-'; 600]].concat();
    for (level, history, farthest) in
        [(6, None, 9_000), (6, Some(8), 3_000), (2, Some(12), 3_000), (1, Some(12), 9_000), (6, Some(15), 9_000)]
    {
        let (mut engines, mut sending) = (Engines::default(), Sending::new(level, 15, history));
        let payload = sending.compress_fragment(&mut engines, &[&text[..], &near].concat(), true).into_owned();
        assert_eq!(walk(&payload, &[]).farthest, farthest, "level {level}, {history:?}");
    }
    // The window of the peer still counts.
    let (mut engines, mut sending) = (Engines::default(), Sending::new(6, 9, Some(15)));
    let payload = sending.compress_fragment(&mut engines, &near, true).into_owned();
    assert!(walk(&payload, &[]).farthest <= 512);
}
