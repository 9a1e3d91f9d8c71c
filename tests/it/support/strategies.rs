//! The input of a peer that is mostly right.

use super::{
    Raw,
    blocks::{Blocks, Part},
};
use proptest::{collection::vec, prelude::*, sample::Index};

pub(crate) fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..8),
        1 => (120..260usize).prop_map(|len| vec![b'a'; len]),
    ]
}

/// A message in one or several fragments, which may split code points, with other frames between them.
pub(crate) fn message() -> impl Strategy<Value = Vec<Raw>> {
    let between = prop::option::weighted(0.2, prop_oneof![Just(Raw::PING), Just(Raw::PONG)]);
    (any::<bool>(), payload(), vec((any::<Index>(), between), 0..4)).prop_map(|(is_text, payload, mut cuts)| {
        cuts.sort_by_key(|(cut, _)| cut.index(payload.len() + 1));
        let mut frames = Vec::new();
        let (mut opcode, mut from) = (if is_text { Raw::TEXT } else { Raw::BINARY }, 0);
        for (cut, between) in cuts {
            let to = cut.index(payload.len() + 1);
            frames.push(Raw::new(opcode, &payload[from..to]).more());
            frames.extend(between.map(|opcode| Raw::new(opcode, b"between")));
            (opcode, from) = (Raw::CONTINUATION, to);
        }
        frames.push(Raw::new(opcode, &payload[from..]));
        frames
    })
}

pub(crate) fn frames() -> impl Strategy<Value = Vec<Raw>> {
    prop_oneof![
        8 => message(),
        2 => vec(any::<u8>(), 0..126).prop_map(|payload| vec![Raw::new(Raw::PING, payload)]),
        1 => (any::<u16>(), "\\PC{0,10}").prop_map(|(code, reason)| vec![Raw::close(code, &reason)]),
        1 => (3000..5000u16, "\\PC{0,10}").prop_map(|(code, reason)| vec![Raw::close(code, &reason)]),
        1 => (any::<u8>(), payload()).prop_map(|(first, payload)| vec![Raw { first, payload, key: None }]),
    ]
}

/// Compresses most of the messages of `stream`, each frame in one of the ways that `kinds` chooses in turn.
fn compress(stream: &mut [Raw], kinds: &[u8]) {
    let mut kinds = kinds.iter().copied().cycle();
    let mut is_compressed = false;
    for frame in stream.iter_mut().filter(|frame| frame.first & 0x7F < 3) {
        let kind = kinds.next().unwrap_or_default();
        if frame.opcode() != Raw::CONTINUATION {
            is_compressed = kind & 0x30 != 0;
        }
        if !is_compressed {
            continue;
        }
        let text = Part::Text(&frame.payload);
        let copy = |distance| Part::Copy { len: 3 + usize::from(kind), distance };
        let blocks = match kind & 7 {
            0 => Blocks::default().stored(false, &frame.payload),
            1 => Blocks::default().fixed(true, &[text]),
            2 => Blocks::default().stored(true, &frame.payload).stored(false, b""),
            // It may refer to earlier messages, or to nothing.
            3 => Blocks::default().fixed(false, &[text, copy(1 + usize::from(kind >> 3))]),
            4 => Blocks::default().fixed(false, &[Part::Text(b"ab"), copy(2), text, copy(1)]),
            _ => Blocks::default().fixed(false, &[text]),
        };
        let is_last = frame.first & 0x80 != 0;
        frame.first |= if frame.opcode() == Raw::CONTINUATION { 0 } else { 0x40 };
        frame.payload = if is_last { blocks.message() } else { blocks.stored(false, b"").unfinished() };
    }
}

/// The frames of a peer that compresses most messages.
pub(crate) fn compressed_frames() -> impl Strategy<Value = Vec<Vec<Raw>>> {
    (vec(frames(), 0..8), vec(any::<u8>(), 1..8)).prop_map(|(mut stream, kinds)| {
        // A message lies in one part of the stream.
        stream.iter_mut().zip((0..).map(|at| at % kinds.len())).for_each(|(part, at)| compress(part, &kinds[at..]));
        stream
    })
}

/// Changes to bytes that were right.
#[derive(Clone, Debug)]
pub(crate) struct Defects {
    flips: Vec<(Index, u8)>,
    noise: Vec<u8>,
    truncated_at: Option<Index>,
}

impl Defects {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        for (at, bits) in &self.flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
        }
        bytes.extend(&self.noise);
        if let Some(at) = &self.truncated_at {
            bytes.truncate(at.index(bytes.len() + 1));
        }
    }
}

pub(crate) fn defects() -> impl Strategy<Value = Defects> {
    let flips = prop_oneof![3 => Just(vec![]), 1 => vec((any::<Index>(), 1..=u8::MAX), 1..3)];
    let noise = prop_oneof![4 => Just(vec![]), 1 => vec(any::<u8>(), 1..20)];
    (flips, noise, prop::option::weighted(0.3, any::<Index>())).prop_map(|(flips, noise, truncated_at)| Defects {
        flips,
        noise,
        truncated_at,
    })
}
