//! The engines as two ends use them, against another reading of DEFLATE.

mod compressing;
mod giving_up;
mod inflating;
mod library;
mod properties;
#[path = "../../tests/it/support/walker.rs"]
mod walker;
mod windows;

use super::{
    compress::{Sending, max_fragment_len},
    engines::Engines,
    inflate::{Due, InflateError, Receiving, Step},
};
use walker::{Walk, walk_message};

const NO_LIMIT: u64 = u64::MAX;

/// Records that begin alike, as messages do.
pub(super) fn records(seed: u32, len: usize) -> Vec<u8> {
    let mut number = seed.wrapping_mul(2_654_435_761) | 1;
    let mut text = Vec::new();
    while text.len() < len {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (id, name, price) =
            (number >> 8, ["alpha", "beta", "gamma", "delta"][(number >> 30) as usize], number % 977);
        text.extend(format!(r#"{{"id":{id},"name":"{name}","price":{price}.5,"tags":["a","b"]}},"#).into_bytes());
    }
    text.truncate(len);
    text
}

/// Bytes that nothing compresses.
pub(super) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// What comes of parts of a payload, each with what ends with it. Errors keep the text before them.
fn inflate_parts(
    receiving: &mut Receiving,
    engines: &mut Engines,
    parts: &[(&[u8], Due)],
    limit: u64,
) -> (Vec<u8>, Result<(), InflateError>) {
    let mut text = Vec::new();
    for (part, due) in parts {
        let mut input = *part;
        loop {
            match receiving.step(engines, &mut input, *due, limit) {
                Ok(Step::Piece(piece)) => {
                    assert!(!piece.is_empty() || receiving.take_work() > 0, "a step makes progress");
                    text.extend(piece);
                }
                Ok(Step::NeedsInput) => {
                    assert!(input.is_empty() && *due != Due::Last);
                    break;
                }
                Ok(Step::End(piece)) => {
                    assert!(input.is_empty() && *due == Due::Last);
                    text.extend(piece);
                    break;
                }
                Err(error) => return (text, Err(error)),
            }
        }
    }
    (text, Ok(()))
}

/// Inflates a payload that comes at once.
fn inflate(receiving: &mut Receiving, engines: &mut Engines, payload: &[u8]) -> Result<Vec<u8>, InflateError> {
    let (text, result) = inflate_parts(receiving, engines, &[(payload, Due::Last)], NO_LIMIT);
    result.map(|()| text)
}

/// Inflates a payload that comes in pieces of `len` bytes, one frame.
fn inflate_by(
    receiving: &mut Receiving,
    engines: &mut Engines,
    payload: &[u8],
    len: usize,
    limit: u64,
) -> (Vec<u8>, Result<(), InflateError>) {
    let mut parts: Vec<_> = payload.chunks(len).map(|part| (part, Due::Later)).collect();
    parts.push((&[], Due::Last));
    inflate_parts(receiving, engines, &parts, limit)
}

/// Inflates the only message of a connection.
fn inflate_alone(payload: &[u8]) -> Result<Vec<u8>, InflateError> {
    inflate(&mut Receiving::new(15, false), &mut Engines::default(), payload)
}

/// Compresses a message that becomes shorter.
fn compress(sending: &mut Sending, engines: &mut Engines, payload: &[u8]) -> Vec<u8> {
    sending.compress(engines, payload).expect("it becomes shorter").into_owned()
}

/// Takes a sent message apart, which ends as section 7.2.1 asks.
fn walk(payload: &[u8], before: &[u8]) -> Walk {
    let walk = walk_message(payload, before).expect("it is whole");
    let is_empty = |block: &(u32, bool)| block.0 == 0;
    let count = walk.blocks.iter().rev().take_while(|block| is_empty(block)).count();
    assert!(
        walk.blocks.iter().all(|(_, is_final)| !is_final) && count >= 1,
        "it ends with one marker, removed: {walk:?}"
    );
    walk
}
