//! Plain messages to compressed ones: RFC 7692 section 7.2.1.

use super::{
    compressor::{Compressor, Kind, Owner},
    engines::Engines,
    history::History,
    noise::looks_like_noise,
};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The sending direction of a connection: what its messages may refer back to.
///
/// Memory: with context takeover the history, at most 2^bits bytes, and none without.
#[derive(Debug)]
pub(crate) struct Sending {
    history: History,
    /// The level of compression, 1 to 9.
    level: u8,
    /// The bits of the window that the peer has, 8 to 15.
    window: u8,
    /// The bits of the window that a payload longer than [`MAX_GOING_ON`] keeps to: at most those of the peer.
    window_if_long: u8,
    /// The compressor that has seen exactly the messages of this connection; `None` if none refers to earlier ones.
    owner: Option<Owner>,
}

/// A compressor goes on with the text that it has seen for payloads up to this length, in bytes. Before a longer one it
/// is reset, since a search of its whole window costs more than it saves.
const MAX_GOING_ON: usize = 4 << 10;

/// With context takeover, a payload longer than [`MAX_GOING_ON`] refers at most 2^12 bytes back, or as far as the
/// history if that is more. To search 32 KiB takes a third more CPU for 16 KiB of JSON, and saves 2 % of its bytes.
/// Level 1 does not search.
const BITS_IF_LONG: u8 = 12;

/// The sample of a payload that looks like noise is an eighth of it, and has at least and at most these bytes.
const SAMPLES: [usize; 2] = [2 << 10, 16 << 10];

/// What the result of a flush ends with. The last frame of a message goes without it.
const MARKER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The room for the end of a flush. With fewer than 6 bytes the library writes one marker after the other.
const MIN_ROOM: usize = 64;

/// The most bytes in a stored block.
const MAX_STORED: usize = u16::MAX as usize;

impl Sending {
    /// For a `level` of 1 to 9 and a peer with a `window` of 8 to 15 bits. Keeps 2^`history` bytes, or nothing without
    /// context takeover.
    pub(crate) fn new(level: u8, window: u8, history: Option<u8>) -> Self {
        // A number for each connection: it may move between loops, which have compressors of their own.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let new_owner = |_| Owner { sender: NEXT.fetch_add(1, Ordering::Relaxed), messages: 0 };
        Self {
            history: history.map_or(History::NONE, |bits| History::new(bits.min(window))),
            level,
            window,
            // Section 7.2.1: a sender may refer less far back than it has agreed on.
            window_if_long: match history {
                Some(bits) if level > 1 => window.min(bits.max(BITS_IF_LONG)),
                Some(_) | None => window,
            },
            owner: history.map(new_owner),
        }
    }

    /// Whether messages refer to earlier ones.
    pub(crate) const fn has_takeover(&self) -> bool {
        self.owner.is_some()
    }

    /// The memory on the heap, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.history.held_bytes()
    }

    /// [Settles](History::settle) what is kept.
    pub(crate) fn settle(&mut self) {
        self.history.settle();
    }

    /// Compresses the payload of a whole message. Send the result in one frame with RSV1. `None` if it is not shorter,
    /// or if there is no memory for a compressor. Then nothing has changed, and the message leaves as it is.
    ///
    /// The result is in the memory of `engines`, or its own if it is longer than 64 KiB.
    pub(crate) fn compress<'e>(&mut self, engines: &'e mut Engines, payload: &[u8]) -> Option<Cow<'e, [u8]>> {
        if payload.is_empty() {
            return None;
        }
        let (compressor, scratch) = self.compressor(engines, payload.len())?;
        let mut result = compress(compressor, &self.history, payload, scratch)?;
        cut_marker(&mut result);
        self.push(payload);
        compressor.set_owner(self.owner);
        Some(result)
    }

    /// Compresses the payload of one fragment of a message whose first frame has RSV1. Random bytes become a little
    /// longer, at most [`max_fragment_len`].
    pub(crate) fn compress_fragment<'e>(
        &mut self,
        engines: &'e mut Engines,
        payload: &[u8],
        is_last: bool,
    ) -> Cow<'e, [u8]> {
        if payload.is_empty() {
            // Section 7.2.3.6: an empty block, of which only the marker was cut.
            return Cow::Borrowed(if is_last { &[0] } else { &[] });
        }
        let compressed = self.compressor(engines, payload.len()).and_then(|(compressor, scratch)| {
            Some((compress(compressor, &self.history, payload, scratch)?, compressor))
        });
        self.push(payload);
        let Some((mut result, compressor)) = compressed else {
            return Cow::Owned(stored(payload, is_last));
        };
        compressor.set_owner(self.owner);
        if is_last {
            cut_marker(&mut result);
        }
        result
    }

    /// Notes that a message has been sent that [`compress_alone`] has compressed.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        if let Some(owner) = &mut self.owner {
            owner.messages += 1;
        }
        // Without memory it has forgotten all, and need not refer to anything.
        let _ = self.history.push(payload);
    }

    /// A compressor for a payload of `len` bytes, and memory for the result. It has seen nothing that the peer has not,
    /// and refers to nothing that is out of the window of the peer.
    fn compressor<'e>(&self, engines: &'e mut Engines, len: usize) -> Option<(&'e mut Compressor, &'e mut [u8])> {
        if let Some(owner) = self.owner
            && len <= MAX_GOING_ON
        {
            let goes_on = engines.position(|compressor| {
                let has_window = compressor.kind().bits == self.window.max(9);
                let fits = has_window || is_in_window(self.window, compressor.seen() + len as u64);
                compressor.is_of(owner) && fits
            });
            if let Some(at) = goes_on {
                return engines.compressor(at);
            }
        }
        // A smaller window is one more compressor. Text that is not longer than the window does without.
        let window = if len > MAX_GOING_ON { self.window_if_long } else { self.window };
        let is_short = is_in_window(window, (self.history.len() + len) as u64);
        let bits = if is_short { 15 } else { window.max(9) };
        let at = engines.position_of(Kind { level: self.level, bits })?;
        let (compressor, scratch) = engines.compressor(at)?;
        compressor.prime(&self.history);
        Some((compressor, scratch))
    }
}

/// Whether no two of `len` bytes in a row are farther apart than a window of `bits`.
///
/// A compressor of w bits keeps to 2^w - 262, so that one of 9 bits serves a window of 8.
const fn is_in_window(bits: u8, len: u64) -> bool {
    len <= 1 << bits
}

/// Compresses the payload of a message that many connections send, without a history. `None` as with
/// [`Sending::compress`].
///
/// Each of them may send the result if it [can be shared](can_share), and has to [note](Sending::push) it.
pub(crate) fn compress_alone<'e>(engines: &'e mut Engines, level: u8, payload: &[u8]) -> Option<Cow<'e, [u8]>> {
    let at = engines.position_of(Kind { level, bits: 15 })?;
    let (compressor, scratch) = engines.compressor(at)?;
    compressor.prime(&History::NONE);
    let mut result = compress(compressor, &History::NONE, payload, scratch)?;
    cut_marker(&mut result);
    Some(result)
}

/// Whether a peer with a window of `bits` can inflate what [`compress_alone`] has made of `len` bytes.
pub(crate) const fn can_share(bits: u8, len: usize) -> bool {
    bits == 15 || len <= 1 << bits
}

/// Compresses `payload`, with the marker of a flush at the end. `None` if the result without the marker is not shorter,
/// or if there is no memory for it.
///
/// `compressor` has `history`. Noise is given up early: it takes more time than text, and becomes no shorter, unless it
/// repeats at a distance that a sample does not show.
pub(super) fn compress<'e>(
    compressor: &mut Compressor,
    history: &History,
    payload: &[u8],
    scratch: &'e mut [u8],
) -> Option<Cow<'e, [u8]>> {
    let most = payload.len() + MARKER.len();
    let mut output = Output { scratch, memory: Vec::new(), len: 0, most };
    // A shorter one may go on with what the compressor has seen, which a sample would spoil.
    if payload.len() > MAX_GOING_ON && looks_like_noise(payload, compressor.kind().level) {
        // The payload may repeat an earlier one. Then the history has its end, so the end is the sample.
        let len = (payload.len() / 8).clamp(SAMPLES[0], SAMPLES[1]);
        let sample = &payload[payload.len() - len..];
        output.compress(compressor, sample)?;
        if output.len > sample.len() / 16 * 15 {
            return None;
        }
        compressor.prime(history);
        output.len = 0;
    }
    output.compress(compressor, payload)?;
    Some(output.into_result())
}

/// The result of a compressor so far.
struct Output<'e> {
    scratch: &'e mut [u8],
    /// Used instead of `scratch` once that is too small.
    memory: Vec<u8>,
    len: usize,
    /// A result of this length is not shorter than the payload.
    most: usize,
}

impl<'e> Output<'e> {
    /// Compresses and flushes `payload`. `None` if the result is not shorter, or if there is no memory for it.
    fn compress(&mut self, compressor: &mut Compressor, mut payload: &[u8]) -> Option<()> {
        loop {
            let end = self.room_for_flush()?;
            let output = if self.memory.is_empty() { &mut *self.scratch } else { &mut self.memory };
            self.len += compressor.compress(&mut payload, &mut output[self.len..end])?;
            if self.len >= self.most {
                return None;
            }
            // What is exactly full may be the beginning of more.
            if payload.is_empty() && self.len < end {
                return Some(());
            }
        }
    }

    /// The end of the room for a part of the result, which is moved if that is too small; `None` without memory.
    fn room_for_flush(&mut self) -> Option<usize> {
        let room = if self.memory.is_empty() { self.scratch.len() } else { self.memory.len() };
        let useful = self.most + MIN_ROOM;
        if room - self.len >= MIN_ROOM {
            return Some(room.min(useful));
        }
        let longer = (2 * room).min(useful);
        if self.memory.is_empty() {
            self.memory.try_reserve_exact(longer).ok()?;
            self.memory.extend_from_slice(&self.scratch[..self.len]);
        } else {
            self.memory.try_reserve_exact(longer - room).ok()?;
        }
        self.memory.resize(longer, 0);
        Some(longer)
    }

    fn into_result(mut self) -> Cow<'e, [u8]> {
        if self.memory.is_empty() {
            return Cow::Borrowed(&self.scratch[..self.len]);
        }
        self.memory.truncate(self.len);
        Cow::Owned(self.memory)
    }
}

/// Section 7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
fn cut_marker(result: &mut Cow<'_, [u8]>) {
    debug_assert!(result.ends_with(&MARKER), "a flush ends with its marker");
    let len = result.len() - MARKER.len();
    match result {
        Cow::Borrowed(bytes) => *bytes = &bytes[..len],
        Cow::Owned(bytes) => bytes.truncate(len),
    }
}

/// The most bytes of a compressed [fragment](Sending::compress_fragment) of `len` bytes. A fragment that does not
/// become shorter leaves in stored blocks.
pub(crate) const fn max_fragment_len(len: usize) -> usize {
    len.saturating_add(5 * len.div_ceil(MAX_STORED) + 1)
}

/// `payload` in stored blocks.
fn stored(payload: &[u8], is_last: bool) -> Vec<u8> {
    let blocks = payload.len().div_ceil(MAX_STORED);
    let mut result = Vec::with_capacity(payload.len() + 5 * blocks + usize::from(is_last));
    for block in payload.chunks(MAX_STORED) {
        let len = block.len() as u16;
        result.push(0);
        result.extend(len.to_le_bytes());
        result.extend((!len).to_le_bytes());
        result.extend(block);
    }
    // An empty block behind them, without its marker.
    result.extend(is_last.then_some(0));
    result
}
