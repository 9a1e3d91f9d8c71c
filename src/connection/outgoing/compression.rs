//! Messages of ours that leave compressed: RFC 7692 section 6.1.

use super::{
    Kind, Outgoing,
    deflater::{Compression, Deflater},
};
use crate::{
    deflate::{
        compress::{compress_alone, max_fragment_len},
        engines::Engines,
    },
    frame::OpCode,
    message::{Message, SharedMessage},
    spare::Spare,
};
use std::borrow::Cow;

impl Outgoing {
    /// Has each message go by the general path, since it may be compressed.
    pub(in crate::connection) const fn leave_fast_path(&mut self) {
        self.has_fast_path = false;
    }

    /// Queues a message as it is.
    pub(in crate::connection) fn whole_message(&mut self, message: Message<'_>) {
        let kind = Kind::of(&message);
        match message.into_bytes() {
            Cow::Borrowed(bytes) => self.message(kind, bytes),
            Cow::Owned(bytes) => self.owned_message(kind, bytes),
        }
    }

    /// Queues a message compressed, if that makes it shorter. Returns whether it did.
    pub(in crate::connection) fn try_compressed(&mut self, kind: Kind, payload: &[u8], how: Compression) -> bool {
        if !how.is_worth(payload) {
            return false;
        }
        let (mut deflater, mut engines) = self.take_deflater(how);
        let result = deflater.sending.compress(&mut engines, payload);
        let is_shorter = result.is_some();
        if let Some(bytes) = result {
            let key = self.mask_key();
            self.output.compressed_frame(true, kind.opcode(), bytes, key);
            deflater.is_used = true;
        }
        self.put_deflater(deflater, engines);
        is_shorter
    }

    /// Queues a message that was compressed for all, if that makes it shorter. Returns whether it did.
    pub(in crate::connection) fn try_shared_compressed(&mut self, message: &SharedMessage, how: Compression) -> bool {
        let payload = message.payload();
        if !how.may_share(payload) {
            return false;
        }
        let compressed = message.compressed(|payload| {
            let mut engines = self.output.spare().map(Spare::take_engines).unwrap_or_default();
            let bytes = compress_alone(&mut engines, how.options.level(), payload).map(Cow::into_owned);
            if let Some(spare) = self.output.spare() {
                spare.put_engines(engines);
            }
            bytes
        });
        let Some(compressed) = compressed else { return false };
        let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
        match self.mask_key() {
            None => self.output.share(&compressed.frame),
            key => self.output.compressed_frame(true, kind.opcode(), Cow::Borrowed(compressed.payload()), key),
        }
        self.note_shared(payload);
        true
    }

    /// Notes the text of a compressed message that other connections send too.
    pub(in crate::connection) fn note_shared(&mut self, payload: &[u8]) {
        // Without a deflater no text is kept that a later message would refer to.
        if let Some(deflater) = &mut self.deflater {
            deflater.sending.push(payload);
            deflater.is_used = true;
        }
    }

    /// Queues a fragment compressed, if its message is: the first one decides for all. Returns whether it did.
    ///
    /// Section 6.1: "Note that the "Per-Message Compressed" bit [...] is set only on the first fragment".
    pub(in crate::connection) fn try_compressed_fragment(
        &mut self,
        kind: Kind,
        payload: &[u8],
        is_last: bool,
        how: Compression,
    ) -> bool {
        if !self.compresses_fragment(how) {
            return false;
        }
        let begins = !self.is_mid_message();
        let (mut deflater, mut engines) = self.take_deflater(how);
        let bytes = deflater.sending.compress_fragment(&mut engines, payload, is_last);
        let key = self.mask_key();
        if begins {
            self.output.compressed_frame(false, kind.opcode(), bytes, key);
        } else {
            self.output.frame(is_last, OpCode::Continuation, &bytes, key);
        }
        (deflater.is_mid_message, deflater.is_used) = (!is_last, true);
        self.put_deflater(deflater, engines);
        self.fragmented = (!is_last).then_some(kind);
        true
    }

    /// Whether the next fragment leaves compressed.
    fn compresses_fragment(&self, how: Compression) -> bool {
        match &self.deflater {
            _ if !self.is_mid_message() => how.options.fragments,
            Some(deflater) => deflater.is_mid_message,
            None => false,
        }
    }

    /// The most bytes that the payload of the next fragment may take.
    pub(in crate::connection) fn max_fragment_len(&self, len: usize, how: Compression) -> usize {
        if self.compresses_fragment(how) { max_fragment_len(len) } else { len }
    }

    /// The memory that is kept for later messages, in bytes. Engines of its own do not count.
    #[inline]
    pub(in crate::connection) fn kept(&self) -> usize {
        self.deflater.as_ref().map_or(0, |deflater| size_of::<Deflater>() + deflater.sending.held_bytes())
    }

    /// Moves what is kept for later messages, if that was allocated among messages that are gone.
    pub(in crate::connection) fn settle_kept(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.sending.settle();
        }
    }

    /// Gives back the text of earlier messages, unless one is in progress. The peer does not notice.
    ///
    /// Section 7.2.1 lets a message refer to earlier ones, and none has to.
    pub(in crate::connection) fn forget(&mut self) {
        self.deflater.take_if(|deflater| !deflater.is_mid_message);
    }

    /// The same if none has been compressed since the last call.
    pub(in crate::connection) fn forget_if_unused(&mut self) {
        if let Some(deflater) = &mut self.deflater
            && !std::mem::take(&mut deflater.is_used)
        {
            self.forget();
        }
    }

    fn take_deflater(&mut self, how: Compression) -> (Box<Deflater>, Box<Engines>) {
        let mut deflater = self.deflater.take().unwrap_or_else(|| Box::new(Deflater::new(how)));
        let own = deflater.own.take();
        let engines = match self.output.spare() {
            Some(spare) => spare.take_engines(),
            None => own.unwrap_or_default(),
        };
        (deflater, engines)
    }

    /// Keeps what the next message needs.
    fn put_deflater(&mut self, mut deflater: Box<Deflater>, engines: Box<Engines>) {
        match self.output.spare() {
            Some(spare) => spare.put_engines(engines),
            None => deflater.own = Some(engines),
        }
        self.deflater = (!deflater.is_idle()).then_some(deflater);
    }
}
