//! What the design takes from the library beyond its documentation.

use super::*;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

#[test]
#[should_panic(expected = "Ok")]
fn a_raw_compressor_has_no_window_of_8_bits() {
    Deflate::new(6, false, 8);
}

#[test]
fn an_inflater_has_every_window_and_after_a_reset_the_largest() {
    let half: Vec<_> = noise(1, 20_000).iter().map(|byte| byte & 31).collect();
    let text = half.repeat(2);
    let payload = compress(&mut Sending::new(6, 15, None), &mut Engines::default(), &text);
    for bits in 8..=15 {
        let mut inflater = Inflate::new(false, bits);
        inflater.reset(false);
        let mut output = vec![0; text.len() + 1];
        inflater.decompress(&payload, &mut output, InflateFlush::NoFlush).unwrap();
        assert_eq!(&output[..text.len()], text, "{bits}");
    }
}

#[test]
fn a_second_flush_without_input_writes_nothing() {
    let mut compressor = Deflate::new(6, false, 15);
    let mut output = [0; 64];
    assert_eq!(compressor.compress(b"text", &mut output, DeflateFlush::SyncFlush), Ok(Status::Ok));
    let len = compressor.total_out();
    assert_eq!(compressor.compress(b"", &mut output, DeflateFlush::SyncFlush), Ok(Status::BufError));
    assert_eq!(compressor.total_out(), len);
}

/// So the result of a flush needs room, and is whole only if a call has left some.
#[test]
fn a_flush_into_an_output_that_ends_full_writes_its_marker_again() {
    let mut compressor = Deflate::new(6, false, 15);
    let mut output = [0; 64];
    compressor.compress(b"text", &mut output, DeflateFlush::SyncFlush).unwrap();
    let whole = compressor.total_out() as usize;
    compressor.reset();
    compressor.compress(b"text", &mut output[..whole], DeflateFlush::SyncFlush).unwrap();
    compressor.compress(b"", &mut output[whole..], DeflateFlush::SyncFlush).unwrap();
    assert_eq!(compressor.total_out() as usize, whole + 5);
    assert_eq!(output[whole..whole + 5], [0, 0, 0, 0xFF, 0xFF]);
    // With less room than a marker and a byte there is no end to it.
    compressor.reset();
    compressor.compress(b"text", &mut output, DeflateFlush::NoFlush).unwrap();
    for _ in 0..100 {
        compressor.compress(b"", &mut output[..5], DeflateFlush::SyncFlush).unwrap();
    }
    assert!(compressor.total_out() > 400, "{}", compressor.total_out());
}

#[test]
fn two_dictionaries_are_one() {
    for seed in 0..50 {
        let history = records(seed, 100 + 97 * seed as usize);
        let text = records(seed + 1, 1_000);
        let compressed = |parts: &[&[u8]]| {
            let mut compressor = Deflate::new(6, false, 15);
            for part in parts {
                compressor.set_dictionary(part).unwrap();
            }
            let mut output = vec![0; 2_000];
            compressor.compress(&text, &mut output, DeflateFlush::SyncFlush).unwrap();
            output.truncate(compressor.total_out() as usize);
            output
        };
        let (first, second) = history.split_at(history.len() / (1 + seed as usize % 7));
        assert_eq!(compressed(&[first, second]), compressed(&[&history]), "{seed}");
    }
}

#[test]
fn a_compressor_that_was_reset_writes_what_a_new_one_writes() {
    let mut compressor = Deflate::new(6, false, 15);
    let mut output = vec![0; 1 << 20];
    for seed in 0..50 {
        let text = records(seed, 17 * (seed as usize) * (seed as usize) + 1);
        compressor.reset();
        compressor.compress(&text, &mut output, DeflateFlush::SyncFlush).unwrap();
        let mut expected = vec![0; 1 << 20];
        let mut new = Deflate::new(6, false, 15);
        new.compress(&text, &mut expected, DeflateFlush::SyncFlush).unwrap();
        assert_eq!(output[..compressor.total_out() as usize], expected[..new.total_out() as usize]);
    }
}

#[test]
fn an_error_of_an_inflater_leaves_what_was_inflated_and_a_reset_ends_it() {
    let mut payload = compress(&mut Sending::new(6, 15, None), &mut Engines::default(), b"Hello Hello Hello Hello");
    payload.extend([0x00, 0x00, 0xFF, 0xFF, 0x07]);
    let mut inflater = Inflate::new(false, 15);
    let mut output = [0; 100];
    assert!(inflater.decompress(&payload, &mut output, InflateFlush::NoFlush).is_err());
    assert_eq!(&output[..inflater.total_out() as usize], b"Hello Hello Hello Hello");
    inflater.reset(false);
    payload.pop();
    assert_eq!(inflater.decompress(&payload, &mut output, InflateFlush::NoFlush), Ok(Status::Ok));
}

/// So a compressor whose result was given up is not used again.
#[test]
#[should_panic(expected = "must fit")]
fn a_compressor_that_was_reset_before_its_result_was_taken_has_less_memory() {
    let mut compressor = Deflate::new(1, false, 15);
    let mut output = vec![0; 200_000];
    for _ in 0..10 {
        compressor.reset();
        compressor.compress(&noise(1, 60_000), &mut output[..30_000], DeflateFlush::SyncFlush).unwrap();
    }
    compressor.compress(&noise(1, 100_000), &mut output, DeflateFlush::SyncFlush).unwrap();
}
