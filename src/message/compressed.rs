//! The payload of compressed messages to plain text: RFC 7692 section 6.2.

use super::{assembly::Growth, item::Item, open::OpenMessage};
use crate::{
    config::{Config, Delivery},
    deflate::{
        Direction,
        engines::Engines,
        inflate::{Due, InflateError, Receiving, Step},
    },
    error::ProtocolError,
    spare::Spare,
};

/// What messages may refer back to, and the compressed message in progress.
#[derive(Debug)]
pub(super) struct Compressed {
    receiving: Receiving,
    /// What is held may give a chunk without more input, or waits until more may be inflated.
    rest: Option<Due>,
    /// The engines, if the driver lends none.
    own: Option<Box<Spare>>,
}

impl Compressed {
    pub(super) fn new(peer: Direction) -> Self {
        Self { receiving: Receiving::new(peer.bits(), peer.has_takeover()), rest: None, own: None }
    }

    /// The memory for the message in progress, in bytes.
    pub(super) fn buffered(&self) -> usize {
        self.receiving.buffered()
    }

    /// The memory that is kept between messages, in bytes. Engines of its own do not count.
    pub(super) fn kept(&self) -> usize {
        size_of::<Self>() + self.receiving.kept()
    }

    /// Settles what is kept between messages.
    pub(super) fn settle(&mut self) {
        self.receiving.settle();
    }

    /// Whether something may come without more input. It comes before any more input is taken.
    pub(super) const fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether nothing is kept between two messages.
    pub(super) const fn is_idle(&self) -> bool {
        !self.receiving.has_takeover() && self.own.is_none()
    }

    /// Inflates `payload`, a part of `message`. Returns the message if it ends with it, or a chunk.
    pub(super) fn inflate(
        &mut self,
        due: Due,
        payload: &[u8],
        message: &mut OpenMessage,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        let Some(spare) = spare else {
            let mut own = self.own.take().unwrap_or_default();
            let item = self.inflate(due, payload, message, config, Some(&mut own));
            self.own = Some(own);
            return item;
        };
        self.own = None;
        let mut engines = spare.take_engines();
        let item = match config.delivery {
            Delivery::Messages => self.whole(due, payload, message, config, &mut engines, spare),
            Delivery::Chunks => self.chunk(due, payload, message, config, &mut engines, spare),
        };
        spare.put_engines(engines);
        item
    }

    /// Goes on with what is held.
    pub(super) fn inflate_rest(
        &mut self,
        message: &mut OpenMessage,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        self.rest.take().map_or(Ok(None), |due| self.inflate(due, &[], message, config, spare))
    }

    /// Inflates all of `payload`, unless the driver allows only a part now.
    fn whole(
        &mut self,
        due: Due,
        mut payload: &[u8],
        message: &mut OpenMessage,
        config: &Config,
        engines: &mut Engines,
        spare: &mut Spare,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        message.has_part = true;
        loop {
            if !spare.may_inflate() {
                self.keep(due, payload).map_err(|error| into_error(error, message, config))?;
                return Ok(None);
            }
            let step = self.receiving.step(engines, &mut payload, due, config.max_message_bytes);
            spare.note_inflated(self.receiving.take_work());
            let step = step.map_err(|error| into_error(error, message, config))?;
            let held = message.assembly.len();
            let mut growth =
                Growth { announced: message.size, behind: None, limit: config.max_message_bytes, spare: Some(spare) };
            match step {
                Step::Piece(piece) => message.assembly.push(piece, growth)?,
                Step::NeedsInput => return Ok(None),
                Step::End(piece) => {
                    growth.announced = (held + piece.len()) as u64;
                    let message = message.assembly.finish(piece, growth)?;
                    return Item::Message(message).try_into_owned().map(Some);
                }
            }
        }
    }

    /// Inflates the next chunk, and holds the rest of `payload`.
    fn chunk(
        &mut self,
        due: Due,
        mut payload: &[u8],
        message: &mut OpenMessage,
        config: &Config,
        engines: &mut Engines,
        spare: &mut Spare,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        loop {
            if !spare.may_inflate() {
                self.keep(due, payload).map_err(|error| into_error(error, message, config))?;
                return Ok(None);
            }
            let step = self.receiving.step(engines, &mut payload, due, config.max_message_bytes);
            spare.note_inflated(self.receiving.take_work());
            let step = step.map_err(|error| into_error(error, message, config))?;
            let (piece, is_last) = match step {
                Step::Piece(piece) => (piece, false),
                Step::NeedsInput => return Ok(None),
                Step::End(piece) => (piece, true),
            };
            let data = message.assembly.pass_on(piece, is_last, message.size)?;
            if is_last || !data.is_empty() {
                let chunk = Item::Chunk { data, is_last }.try_into_owned()?;
                if !is_last {
                    self.keep(due, payload).map_err(|error| into_error(error, message, config))?;
                }
                return Ok(Some(chunk));
            }
        }
    }

    /// Keeps the rest of a payload for [`inflate_rest`](Self::inflate_rest).
    fn keep(&mut self, due: Due, payload: &[u8]) -> Result<(), InflateError> {
        self.rest = Some(due);
        self.receiving.hold(payload)
    }
}

fn into_error(error: InflateError, message: &OpenMessage, config: &Config) -> ProtocolError {
    match error {
        InflateError::Corrupt => ProtocolError::CorruptDeflate,
        InflateError::TooLarge { size } => ProtocolError::MessageTooLarge { size, limit: config.max_message_bytes },
        InflateError::NoMemory => ProtocolError::OutOfMemory { size: message.size },
    }
}
