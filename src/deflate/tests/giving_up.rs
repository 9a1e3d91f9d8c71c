//! Messages that do not become shorter.

use super::*;
use crate::deflate::{
    compress::{self},
    compressor::{Compressor, Kind},
    engines::SCRATCH,
    history::History,
};

#[test]
fn a_message_that_does_not_compress_is_given_up_early() {
    for level in [1, 2, 6, 9] {
        for len in [4_097, 5_000, 16_000, 65_536, 65_537, 300_000] {
            let mut compressor = Compressor::new(Kind { level, bits: 15 }).unwrap();
            let mut scratch = vec![0; SCRATCH];
            let content = noise(len as u64, len);
            assert_eq!(compress::compress(&mut compressor, &History::NONE, &content, &mut scratch), None);
            let seen = compressor.seen() as usize;
            assert!(seen <= (len / 8).max(2_048) && seen <= 16_384, "{seen} of {len} at level {level}");
            assert!(compressor.can_be_reset(), "the next message need not make a new one");
        }
    }
}

/// Nothing that becomes a sixteenth shorter is taken for noise.
#[test]
fn noise_with_text_anywhere_is_compressed_in_full() {
    for len in [4_500, 20_000, 64_000, 65_537, 200_000] {
        let (part, rest) = (len / 8, len - len / 8);
        let (text, content) = (records(1, part), noise(7, rest));
        let between = [&content[..rest / 2], &text, &content[rest / 2..]].concat();
        for message in [[&text[..], &content].concat(), [&content[..], &text].concat(), between] {
            let (mut engines, mut sending) = (Engines::default(), Sending::new(6, 15, None));
            let payload = compress(&mut sending, &mut engines, &message);
            assert!(payload.len() < len / 16 * 15, "{} of {len}", payload.len());
            assert!(inflate_alone(&payload).unwrap() == message);
        }
    }
}

/// The sample finds what repeats: in the message, or in the one before.
#[test]
fn noise_that_repeats_is_compressed_in_full() {
    for len in [5_000, 20_000, 64_000, 100_000] {
        for level in [1, 6] {
            let (mut engines, mut sending) = (Engines::default(), Sending::new(level, 15, Some(15)));
            let mut receiving = Receiving::new(15, true);
            let repeated = noise(1, 1_000).repeat(len / 1_000);
            let payload = compress(&mut sending, &mut engines, &repeated);
            assert!(payload.len() < 1_000 + len / 10, "{} of {len}", payload.len());
            assert!(inflate(&mut receiving, &mut engines, &payload).unwrap() == repeated);
            let once = noise(len as u64, len.min(30_000));
            let first = sending.compress_fragment(&mut engines, &once, true).into_owned();
            assert!(inflate(&mut receiving, &mut engines, &first).unwrap() == once);
            let again = compress(&mut sending, &mut engines, &once);
            assert!(again.len() < once.len() / 10, "{} of {}", again.len(), once.len());
            assert!(inflate(&mut receiving, &mut engines, &again).unwrap() == once);
        }
    }
}
