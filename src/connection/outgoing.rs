//! Our bytes: frames in the order in which they leave.

use crate::{
    frame::{
        MaskKey, OpCode,
        encode::{EncodedHeader, max_encoded_len},
        mask,
    },
    message::{Message, SharedMessage},
    output::{Output, OutputBuffer},
    random::Random,
    spare::Spare,
};
use std::{
    borrow::Cow,
    io::{self, IoSlice},
};

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Kind {
    pub(super) const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Text(_) => Self::Text,
            Message::Binary(_) => Self::Binary,
        }
    }

    const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::Text,
            Self::Binary => OpCode::Binary,
        }
    }
}

/// The slices of one vectored write: enough for a broadcast and the messages around it.
const SLICES: usize = 16;

/// Queues frames: masked on a client, one message at a time, within the limit.
#[derive(Debug)]
pub(super) struct Outgoing {
    output: Output,
    /// The source of masking keys; `None` on a server, and after the end.
    random: Option<Random>,
    /// The kind of the fragmented message in progress.
    fragmented: Option<Kind>,
}

impl Outgoing {
    #[inline]
    pub(super) fn new(random: Option<Random>) -> Self {
        Self { output: Output::default(), random, fragmented: None }
    }

    /// Queues the HTTP head that `write` appends.
    pub(super) fn write_head<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.output.write(write)
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

    /// Queues a Pong, or replaces the last one if 16 are queued.
    #[inline]
    pub(super) fn pong(&mut self, payload: &[u8]) {
        let key = self.mask_key();
        self.output.pong(payload, key);
    }

    /// Queues a message.
    #[inline(always)]
    pub(super) fn message(&mut self, kind: Kind, payload: &[u8]) {
        if self.is_masked() || !self.output.try_message(kind.opcode(), payload) {
            self.message_by_general_path(kind, payload);
        }
    }

    // Out of line, so that callers of `message` stay small.
    #[inline(never)]
    fn message_by_general_path(&mut self, kind: Kind, payload: &[u8]) {
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
            self.output.share(message.frame());
        }
    }

    /// The opcode of the next fragment; `None` if a message of the other kind is in progress.
    #[inline]
    pub(super) fn fragment_opcode(&self, kind: Kind) -> Option<OpCode> {
        match self.fragmented {
            None => Some(kind.opcode()),
            Some(begun) => (begun == kind).then_some(OpCode::Continuation),
        }
    }

    /// Queues a fragment with the opcode that [`fragment_opcode`](Self::fragment_opcode) has given.
    #[inline]
    pub(super) fn fragment(&mut self, kind: Kind, opcode: OpCode, payload: &[u8], is_last: bool) {
        self.frame(is_last, opcode, payload);
        self.fragmented = (!is_last).then_some(kind);
    }

    /// Writes a server's message once, behind the queued bytes, and queues the part that `writer` does not take.
    /// Returns the number of bytes written, those of the queue included.
    pub(super) fn write_message(&mut self, message: Message<'_>, mut writer: impl io::Write) -> usize {
        let header = EncodedHeader::new(true, Kind::of(&message).opcode(), message.len(), None);
        // Nothing is queued before the write, so a writer that panics leaves no half frame.
        let written = self.write_behind_queue(&header, message.as_bytes(), &mut writer);
        let of_queue = written.min(self.output.len());
        let of_message = written - of_queue;
        self.output.advance(of_queue);
        if of_message < header.len() {
            self.output.extend(&header[of_message..]);
        }
        self.output.payload(message.into_bytes(), of_message.saturating_sub(header.len()));
        written
    }

    /// Writes the queued bytes and a frame behind them, in one call. The queue keeps its bytes.
    fn write_behind_queue(&self, header: &[u8], payload: &[u8], writer: &mut impl io::Write) -> usize {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.slices_into(&mut slices[..SLICES - 2]);
        let in_slices: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        if in_slices < self.output.len() {
            return 0;
        }
        (slices[count], slices[count + 1]) = (IoSlice::new(header), IoSlice::new(payload));
        writer.write_vectored(&slices[..count + 2]).unwrap_or(0)
    }

    /// Writes queued bytes in one call. The queue keeps its bytes until [`advance`](Self::advance).
    pub(super) fn write_once(&self, writer: &mut impl io::Write) -> io::Result<usize> {
        let first = self.output.as_slice();
        if first.len() == self.output.len() {
            return writer.write(first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.slices_into(&mut slices);
        writer.write_vectored(&slices[..count])
    }

    /// Removes the first `n` bytes.
    pub(super) fn advance(&mut self, n: usize) {
        self.output.advance(n);
    }

    /// Removes all bytes.
    pub(super) fn clear(&mut self) {
        self.output.clear();
    }

    /// Drops the source of masking keys: no frame follows.
    pub(super) fn end(&mut self) {
        self.random = None;
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.output.len()
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

    /// Whether the output has become empty or non-empty since [`take_edge`](Self::take_edge).
    #[inline]
    pub(super) const fn has_edge(&self) -> bool {
        self.output.has_edge()
    }

    pub(super) const fn take_edge(&mut self) {
        self.output.take_edge();
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

    /// Checks that a frame fits under `limit`.
    ///
    /// # Errors
    /// The number of bytes that are queued, if it does not.
    #[inline]
    pub(super) fn check_room(&self, payload_len: usize, limit: usize) -> Result<(), usize> {
        let queued = self.output.len();
        if queued.saturating_add(max_encoded_len(payload_len)) > limit { Err(queued) } else { Ok(()) }
    }

    /// Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT mask any frames
    /// that it sends to the client."
    #[inline]
    fn mask_key(&mut self) -> Option<MaskKey> {
        self.random.as_mut().map(Random::mask_key)
    }
}

#[cfg(test)]
mod tests;
