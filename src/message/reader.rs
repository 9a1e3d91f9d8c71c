//! Frames to messages: RFC 6455 sections 5.4, 5.5 and 6.2 on the receiving side.

#[cfg(feature = "deflate")]
mod compression;
mod control;

#[cfg(feature = "deflate")]
use super::compressed::Compressed;
use super::{
    Message,
    assembly::{Assembly, Growth},
    item::Item,
    open::{Handling, OpenFrame, OpenMessage, Part},
};
#[cfg(feature = "deflate")]
use crate::deflate::Direction;
use crate::{
    config::{Config, Delivery},
    error::ProtocolError,
    frame::{Header, OpCode, RSV1, decode::PartialHeader, fast, mask},
    role::Role,
    spare::Spare,
};
use control::ControlPayload;
use std::{borrow::Cow, mem};

/// Reads the frames of the peer. Between messages it holds no memory on the heap, but for the history of compressed
/// ones.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The role of the local party.
    role: Role,
    header: PartialHeader,
    /// The frame whose payload is not complete.
    frame: Option<OpenFrame>,
    /// The message whose last frame is not complete.
    message: Option<OpenMessage>,
    control: ControlPayload,
    /// `header`, `frame` or `message` is in progress.
    is_mid_message: bool,
    /// How the peer may compress; `None` without an agreement.
    #[cfg(feature = "deflate")]
    peer: Option<Direction>,
    /// `None` before the first compressed message and, without context takeover, between two.
    #[cfg(feature = "deflate")]
    compressed: Option<Box<Compressed>>,
    /// Payloads shorter than this may take the fast path; 0 switches it off. In 4 bytes, to save memory: a longer
    /// payload gains nothing by it.
    fast_path_below: u32,
}

impl Reader {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        let limit = config.max_frame_bytes.min(config.max_message_bytes);
        let has_fast_path = config.delivery == Delivery::Messages && config.max_fragments > 0;
        Self {
            role,
            header: PartialHeader::EMPTY,
            frame: None,
            message: None,
            control: ControlPayload::EMPTY,
            is_mid_message: false,
            #[cfg(feature = "deflate")]
            peer: None,
            #[cfg(feature = "deflate")]
            compressed: None,
            fast_path_below: if has_fast_path { u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX) } else { 0 },
        }
    }

    /// Whether a message or a frame has begun and not ended.
    #[inline]
    pub(crate) const fn is_mid_message(&self) -> bool {
        self.is_mid_message
    }

    /// The memory for the unfinished message, in bytes.
    #[inline]
    pub(crate) fn buffered(&self) -> usize {
        let buffered = self.message.as_ref().map_or(0, |message| message.assembly.capacity());
        #[cfg(feature = "deflate")]
        let buffered = buffered + self.compressed.as_ref().map_or(0, |compressed| compressed.buffered());
        buffered
    }

    /// The memory that is kept for later messages, in bytes.
    #[cfg(feature = "deflate")]
    pub(crate) fn kept(&self) -> usize {
        self.compressed.as_ref().map_or(0, |compressed| compressed.kept())
    }

    /// The most memory that the peer may still cause for one message, in bytes, besides that which is reserved.
    #[cfg(feature = "server")]
    pub(crate) fn max_growth(&self, config: &Config) -> u64 {
        let buffered = self.buffered() as u64;
        match (&self.message, &self.frame) {
            _ if config.delivery == Delivery::Chunks => 0,
            (Some(message), Some(frame)) if frame.is_final && message.is_plain() && !frame.opcode.is_control() => {
                message.size.saturating_sub(buffered)
            }
            (Some(_) | None, Some(_) | None) => config.max_message_bytes.saturating_sub(buffered),
        }
    }

    /// Whether something may be handed out without more input: a frame whose whole payload has been
    /// [committed](Self::commit), or the rest of a compressed message.
    pub(crate) fn has_more(&self) -> bool {
        #[cfg(feature = "deflate")]
        if self.has_rest() {
            return true;
        }
        self.frame.as_ref().is_some_and(|frame| frame.remaining == 0)
    }

    /// Whether a part of an unfinished message has been kept since the last call.
    pub(crate) fn take_part(&mut self) -> bool {
        self.message.as_mut().is_some_and(|message| mem::take(&mut message.has_part))
    }

    /// Fast path of [`read`](Self::read): takes an unfragmented message off the front of `input` if it is there whole.
    /// `None` means "take the general path", and has changed nothing.
    #[inline(always)]
    pub(crate) fn read_whole<'b>(&self, input: &mut &'b mut [u8]) -> Option<Result<Message<'b>, ProtocolError>> {
        if self.is_mid_message {
            return None;
        }
        let (header, used) = fast::decode(input, self.role)?;
        if header.len >= u64::from(self.fast_path_below) || header.len > (input.len() - used) as u64 {
            return None;
        }
        let payload = &mut input.split_off_mut(..used + header.len as usize)?[used..];
        mask::apply(payload, header.key);
        if header.opcode != OpCode::Text {
            return Some(Ok(Message::Binary(Cow::Borrowed(payload))));
        }
        Some(match simdutf8::basic::from_utf8(payload) {
            Ok(text) => Ok(Message::Text(Cow::Borrowed(text))),
            Err(_) => Err(ProtocolError::InvalidText),
        })
    }

    /// Takes the next item off the front of `input`, or all of `input` if there is no complete item. At the end of the
    /// allowance for inflating it leaves the rest of `input`, and [has more](Self::has_more).
    ///
    /// The reader must not be used again after an error: the bytes that follow have no meaning.
    #[inline]
    pub(crate) fn read<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        #[cfg(feature = "deflate")]
        if self.peer.is_some() {
            return self.read_compressed(input, config, spare);
        }
        self.read_plain(input, config, spare)
    }

    // Out of line, and with one variable for all results: others would be copied.
    #[inline(never)]
    fn read_plain<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        let item = self.read_frames::<false>(input, config, spare);
        self.is_mid_message = self.is_in_progress();
        item
    }

    /// Whether `header`, `frame` or `message` is in progress.
    fn is_in_progress(&self) -> bool {
        self.message.is_some() || self.frame.is_some() || !self.header.is_empty()
    }

    /// Reads frames that `MAY_INFLATE`. Those that may not are read by code of their own, without compression in it.
    fn read_frames<'b, const MAY_INFLATE: bool>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        mut spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None => match self.next_header::<MAY_INFLATE>(input)? {
                    Some(header) => self.begin_frame::<MAY_INFLATE>(&header, config)?,
                    None => return Ok(None),
                },
            };
            let payload = split_front(input, frame.remaining);
            if payload.is_empty() && frame.remaining > 0 {
                return Ok(None);
            }
            mask::apply(payload, frame.key);
            frame.key = mask::key_after(frame.key, payload.len());
            frame.remaining -= payload.len() as u64;
            let part =
                Part { payload, opcode: frame.opcode, is_final: frame.is_final, ends_frame: frame.remaining == 0 };
            if part.ends_frame {
                self.frame = None;
            }
            let item = if part.opcode.is_control() {
                self.control.push::<MAY_INFLATE>(part)?
            } else {
                self.data_payload::<MAY_INFLATE>(part, input.len(), config, spare.as_deref_mut())?
            };
            if item.is_some() {
                return Ok(item);
            }
            #[cfg(feature = "deflate")]
            if MAY_INFLATE && self.has_rest() {
                return Ok(None);
            }
        }
    }

    /// Memory to read payload into without a copy, if a binary message is being assembled and its frame lacks at least
    /// `least` bytes. Call [`commit`](Self::commit) with the number of bytes read.
    pub(crate) fn spare_mut(&mut self, least: u64) -> Option<&mut [u8]> {
        let missing = self.frame.as_ref()?.remaining;
        let message = self.message.as_mut()?;
        match &mut message.assembly {
            Assembly::Binary(held) if missing >= least && message.handling == Handling::Assemble => {
                let room = held.spare_mut(usize::try_from(missing).unwrap_or(usize::MAX));
                (!room.is_empty()).then_some(room)
            }
            Assembly::Binary(_) | Assembly::Text { .. } => None,
        }
    }

    /// Makes the first `len` bytes of [`spare_mut`](Self::spare_mut) part of the payload.
    pub(crate) fn commit(&mut self, len: usize) {
        if let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message)
            && let Assembly::Binary(held) = &mut message.assembly
        {
            mask::apply(held.commit(len), frame.key);
            frame.key = mask::key_after(frame.key, len);
            frame.remaining -= len as u64;
            message.has_part = true;
        }
    }

    #[inline]
    fn next_header<const MAY_INFLATE: bool>(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, ProtocolError> {
        if MAY_INFLATE {
            self.header.decode::<RSV1>(input, self.role)
        } else {
            self.header.decode::<0>(input, self.role)
        }
    }

    /// Checks the rules about the order of frames, and the limits.
    fn begin_frame<const MAY_INFLATE: bool>(
        &mut self,
        header: &Header,
        config: &Config,
    ) -> Result<&mut OpenFrame, ProtocolError> {
        if !header.opcode.is_control() {
            let message = match (header.opcode, self.message.as_mut()) {
                (OpCode::Continuation, Some(message)) => message,
                (OpCode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
                (_, Some(_)) => return Err(ProtocolError::InterleavedMessage),
                (_, None) => self.message.insert(OpenMessage::new::<MAY_INFLATE>(header, config)),
            };
            message.admit_frame::<MAY_INFLATE>(header.len, config)?;
        }
        let &Header { opcode, is_final, len: remaining, key, .. } = header;
        Ok(self.frame.insert(OpenFrame { opcode, is_final, remaining, key }))
    }

    /// `behind` is the number of bytes already read after the part.
    fn data_payload<'b, const MAY_INFLATE: bool>(
        &mut self,
        part: Part<'b>,
        behind: usize,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        let payload = part.payload;
        let message = self.message.as_mut().expect("the header of a data frame has begun a message or belongs to one");
        let is_last = part.is_final && part.ends_frame;
        let behind = (!part.is_final).then_some(behind);
        let growth = Growth { announced: message.size, behind, limit: config.max_message_bytes, spare };
        #[cfg(feature = "deflate")]
        if MAY_INFLATE && message.handling == Handling::Inflate {
            return self.inflate(&part, config, growth.spare);
        }
        let item = if message.handling == Handling::HandOn {
            let data = message.assembly.pass_on(payload, is_last, message.size)?;
            (is_last || !data.is_empty()).then_some(Item::Chunk { data, is_last })
        } else if is_last {
            Some(Item::Message(message.assembly.finish(payload, growth)?))
        } else {
            message.assembly.push(payload, growth)?;
            message.has_part = true;
            None
        };
        if is_last {
            self.message = None;
        }
        Ok(item)
    }
}

/// Takes at most `len` bytes off the front of `input`.
fn split_front<'b>(input: &mut &'b mut [u8], len: u64) -> &'b mut [u8] {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(input.len());
    input.split_off_mut(..len).expect("the length is at most that of the input")
}
