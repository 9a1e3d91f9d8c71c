//! The part of an unfinished message that has come.

use super::{Message, read_buffer::ReadBuffer};
use crate::{error::ProtocolError, spare::Spare, utf8::Utf8Stream};
use std::{borrow::Cow, mem};

/// The payload of an unfinished message. Text is validated piece by piece and held as text, so that no byte is
/// validated twice.
#[derive(Clone, Debug)]
pub(super) enum Assembly {
    Text { held: String, utf8: Utf8Stream },
    Binary(ReadBuffer),
}

/// The numbers that decide on the memory to reserve for a part of a message.
#[derive(Debug)]
pub(super) struct Growth<'s> {
    /// The payload bytes that the headers so far have announced.
    pub(super) announced: u64,
    /// The bytes already read after this part; `None` in the last frame.
    pub(super) behind: Option<usize>,
    /// The most bytes of a message.
    pub(super) limit: u64,
    /// Recycled memory.
    pub(super) spare: Option<&'s mut Spare>,
}

/// The announced size of a message is trusted once a sixteenth of it has come.
const TRUSTED_MULTIPLE: usize = 16;

impl Growth<'_> {
    const fn no_memory(&self) -> ProtocolError {
        ProtocolError::OutOfMemory { size: self.announced }
    }

    /// The number of bytes to reserve for `len` more bytes behind `held`, and a recycled block of at least that size if
    /// there is one. Until the announced size is trusted, the memory doubles, up to the limit. So it does if that size
    /// counts compressed bytes, and there are more.
    fn reserve(self, held: usize, len: usize, capacity: usize) -> (usize, Option<Vec<u8>>) {
        let needed = held + len;
        if needed <= capacity {
            return (0, None);
        }
        let doubled = 2 * needed;
        let most = needed.saturating_mul(TRUSTED_MULTIPLE);
        let announced = usize::try_from(self.announced).ok();
        let trusted = announced.filter(|announced| (needed..=most).contains(announced));
        let whole = match self.behind {
            None => trusted.unwrap_or(doubled),
            // The bytes behind may belong to further frames of this message.
            Some(behind) => (needed + behind).clamp(doubled, most).max(trusted.unwrap_or_default()),
        };
        let whole = whole.min(usize::try_from(self.limit).unwrap_or(usize::MAX)).max(needed);
        (whole - held, self.spare.and_then(|spare| spare.take(whole, most)))
    }
}

impl Assembly {
    pub(super) const fn text() -> Self {
        Self::Text { held: String::new(), utf8: Utf8Stream::EMPTY }
    }

    pub(super) const fn binary() -> Self {
        Self::Binary(ReadBuffer::EMPTY)
    }

    /// The bytes of payload that have come.
    #[cfg(feature = "deflate")]
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Text { held, utf8 } => held.len() + utf8.len(),
            Self::Binary(held) => held.len(),
        }
    }

    /// The memory for the payload, in bytes.
    pub(super) const fn capacity(&self) -> usize {
        match self {
            Self::Text { held, .. } => held.capacity(),
            Self::Binary(held) => held.capacity(),
        }
    }

    /// Keeps `piece`. Without memory for it, gives back what is held, of which the Close needs a little.
    pub(super) fn push(&mut self, piece: &[u8], growth: Growth<'_>) -> Result<(), ProtocolError> {
        match self {
            Self::Text { held, utf8 } => {
                let (completed, rest) = utf8.push(piece).map_err(|_| ProtocolError::InvalidText)?;
                let no_memory = growth.no_memory();
                let (more, memory) = growth.reserve(held.len(), piece.len(), held.capacity());
                if let Some(mut memory) = memory {
                    memory.clear();
                    let before = mem::replace(held, String::from_utf8(memory).expect("an empty text is UTF-8"));
                    held.push_str(&before);
                }
                if held.try_reserve_exact(more).is_err() {
                    *held = String::new();
                    return Err(no_memory);
                }
                held.extend(completed);
                held.push_str(rest);
            }
            Self::Binary(held) => {
                let no_memory = growth.no_memory();
                let (more, memory) = growth.reserve(held.len(), piece.len(), held.capacity());
                if let Some(memory) = memory {
                    held.move_to(memory);
                }
                if held.try_reserve(more).is_err() {
                    *held = ReadBuffer::EMPTY;
                    return Err(no_memory);
                }
                held.push(piece);
            }
        }
        Ok(())
    }

    /// Ends the message with `piece`. The message borrows `piece` if that is all of it.
    pub(super) fn finish<'b>(&mut self, piece: &'b [u8], growth: Growth<'_>) -> Result<Message<'b>, ProtocolError> {
        match self {
            Self::Text { held, utf8 } if held.is_empty() && utf8.is_complete() => {
                let text = simdutf8::basic::from_utf8(piece).map_err(|_| ProtocolError::InvalidText)?;
                return Ok(Message::Text(Cow::Borrowed(text)));
            }
            Self::Binary(held) if held.len() == 0 => return Ok(Message::Binary(Cow::Borrowed(piece))),
            Self::Text { .. } | Self::Binary(_) => self.push(piece, growth)?,
        }
        match self {
            Self::Text { utf8, .. } if !utf8.is_complete() => Err(ProtocolError::InvalidText),
            Self::Text { held, .. } => Ok(Message::Text(Cow::Owned(mem::take(held)))),
            Self::Binary(held) => Ok(Message::Binary(Cow::Owned(mem::take(held).into_vec()))),
        }
    }

    /// Hands out `piece` instead of keeping it. Of text, hands out whole code points. `size` is the number of bytes
    /// that the headers so far have announced.
    pub(super) fn pass_on<'b>(
        &mut self,
        piece: &'b [u8],
        is_last: bool,
        size: u64,
    ) -> Result<Message<'b>, ProtocolError> {
        match self {
            Self::Text { utf8, .. } => {
                let (completed, rest) = utf8.push(piece).map_err(|_| ProtocolError::InvalidText)?;
                if is_last && !utf8.is_complete() {
                    return Err(ProtocolError::InvalidText);
                }
                Ok(Message::Text(match completed {
                    None => Cow::Borrowed(rest),
                    Some(first) => {
                        let mut text = String::new();
                        let len = first.len_utf8() + rest.len();
                        text.try_reserve_exact(len).map_err(|_| ProtocolError::OutOfMemory { size })?;
                        text.push(first);
                        text.push_str(rest);
                        Cow::Owned(text)
                    }
                }))
            }
            Self::Binary(_) => Ok(Message::Binary(Cow::Borrowed(piece))),
        }
    }
}
