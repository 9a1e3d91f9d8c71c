//! Compressed messages on their way through the reader: RFC 7692 section 6.

use super::Reader;
use crate::{
    config::{Config, Delivery},
    deflate::{Direction, inflate::Due},
    error::ProtocolError,
    message::{compressed::Compressed, item::Item, open::Part},
    spare::Spare,
};

impl Reader {
    /// Reads compressed messages too, if the `peer` may compress.
    #[inline]
    pub(crate) const fn expect_compressed(&mut self, peer: Option<Direction>) {
        self.peer = peer;
    }

    /// Moves what is kept for later messages, if that was allocated among messages that are gone.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if let Some(compressed) = &mut self.compressed {
            compressed.settle();
        }
    }

    /// As [`read`](Self::read), from a peer that may compress.
    // Out of line, so that a connection that does not compress pays for a comparison only.
    #[inline(never)]
    pub(super) fn read_compressed<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        mut spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        if self.has_rest() {
            let item = self.inflate_rest(config, spare.as_deref_mut())?;
            if item.is_some() || self.has_rest() {
                return Ok(item);
            }
        }
        let item = self.read_frames::<true>(input, config, spare);
        self.is_mid_message = self.is_in_progress();
        item
    }

    /// Whether something of a compressed message may come without more input.
    pub(super) fn has_rest(&self) -> bool {
        self.compressed.as_ref().is_some_and(|compressed| compressed.has_rest())
    }

    /// Takes a part of a compressed message. Returns the message if it ends with it, or a chunk.
    pub(super) fn inflate(
        &mut self,
        part: &Part<'_>,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        let due = match (part.ends_frame, config.delivery) {
            (true, _) if part.is_final => Due::Last,
            (true, Delivery::Chunks) => Due::Now,
            (true, Delivery::Messages) | (false, _) => Due::Later,
        };
        let peer = self.peer.expect("a compressed frame needs an agreement");
        let message = self.message.as_mut().expect("the header of a data frame has begun a message or belongs to one");
        let compressed = self.compressed.get_or_insert_with(|| Box::new(Compressed::new(peer)));
        let item = compressed.inflate(due, part.payload, message, config, spare)?;
        self.after_inflating(item.as_ref());
        Ok(item)
    }

    /// Goes on with what is held of a compressed message.
    pub(super) fn inflate_rest(
        &mut self,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        let (Some(compressed), Some(message)) = (&mut self.compressed, &mut self.message) else { return Ok(None) };
        let item = compressed.inflate_rest(message, config, spare)?;
        self.after_inflating(item.as_ref());
        Ok(item)
    }

    fn after_inflating(&mut self, item: Option<&Item<'_>>) {
        if matches!(item, Some(Item::Message(_) | Item::Chunk { is_last: true, .. })) {
            (self.message, self.is_mid_message) = (None, false);
            self.compressed.take_if(|compressed| compressed.is_idle());
        }
    }
}
