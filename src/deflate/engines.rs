//! What a loop lends its connections to compress and inflate with.

use super::{
    compressor::{Compressor, Kind},
    history::History,
    memory::has_memory_for,
};
use std::fmt;
use zlib_rs::Inflate;

/// Engines, lent from message to message: no connection has one of its own. Each is made when it is first needed.
///
/// The memory is 64 KiB for the results, 46 KiB for an inflater, and a compressor for each level and window in use: 378
/// KiB for a window of 15 bits, which serves nearly all, 264 KiB for one of 12 bits, which long messages with context
/// takeover have, and 234 KiB to 298 KiB for those that peers limit. That is 0.5 MB as a rule, or 0.8 MB, and 2.4 MB if
/// peers have asked for every window.
#[derive(Default)]
pub(crate) struct Engines {
    scratch: Vec<u8>,
    /// An inflater that no message has.
    inflater: Option<Box<Inflate>>,
    /// At most one of each kind.
    compressors: Vec<Compressor>,
}

/// The most bytes that are inflated at a time.
pub(crate) const MAX_PIECE: usize = 64 << 10;

/// The length of the memory for results, in bytes. A compressed message of [`MAX_PIECE`] bytes ends in it, or is longer
/// than the message.
pub(super) const SCRATCH: usize = MAX_PIECE + 64;

/// The memory of an inflater, in bytes.
pub(super) const INFLATER: usize = 47_552;

impl Engines {
    /// An inflater that knows nothing but `history`. It belongs to a message until it is [given back](Self::give_back).
    /// `None` without memory for it.
    pub(super) fn take_inflater(&mut self, history: &History) -> Option<Box<Inflate>> {
        let mut inflater = match self.inflater.take() {
            Some(inflater) => inflater,
            None => has_memory_for(INFLATER).then(|| Box::new(Inflate::new(false, 15)))?,
        };
        prime(&mut inflater, history);
        Some(inflater)
    }

    pub(super) fn give_back(&mut self, inflater: Box<Inflate>) {
        self.inflater = Some(inflater);
    }

    /// The memory for results; `None` if there is none.
    pub(super) fn scratch(&mut self) -> Option<&mut [u8]> {
        if self.scratch.is_empty() {
            self.scratch.try_reserve_exact(SCRATCH).ok()?;
            self.scratch.resize(SCRATCH, 0);
        }
        Some(&mut self.scratch)
    }

    /// The first `len` bytes of the [memory for results](Self::scratch).
    pub(super) fn filled(&self, len: usize) -> &[u8] {
        &self.scratch[..len]
    }

    /// The place of a compressor that `is_wanted`.
    pub(super) fn position(&self, is_wanted: impl FnMut(&Compressor) -> bool) -> Option<usize> {
        self.compressors.iter().position(is_wanted)
    }

    /// The place of the compressor of a kind, which can be reset; `None` without memory for it.
    pub(super) fn position_of(&mut self, kind: Kind) -> Option<usize> {
        if let Some(at) = self.position(|compressor| compressor.kind() == kind) {
            if self.compressors[at].can_be_reset() {
                return Some(at);
            }
            self.compressors.swap_remove(at);
        }
        self.compressors.try_reserve(1).ok()?;
        self.compressors.push(Compressor::new(kind)?);
        Some(self.compressors.len() - 1)
    }

    /// The compressor at a place, and the memory for results; `None` without memory for them.
    pub(super) fn compressor(&mut self, at: usize) -> Option<(&mut Compressor, &mut [u8])> {
        self.scratch()?;
        Some((&mut self.compressors[at], &mut self.scratch))
    }
}

/// Engines hold nothing that a copy would need.
impl Clone for Engines {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Without what the engines have seen, which is the text of peers.
impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.compressors.iter().map(Compressor::kind).collect();
        f.debug_struct("Engines").field("compressors", &kinds).finish_non_exhaustive()
    }
}

/// Lets `inflater` forget all it has seen but `history`.
///
/// Without the reset, a message could refer to the text of another connection.
pub(super) fn prime(inflater: &mut Inflate, history: &History) {
    inflater.reset(false);
    for part in history.as_slices().into_iter().filter(|part| !part.is_empty()) {
        inflater.set_dictionary(part).expect("a raw stream takes a dictionary at any time");
    }
}
