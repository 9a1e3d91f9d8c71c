//! The part of a message that came before the rest of it.

use super::Message;
use crate::{error::ProtocolError, utf8::Utf8Stream};
use std::{borrow::Cow, mem};

/// What is held of a message whose end is still to come. Text is checked piece by piece and held as text, so that its
/// end needs no second look at its beginning.
#[derive(Clone, Debug)]
pub(super) enum Assembly {
    Text { held: String, utf8: Utf8Stream },
    Binary(Vec<u8>),
}

impl Assembly {
    pub(super) const fn text() -> Self {
        Self::Text { held: String::new(), utf8: Utf8Stream::EMPTY }
    }

    pub(super) const fn binary() -> Self {
        Self::Binary(Vec::new())
    }

    /// Keeps `piece`.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        match self {
            Self::Text { held, utf8 } => {
                let (completed, rest) = utf8.push(piece).map_err(|_| ProtocolError::InvalidText)?;
                held.extend(completed);
                held.push_str(rest);
            }
            Self::Binary(held) => held.extend_from_slice(piece),
        }
        Ok(())
    }

    /// Ends the message with `piece`, which is lent on if nothing is held.
    pub(super) fn finish<'b>(&mut self, piece: &'b [u8]) -> Result<Message<'b>, ProtocolError> {
        match self {
            Self::Text { held, utf8 } if held.is_empty() && utf8.is_complete() => {
                let text = simdutf8::basic::from_utf8(piece).map_err(|_| ProtocolError::InvalidText)?;
                return Ok(Message::Text(Cow::Borrowed(text)));
            }
            Self::Binary(held) if held.is_empty() => return Ok(Message::Binary(Cow::Borrowed(piece))),
            Self::Text { .. } | Self::Binary(_) => self.push(piece)?,
        }
        match self {
            Self::Text { utf8, .. } if !utf8.is_complete() => Err(ProtocolError::InvalidText),
            Self::Text { held, .. } => Ok(Message::Text(Cow::Owned(mem::take(held)))),
            Self::Binary(held) => Ok(Message::Binary(Cow::Owned(mem::take(held)))),
        }
    }

    /// Hands `piece` on instead of keeping it; of text, the whole code points that there are now.
    pub(super) fn pass_on<'b>(&mut self, piece: &'b [u8], is_last: bool) -> Result<Message<'b>, ProtocolError> {
        match self {
            Self::Text { utf8, .. } => {
                let (completed, rest) = utf8.push(piece).map_err(|_| ProtocolError::InvalidText)?;
                if is_last && !utf8.is_complete() {
                    return Err(ProtocolError::InvalidText);
                }
                Ok(Message::Text(match completed {
                    None => Cow::Borrowed(rest),
                    Some(first) => Cow::Owned(format!("{first}{rest}")),
                }))
            }
            Self::Binary(_) => Ok(Message::Binary(Cow::Borrowed(piece))),
        }
    }
}
