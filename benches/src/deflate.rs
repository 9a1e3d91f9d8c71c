//! Compresses and inflates messages with the library alone, so that no fault of the crate is on both sides.

use crate::text::Stream;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

/// What the result of a flush ends with (RFC 7692 section 7.2.1).
const MARKER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Room for the longest result.
const SCRATCH: usize = 256 << 10;

/// An engine that compresses each message behind a history.
pub struct Compressor {
    engine: Deflate,
    scratch: Vec<u8>,
}

impl Compressor {
    /// For a window of 9 to 15 `bits`.
    #[must_use]
    pub fn new(level: u8, bits: u8) -> Self {
        Self { engine: Deflate::new(level.into(), false, bits), scratch: vec![0; SCRATCH] }
    }

    /// The payload of a message with RSV1, which refers to nothing but `history` and itself.
    ///
    /// # Panics
    /// The result has more than 256 KiB.
    pub fn compress(&mut self, history: [&[u8]; 2], text: &[u8]) -> &[u8] {
        self.engine.reset();
        for part in history.into_iter().filter(|part| !part.is_empty()) {
            self.engine.set_dictionary(part).expect("a raw stream takes a dictionary");
        }
        self.engine.compress(text, &mut self.scratch, DeflateFlush::SyncFlush).expect("text can be compressed");
        let len = self.engine.total_out() as usize;
        self.scratch[..len].strip_suffix(&MARKER).expect("a flush ends with its marker")
    }
}

/// An engine that inflates each message behind a history.
pub struct Inflater {
    engine: Inflate,
    scratch: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { engine: Inflate::new(false, 15), scratch: vec![0; SCRATCH] }
    }
}

impl Inflater {
    /// The text of a payload.
    ///
    /// # Errors
    /// The payload is not DEFLATE, or has more than 256 KiB of text.
    pub fn inflate(&mut self, history: [&[u8]; 2], payload: &[u8]) -> Result<&[u8], String> {
        let error = |error: zlib_rs::InflateError| error.as_str().to_owned();
        self.engine.reset(false);
        for part in history.into_iter().filter(|part| !part.is_empty()) {
            self.engine.set_dictionary(part).map_err(error)?;
        }
        for bytes in [payload, &MARKER] {
            let (taken, len) = (self.engine.total_in(), self.engine.total_out() as usize);
            self.engine.decompress(bytes, &mut self.scratch[len..], InflateFlush::NoFlush).map_err(error)?;
            if self.engine.total_in() - taken != bytes.len() as u64 {
                return Err("the payload goes on behind its end".to_owned());
            }
        }
        Ok(&self.scratch[..self.engine.total_out() as usize])
    }
}

/// The payloads of the texts of `stream`, each behind the last `history` bytes before it.
#[must_use]
pub fn payloads(stream: &Stream, compressor: &mut Compressor, history: usize) -> Vec<Vec<u8>> {
    let payload = |n| compressor.compress([stream.before(n, history), &[]], stream.text(n)).to_vec();
    (0..stream.count()).map(payload).collect()
}
