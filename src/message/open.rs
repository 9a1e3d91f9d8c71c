//! What the peer has begun and not ended: a frame, a message.

use super::assembly::Assembly;
use crate::{
    config::{Config, Delivery},
    error::ProtocolError,
    frame::{Header, MaskKey, OpCode},
};

/// A frame whose payload is not complete.
#[derive(Clone, Debug)]
pub(super) struct OpenFrame {
    pub(super) opcode: OpCode,
    pub(super) is_final: bool,
    pub(super) remaining: u64,
    /// The key for the next byte of payload.
    pub(super) key: MaskKey,
}

/// A part of a frame's payload, unmasked.
pub(super) struct Part<'b> {
    pub(super) payload: &'b [u8],
    pub(super) opcode: OpCode,
    pub(super) is_final: bool,
    pub(super) ends_frame: bool,
}

/// A message whose last frame is not complete.
#[derive(Clone, Debug)]
pub(super) struct OpenMessage {
    pub(super) assembly: Assembly,
    pub(super) handling: Handling,
    /// The payload bytes that the headers so far have announced.
    pub(super) size: u64,
    pub(super) fragments: u32,
    /// A part has been kept since the last look.
    pub(super) has_part: bool,
}

/// What happens to the payload of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    Assemble,
    HandOn,
    #[cfg(feature = "deflate")]
    Inflate,
}

impl OpenMessage {
    /// The message that `header` begins.
    pub(super) fn new<const MAY_INFLATE: bool>(header: &Header, config: &Config) -> Self {
        let assembly = if header.opcode == OpCode::Text { Assembly::text() } else { Assembly::binary() };
        Self { assembly, handling: handling::<MAY_INFLATE>(header, config), size: 0, fragments: 0, has_part: false }
    }

    /// Whether the payload is the message itself.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.handling, Handling::Assemble | Handling::HandOn)
    }

    /// The bytes of payload for `limit` bytes of text. Random bytes grow when they are compressed: by 6 % at level 1 of
    /// zlib.
    const fn payload_limit<const MAY_INFLATE: bool>(&self, limit: u64) -> u64 {
        if !MAY_INFLATE || self.is_plain() { limit } else { limit.saturating_add(limit / 8 + 64) }
    }

    /// Section 10.4: "Implementations that have implementation- and/or platform-specific limitations regarding the
    /// frame size or total message size after reassembly from multiple frames MUST protect themselves against
    /// exceeding those limits."
    pub(super) fn admit_frame<const MAY_INFLATE: bool>(
        &mut self,
        frame_len: u64,
        config: &Config,
    ) -> Result<(), ProtocolError> {
        let limit = self.payload_limit::<MAY_INFLATE>(config.max_frame_bytes);
        if frame_len > limit {
            return Err(ProtocolError::FrameTooLarge { size: frame_len, limit });
        }
        self.size = self.size.saturating_add(frame_len);
        let limit = self.payload_limit::<MAY_INFLATE>(config.max_message_bytes);
        if self.size > limit {
            return Err(ProtocolError::MessageTooLarge { size: self.size, limit });
        }
        if self.fragments == config.max_fragments {
            return Err(ProtocolError::TooManyFragments { limit: config.max_fragments });
        }
        self.fragments += 1;
        Ok(())
    }
}

/// What happens to the payload of the message that `header` begins.
fn handling<const MAY_INFLATE: bool>(header: &Header, config: &Config) -> Handling {
    debug_assert!(MAY_INFLATE || header.reserved == 0, "an extension must define a reserved bit");
    match config.delivery {
        #[cfg(feature = "deflate")]
        _ if MAY_INFLATE && header.reserved != 0 => Handling::Inflate,
        Delivery::Messages => Handling::Assemble,
        Delivery::Chunks => Handling::HandOn,
    }
}
