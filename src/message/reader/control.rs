//! The payload of a control frame, which may come in several inputs.

use crate::{
    close_frame::CloseFrame,
    error::ProtocolError,
    frame::{MAX_CONTROL_PAYLOAD, OpCode},
    message::{item::Item, open::Part},
};
use std::borrow::Cow;

/// The part that has come of the payload of a control frame. Boxed: few control frames straddle two inputs.
#[derive(Debug)]
pub(super) struct ControlPayload(Option<Box<Held>>);

#[derive(Debug)]
struct Held {
    payload: [u8; MAX_CONTROL_PAYLOAD],
    len: usize,
}

impl ControlPayload {
    /// Nothing has come.
    pub(super) const EMPTY: Self = Self(None);

    /// Takes the next part. Hands out the frame with the last one.
    // Each way through the reader has code of its own, so that it can be in line in both.
    pub(super) fn push<'b, const MAY_INFLATE: bool>(
        &mut self,
        part: Part<'b>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        let payload = match self.0.take() {
            None if part.ends_frame => Cow::Borrowed(part.payload),
            held => {
                let held = held.unwrap_or_default().with(part.payload);
                if !part.ends_frame {
                    self.0 = Some(held);
                    return Ok(None);
                }
                Cow::Owned(held.payload[..held.len].to_vec())
            }
        };
        Ok(Some(match part.opcode {
            OpCode::Ping => Item::Ping(payload),
            OpCode::Pong => Item::Pong(payload),
            OpCode::Close => Item::Close(CloseFrame::decode(&payload)?),
            OpCode::Continuation | OpCode::Text | OpCode::Binary => {
                unreachable!("the caller passes control frames only")
            }
        }))
    }
}

impl Default for Held {
    fn default() -> Self {
        Self { payload: [0; MAX_CONTROL_PAYLOAD], len: 0 }
    }
}

impl Held {
    /// Appends `bytes`. The header was checked: section 5.5 allows a control frame 125 bytes.
    fn with(mut self: Box<Self>, bytes: &[u8]) -> Box<Self> {
        self.payload[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        self
    }
}
