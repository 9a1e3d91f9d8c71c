//! Our bytes: frames in the order in which they leave.

#[cfg(feature = "deflate")]
mod compression;
#[cfg(feature = "deflate")]
mod deflater;
mod kind;
mod level;
mod room;
mod write;

use crate::{
    frame::{MaskKey, OpCode, encode::EncodedHeader, mask},
    message::{SharedMessage, SharedMessages},
    output::{Output, OutputBuffer},
    random::Random,
    spare::Spare,
};
#[cfg(feature = "server")]
use bytes::Bytes;
#[cfg(feature = "deflate")]
pub(super) use deflater::Compression;
#[cfg(feature = "deflate")]
use deflater::Deflater;
pub(super) use kind::Kind;
pub(super) use level::{Level, Marks};
use std::{borrow::Cow, io::IoSlice};

/// Queues frames: masked on a client, one message at a time, within the limit.
#[derive(Debug)]
pub(super) struct Outgoing {
    output: Output,
    /// The source of masking keys; `None` on a server, and after the end.
    random: Option<Random>,
    #[cfg(feature = "deflate")]
    deflater: Option<Box<Deflater>>,
    /// Messages are neither masked nor compressed.
    has_fast_path: bool,
    /// The kind of the fragmented message in progress.
    fragmented: Option<Kind>,
    /// The level at the last [`settle`](Self::settle).
    level: Level,
    /// The level may have risen since.
    may_have_risen: bool,
    /// Up to this number of queued bytes neither the level nor the limit needs a look. In 4 bytes, to save memory: a
    /// ceiling that is too low costs a look.
    ceiling: u32,
}

impl Outgoing {
    #[inline]
    pub(super) fn new(random: Option<Random>) -> Self {
        Self {
            output: Output::default(),
            has_fast_path: random.is_none(),
            random,
            #[cfg(feature = "deflate")]
            deflater: None,
            fragmented: None,
            level: Level::Low,
            may_have_risen: false,
            // The first frame finds the right one.
            ceiling: 0,
        }
    }

    /// Queues the HTTP head that `write` appends, if it does.
    pub(super) fn write_head<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.len();
        let result = self.output.write(write);
        // A response that is refused appends nothing.
        if self.len() > before {
            self.output.note_automatic(self.len() - before);
            self.note_growth();
        }
        result
    }

    /// Queues bytes that are not a frame.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    /// Queues a frame.
    #[inline]
    pub(super) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8]) {
        let key = self.mask_key();
        self.output.frame(is_final, opcode, payload, key);
    }

    /// Queues a Close, and keeps everything before it as it is. Returns the number of queued bytes.
    pub(super) fn close(&mut self, payload: &[u8]) -> usize {
        self.frame(true, OpCode::Close, payload);
        self.output.fix_pongs();
        self.len()
    }

    /// Queues a keepalive Ping, and keeps everything before it as it is. Returns the number of queued bytes.
    pub(super) fn keepalive(&mut self, payload: &[u8]) -> usize {
        let before = self.len();
        self.frame(true, OpCode::Ping, payload);
        self.output.fix_pongs();
        self.output.note_automatic(self.len() - before);
        self.note_growth();
        self.len()
    }

    /// Keeps the first `n` queued bytes as they are.
    #[cfg(feature = "tls")]
    pub(super) fn keep(&mut self, n: usize) {
        self.output.keep(n);
    }

    /// Queues a Pong, or replaces the last one if 16 are queued.
    #[inline]
    pub(super) fn pong(&mut self, payload: &[u8]) {
        let key = self.mask_key();
        self.output.pong(payload, key);
        self.note_growth();
    }

    /// Fast path of [`message`](Self::message). Returns whether it has queued the message.
    #[inline(always)]
    pub(super) fn try_message(&mut self, kind: Kind, payload: &[u8]) -> bool {
        self.has_fast_path && self.output.try_message(kind.opcode(), payload)
    }

    /// Queues a message.
    pub(super) fn message(&mut self, kind: Kind, payload: &[u8]) {
        self.frame(true, kind.opcode(), payload);
    }

    /// Queues a message. A large one is not copied.
    pub(super) fn owned_message(&mut self, kind: Kind, mut payload: Vec<u8>) {
        let key = self.mask_key();
        if let Some(key) = key {
            mask::apply(&mut payload, key);
        }
        self.output.extend(&EncodedHeader::new(true, kind.opcode(), payload.len(), key));
        self.output.payload(Cow::Owned(payload), 0);
    }

    /// Queues a message. A server does not copy a large one.
    pub(super) fn shared_message(&mut self, message: &SharedMessage) {
        if self.is_masked() {
            let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
            self.message(kind, message.payload());
        } else {
            message.pieces().for_each(|piece| self.output.share(piece));
        }
    }

    /// Queues messages. A server does not copy them if they are long together.
    pub(super) fn shared_messages(&mut self, messages: &SharedMessages) {
        if self.is_masked() {
            messages.iter().for_each(|message| self.shared_message(message));
        } else if !messages.is_empty() {
            self.output.share(messages.frames());
        }
    }

    /// Queues bytes that other connections queue too.
    #[cfg(feature = "server")]
    pub(super) fn share(&mut self, bytes: &Bytes) {
        self.output.share(bytes);
    }

    /// The kind of the message in progress.
    #[inline]
    pub(super) const fn fragmented(&self) -> Option<Kind> {
        self.fragmented
    }

    /// Queues a fragment of a message of this kind: the next one of the message in progress, or the first one.
    #[inline]
    pub(super) fn fragment(&mut self, kind: Kind, payload: &[u8], is_last: bool) {
        let opcode = if self.is_mid_message() { OpCode::Continuation } else { kind.opcode() };
        self.frame(is_last, opcode, payload);
        self.fragmented = (!is_last).then_some(kind);
    }

    /// Removes all bytes.
    pub(super) fn clear(&mut self) {
        if !self.is_empty() {
            self.output.clear();
            (self.level, self.may_have_risen, self.ceiling) = (Level::Low, true, 0);
        }
    }

    /// Drops what only frames need: none follows.
    pub(super) fn end(&mut self) {
        self.random = None;
        #[cfg(feature = "deflate")]
        {
            self.deflater = None;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.output.len()
    }

    /// The memory for the queued bytes, in bytes.
    #[inline]
    pub(super) fn buffered(&self) -> usize {
        self.output.buffered()
    }

    /// How many of the queued bytes other connections may hold too, and the end of the last of them.
    #[cfg(feature = "server")]
    pub(super) fn shared(&self) -> Option<(usize, *const u8)> {
        self.output.shared()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty()
    }

    /// The first bytes, as many as are contiguous.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.output.as_slice()
    }

    /// Fills `slices` with the bytes, from the front. Returns the number of slices filled.
    pub(super) fn slices_into<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.output.slices_into(slices)
    }

    /// Whether the output has become empty or non-empty, or its level may have risen, since
    /// [`set_edge`](Self::set_edge), or that has said so.
    #[inline]
    pub(super) const fn has_edge(&self) -> bool {
        self.output.has_edge()
    }

    pub(super) const fn set_edge(&mut self, has_edge: bool) {
        self.output.set_edge(has_edge);
    }

    pub(super) fn lend(&mut self, buffer: &mut OutputBuffer) {
        self.output.lend(buffer);
    }

    pub(super) fn reclaim(&mut self, buffer: &mut OutputBuffer) {
        self.output.reclaim(buffer);
    }

    /// The recycled memory for large messages, if a buffer is lent.
    pub(super) fn spare(&mut self) -> Option<&mut Spare> {
        self.output.spare()
    }

    #[inline]
    pub(super) const fn is_masked(&self) -> bool {
        self.random.is_some()
    }

    #[inline]
    pub(super) const fn is_mid_message(&self) -> bool {
        self.fragmented.is_some()
    }

    /// The number of queued bytes up to the last one that a command has queued.
    pub(super) fn backlog(&self) -> usize {
        self.output.backlog()
    }

    /// Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT mask any frames
    /// that it sends to the client."
    #[inline]
    fn mask_key(&mut self) -> Option<MaskKey> {
        self.random.as_mut().map(Random::mask_key)
    }
}

/// A frame does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) queued: usize,
    pub(super) limit: usize,
}

#[cfg(test)]
mod tests;
