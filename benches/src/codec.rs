//! The parts of the codec, each alone.

use crate::{
    Seen, Sink, Workload,
    wire::{self, KEY, Kind},
};
use statesocket::{Role, internals};
use std::hint::black_box;

const REPEATS: usize = 1_000;

/// Decodes the header of a frame with a payload of `len` bytes.
pub struct Header {
    bytes: Vec<u8>,
    len: usize,
    local: Role,
}

impl Header {
    pub fn new(len: usize, local: Role) -> Self {
        Self { bytes: wire::frames(Kind::Binary, &wire::payload(Kind::Binary, len), 1, local), len, local }
    }
}

impl Workload for Header {
    fn units(&self) -> usize {
        REPEATS
    }

    fn run<S: Sink>(&mut self, _: &mut S) {
        for _ in 0..REPEATS {
            let _ = black_box(internals::decode_header(black_box(&self.bytes), black_box(self.local)));
        }
    }

    fn check(&self, _: &Seen) {
        let header_len = self.bytes.len() - self.len;
        assert_eq!(internals::decode_header(&self.bytes, self.local), Ok(Some((self.len as u64, header_len))));
    }
}

/// Every offset in two vectors of 32 bytes.
const ALIGNMENTS: usize = 64;

/// Unmasks `len` bytes at every alignment.
pub struct Unmask {
    buffer: Vec<u8>,
    /// Where `buffer` is aligned.
    start: usize,
    len: usize,
}

impl Unmask {
    pub fn new(len: usize) -> Self {
        let buffer = vec![0; len + 2 * ALIGNMENTS];
        Self { start: buffer.as_ptr().align_offset(ALIGNMENTS), buffer, len }
    }

    fn unmask(&mut self, alignment: usize) -> &[u8] {
        let from = self.start + alignment;
        let bytes = &mut self.buffer[from..from + self.len];
        internals::unmask(black_box(&mut *bytes), black_box(KEY));
        bytes
    }
}

impl Workload for Unmask {
    fn units(&self) -> usize {
        ALIGNMENTS
    }

    fn reset(&mut self) {
        for alignment in 0..ALIGNMENTS {
            self.buffer.fill(0);
            let expected: Vec<u8> = KEY.iter().copied().cycle().take(self.len).collect();
            assert!(self.unmask(alignment) == expected, "wrong at alignment {alignment}");
        }
    }

    fn run<S: Sink>(&mut self, _: &mut S) {
        for alignment in 0..ALIGNMENTS {
            black_box(self.unmask(alignment));
        }
    }

    fn check(&self, _: &Seen) {}
}

/// Validates a text in one piece.
pub struct Utf8 {
    text: Vec<u8>,
}

impl Utf8 {
    pub fn new(kind: Kind, len: usize) -> Self {
        Self { text: wire::payload(kind, len) }
    }
}

impl Workload for Utf8 {
    fn units(&self) -> usize {
        1
    }

    fn run<S: Sink>(&mut self, _: &mut S) {
        black_box(internals::check_text(black_box(&self.text)));
    }

    fn check(&self, _: &Seen) {
        assert_eq!(internals::check_text(&self.text), Some(self.text.len()));
        let mut broken = self.text.clone();
        *broken.last_mut().expect("the text is not empty") = 0xFF;
        assert_eq!(internals::check_text(&broken), None);
    }
}
