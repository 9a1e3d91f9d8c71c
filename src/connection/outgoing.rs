//! Frames on their way out: masked if this is a client, one message at a time, within the limit.

use crate::{
    frame::{
        MaskKey, OpCode,
        encode::{EncodedHeader, max_encoded_len},
        mask,
    },
    message::{Message, SharedMessage},
    output::Output,
    random::Random,
};
use std::{
    borrow::Cow,
    io::{self, IoSlice},
};

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Kind {
    const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::Text,
            Self::Binary => OpCode::Binary,
        }
    }
}

/// How many slices go into one vectored write: more than a broadcast and the messages around it make.
pub(super) const SLICES: usize = 16;

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) output: Output,
    /// Where masking keys come from; a server masks nothing.
    random: Option<Random>,
    /// The kind of the fragmented message in progress.
    fragmented: Option<Kind>,
}

impl Outgoing {
    pub(super) fn new(random: Option<Random>) -> Self {
        Self { output: Output::default(), random, fragmented: None }
    }

    #[inline]
    pub(super) const fn is_masked(&self) -> bool {
        self.random.is_some()
    }

    /// No more frames will be queued.
    pub(super) fn end(&mut self) {
        self.random = None;
    }

    #[inline]
    pub(super) const fn is_mid_message(&self) -> bool {
        self.fragmented.is_some()
    }

    /// Whether a frame fits; if not, how much is queued.
    #[inline]
    pub(super) fn check_room(&self, payload_len: usize, limit: usize) -> Result<(), usize> {
        let queued = self.output.len();
        if queued.saturating_add(max_encoded_len(payload_len)) > limit { Err(queued) } else { Ok(()) }
    }

    /// Queues a frame.
    pub(super) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8]) {
        let key = self.mask_key();
        self.output.frame(is_final, opcode, payload, key);
    }

    /// Queues a Pong, or replaces the last one if many wait.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        let key = self.mask_key();
        self.output.pong(payload, key);
    }

    /// Queues a message.
    #[inline(always)]
    pub(super) fn message(&mut self, kind: Kind, payload: &[u8]) {
        if self.is_masked() || self.output.message_in_room(kind.opcode(), payload).is_none() {
            self.message_anywhere(kind, payload);
        }
    }

    // Not inlined, so that the common case stays small.
    #[inline(never)]
    fn message_anywhere(&mut self, kind: Kind, payload: &[u8]) {
        self.frame(true, kind.opcode(), payload);
    }

    /// Queues a message without copying it, if it is large.
    pub(super) fn owned_message(&mut self, kind: Kind, mut payload: Vec<u8>) {
        let key = self.mask_key();
        if let Some(key) = key {
            mask::apply(&mut payload, key);
        }
        self.output.header(kind.opcode(), payload.len(), key);
        self.output.payload(Cow::Owned(payload), 0);
    }

    pub(super) fn shared_message(&mut self, message: &SharedMessage) {
        if self.is_masked() {
            let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
            self.message(kind, message.payload());
        } else {
            self.output.share(message.frame());
        }
    }

    /// The opcode of the next fragment; `None` if a message of the other kind is in progress.
    pub(super) fn fragment_opcode(&self, kind: Kind) -> Option<OpCode> {
        match self.fragmented {
            None => Some(kind.opcode()),
            Some(begun) => (begun == kind).then_some(OpCode::Continuation),
        }
    }

    pub(super) fn fragment(&mut self, kind: Kind, opcode: OpCode, payload: &[u8], is_last: bool) {
        self.frame(is_last, opcode, payload);
        self.fragmented = (!is_last).then_some(kind);
    }

    /// Writes a server's message once, behind what waits, and queues what `writer` does not take. Returns how much it
    /// took in all.
    pub(super) fn write_message(&mut self, message: Message<'_>, mut writer: impl io::Write) -> usize {
        let kind = if message.as_text().is_some() { Kind::Text } else { Kind::Binary };
        let header = EncodedHeader::new(true, kind.opcode(), message.len(), None);
        // Nothing is queued before: a writer that panics leaves no half of a frame.
        let written = self.write_behind_queue(&header, message.as_bytes(), &mut writer);
        let before = written.min(self.output.len());
        let taken = written - before;
        self.output.advance(before);
        if taken < header.len() {
            self.output.extend(&header[taken..]);
        }
        self.output.payload(message.into_bytes(), taken.saturating_sub(header.len()));
        written
    }

    /// Writes what waits and a frame behind it, once. Nothing is taken off.
    fn write_behind_queue(&self, header: &[u8], payload: &[u8], writer: &mut impl io::Write) -> usize {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.fill(&mut slices[..SLICES - 2]);
        let waiting: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        if waiting < self.output.len() {
            return 0;
        }
        (slices[count], slices[count + 1]) = (IoSlice::new(header), IoSlice::new(payload));
        writer.write_vectored(&slices[..count + 2]).unwrap_or(0)
    }

    /// Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT mask any frames
    /// that it sends to the client."
    fn mask_key(&mut self) -> Option<MaskKey> {
        self.random.as_mut().map(Random::mask_key)
    }
}
