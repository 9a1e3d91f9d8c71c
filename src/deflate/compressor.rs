//! A compressor that connections share.

use super::{history::History, memory::has_memory_for};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Method, Strategy};

/// A compressor, and whose messages it has in its window.
pub(super) struct Compressor {
    engine: Deflate,
    kind: Kind,
    owner: Option<Owner>,
    /// The number of bytes in and before its window since it was reset.
    seen: u64,
    /// A part of the last result is still to come.
    has_rest: bool,
}

/// What a compressor is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// 1 to 9. At 0 the library has known faults.
    pub(super) level: u8,
    /// The window: 9 to 15.
    pub(super) bits: u8,
}

/// Whose messages a compressor has seen, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) sender: usize,
    pub(super) messages: u64,
}

/// The level of memory of zlib, which sets the number of symbols in a block.
const MEMORY_LEVEL: u8 = 8;

impl Kind {
    /// The memory of such a compressor, in bytes: 378 KiB for 15 bits, 234 KiB for 9.
    const fn memory(self) -> usize {
        (1 << (self.bits + 2)) + (128 << 10) + (7 << (MEMORY_LEVEL + 6)) + (8 << 10)
    }
}

impl Compressor {
    /// `None` without memory for it.
    pub(super) fn new(kind: Kind) -> Option<Self> {
        debug_assert!((1..=9).contains(&kind.level) && (9..=15).contains(&kind.bits), "{kind:?}");
        has_memory_for(kind.memory()).then(|| {
            let engine = Deflate::new_with_config(DeflateConfig {
                level: kind.level.into(),
                method: Method::Deflated,
                window_bits: -i32::from(kind.bits),
                mem_level: MEMORY_LEVEL.into(),
                strategy: Strategy::Default,
            });
            Self { engine, kind, owner: None, seen: 0, has_rest: false }
        })
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn is_of(&self, owner: Owner) -> bool {
        self.owner == Some(owner)
    }

    /// Whether it can be reset. With a rest of a result in its memory, the library resets it to less memory, and panics
    /// when the next result does not fit.
    pub(super) const fn can_be_reset(&self) -> bool {
        !self.has_rest
    }

    /// Forgets all it has seen, and begins behind `history`. It must be [able to](Self::can_be_reset).
    pub(super) fn prime(&mut self, history: &History) {
        debug_assert!(self.can_be_reset());
        self.engine.reset();
        self.seen = history.len() as u64;
        for part in history.as_slices().into_iter().filter(|part| !part.is_empty()) {
            self.engine.set_dictionary(part).expect("a raw stream takes a dictionary before its first byte");
        }
    }

    /// Says whose messages it has now. It has nobody's from each [`compress`](Self::compress) until then.
    pub(super) const fn set_owner(&mut self, owner: Option<Owner>) {
        self.owner = owner;
    }

    /// Compresses from the front of `input` to the front of `output`, which has room for 64 bytes at least. Returns the
    /// number of bytes there. The input is flushed once it is empty and a call has left room.
    ///
    /// `None` would be a fault of the library; then no message of it is used.
    pub(super) fn compress(&mut self, input: &mut &[u8], output: &mut [u8]) -> Option<usize> {
        (self.owner, self.has_rest) = (None, true);
        let (taken, made) = (self.engine.total_in(), self.engine.total_out());
        self.engine.compress(input, output, DeflateFlush::SyncFlush).ok()?;
        let taken = self.engine.total_in() - taken;
        self.seen += taken;
        *input = &input[taken as usize..];
        let made = (self.engine.total_out() - made) as usize;
        self.has_rest = made == output.len();
        Some(made)
    }
}
