//! What the frames of the peer amount to.

use super::Message;
use crate::{close_frame::CloseFrame, error::ProtocolError};
use std::borrow::Cow;

/// A message, a chunk of one, or a control frame.
#[derive(Debug)]
pub(crate) enum Item<'b> {
    Message(Message<'b>),
    Chunk { data: Message<'b>, is_last: bool },
    Ping(Cow<'b, [u8]>),
    Pong(Cow<'b, [u8]>),
    Close(CloseFrame),
}

impl Item<'_> {
    /// The same item with bytes of its own, if there is memory for them.
    pub(crate) fn try_into_owned(self) -> Result<Item<'static>, ProtocolError> {
        let no_memory = |len: usize| ProtocolError::OutOfMemory { size: len as u64 };
        Ok(match self {
            Self::Message(message) => Item::Message(message.try_into_owned().map_err(no_memory)?),
            Self::Chunk { data, is_last } => Item::Chunk { data: data.try_into_owned().map_err(no_memory)?, is_last },
            // These have at most 125 bytes, as has the Pong that answers.
            Self::Ping(payload) => Item::Ping(Cow::Owned(payload.into_owned())),
            Self::Pong(payload) => Item::Pong(Cow::Owned(payload.into_owned())),
            Self::Close(frame) => Item::Close(frame),
        })
    }
}
