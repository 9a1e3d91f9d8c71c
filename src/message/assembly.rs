//! The part of a message that came before the rest of it.

use super::{Message, held::Held};
use crate::{error::ProtocolError, spare::Spare, utf8::Utf8Stream};
use std::{borrow::Cow, mem};

/// What is held of a message whose end is still to come. Text is checked piece by piece and held as text, so that its
/// end needs no second look at its beginning.
#[derive(Clone, Debug)]
pub(super) enum Assembly {
    Text { held: String, utf8: Utf8Stream },
    Binary(Held),
}

/// What is known when room is to be made for a part of a message.
#[derive(Debug)]
pub(super) struct Room<'s> {
    /// Bytes that the headers so far have announced.
    pub(super) announced: u64,
    /// Bytes that have come behind the part, if more frames are to follow: they may be of this message.
    pub(super) behind: Option<usize>,
    pub(super) spare: Option<&'s mut Spare>,
}

/// How many times what has come of a message may be reserved for the whole of it.
const TRUST: usize = 16;

impl Room<'_> {
    /// For `len` bytes behind `held`, of which `capacity` has no room: how much room to make, and memory that has it. What
    /// a peer only announces is believed once a sixteenth of it has come; until then the room doubles.
    fn find(self, held: usize, len: usize, capacity: usize) -> (usize, Option<Vec<u8>>) {
        let needed = held + len;
        if needed <= capacity {
            return (0, None);
        }
        let most = needed.saturating_mul(TRUST);
        let announced = usize::try_from(self.announced).ok().filter(|announced| *announced <= most);
        let whole = match self.behind {
            None => announced.unwrap_or(2 * needed),
            Some(behind) => (needed + behind).clamp(2 * needed, most).max(announced.unwrap_or_default()),
        };
        let whole = whole.max(needed);
        (whole - held, self.spare.and_then(|spare| spare.take(whole, most)))
    }
}

impl Assembly {
    pub(super) const fn text() -> Self {
        Self::Text { held: String::new(), utf8: Utf8Stream::EMPTY }
    }

    pub(super) const fn binary() -> Self {
        Self::Binary(Held::EMPTY)
    }

    /// Keeps `piece`, and makes room for it if there is none.
    pub(super) fn push(&mut self, piece: &[u8], room: Room<'_>) -> Result<(), ProtocolError> {
        match self {
            Self::Text { held, utf8 } => {
                let (completed, rest) = utf8.push(piece).map_err(|_| ProtocolError::InvalidText)?;
                let (more, memory) = room.find(held.len(), piece.len(), held.capacity());
                if let Some(mut memory) = memory {
                    memory.clear();
                    let before = mem::replace(held, String::from_utf8(memory).expect("it is empty"));
                    held.push_str(&before);
                }
                held.reserve_exact(more);
                held.extend(completed);
                held.push_str(rest);
            }
            Self::Binary(held) => {
                let (more, memory) = room.find(held.len(), piece.len(), held.capacity());
                if let Some(memory) = memory {
                    held.move_to(memory);
                }
                held.reserve(more);
                held.push(piece);
            }
        }
        Ok(())
    }

    /// Ends the message with `piece`, which is lent on if nothing is held.
    pub(super) fn finish<'b>(&mut self, piece: &'b [u8], room: Room<'_>) -> Result<Message<'b>, ProtocolError> {
        match self {
            Self::Text { held, utf8 } if held.is_empty() && utf8.is_complete() => {
                let text = simdutf8::basic::from_utf8(piece).map_err(|_| ProtocolError::InvalidText)?;
                return Ok(Message::Text(Cow::Borrowed(text)));
            }
            Self::Binary(held) if held.len() == 0 => return Ok(Message::Binary(Cow::Borrowed(piece))),
            Self::Text { .. } | Self::Binary(_) => self.push(piece, room)?,
        }
        match self {
            Self::Text { utf8, .. } if !utf8.is_complete() => Err(ProtocolError::InvalidText),
            Self::Text { held, .. } => Ok(Message::Text(Cow::Owned(mem::take(held)))),
            Self::Binary(held) => Ok(Message::Binary(Cow::Owned(mem::take(held).into_vec()))),
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
