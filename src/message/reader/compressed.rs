//! The payload of compressed messages to plain text: RFC 7692 section 6.2.

use super::{Item, OpenMessage, Part, Reader};
use crate::{
    config::{Config, Delivery},
    deflate::{
        Direction,
        engines::Engines,
        inflate::{Due, InflateError, Receiving, Step},
    },
    error::ProtocolError,
    frame::RSV1,
    message::assembly::Growth,
    spare::Spare,
};

/// What messages may refer back to, and the compressed message in progress.
#[derive(Debug)]
pub(super) struct Compressed {
    receiving: Receiving,
    /// What is held may give a chunk without more input.
    rest: Option<Due>,
}

impl Reader {
    /// The same reader, for a peer that may compress like this.
    pub(crate) const fn with_compression(mut self, peer: Direction) -> Self {
        (self.peer, self.defined) = (Some(peer), RSV1);
        self
    }

    /// Whether a compressed message may give a chunk without more input.
    pub(super) fn has_rest(&self) -> bool {
        self.compressed.as_ref().is_some_and(|compressed| compressed.rest.is_some())
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
        self.inflate_until(due, part.payload, config, spare)
    }

    /// The chunk that needs no more input, if there is one.
    pub(super) fn inflate_rest(
        &mut self,
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        match self.compressed.as_mut().and_then(|compressed| compressed.rest.take()) {
            Some(due) => self.inflate_until(due, &[], config, spare),
            None => Ok(None),
        }
    }

    fn inflate_until(
        &mut self,
        due: Due,
        payload: &[u8],
        config: &Config,
        spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        let peer = self.peer.expect("a compressed frame needs an agreement");
        let message = self.message.as_mut().expect("the header of a data frame has begun a message or belongs to one");
        let compressed = self.compressed.get_or_insert_with(|| Compressed::new(peer));
        let mut own = Spare::default();
        let spare = spare.unwrap_or(&mut own);
        let mut engines = spare.take_engines();
        let item = match config.delivery {
            Delivery::Messages => compressed.message(due, payload, message, config, &mut engines, spare),
            Delivery::Chunks => compressed.chunk(due, payload, message, config, &mut engines),
        };
        spare.put_engines(engines);
        if matches!(item, Ok(Some(Item::Message(_) | Item::Chunk { is_last: true, .. }))) {
            self.message = None;
            self.compressed.take_if(|_| !peer.has_takeover());
        }
        item
    }
}

impl Compressed {
    fn new(peer: Direction) -> Box<Self> {
        Box::new(Self { receiving: Receiving::new(peer.bits(), peer.has_takeover()), rest: None })
    }

    /// The memory for the message in progress, in bytes.
    pub(super) fn buffered(&self) -> usize {
        self.receiving.buffered()
    }

    /// Inflates `payload`. Returns the message if it ends.
    fn message(
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
            let step = self.receiving.step(engines, &mut payload, due, config.max_message_bytes);
            let step = step.map_err(|error| into_error(error, message, config))?;
            let growth = Growth { announced: message.size, behind: None, spare: Some(spare) };
            match step {
                Step::Piece(piece) => message.assembly.push(piece, growth)?,
                Step::NeedsInput => return Ok(None),
                Step::End(piece) => {
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
    ) -> Result<Option<Item<'static>>, ProtocolError> {
        loop {
            let step = self.receiving.step(engines, &mut payload, due, config.max_message_bytes);
            let (piece, is_last) = match step.map_err(|error| into_error(error, message, config))? {
                Step::Piece(piece) => (piece, false),
                Step::NeedsInput => return Ok(None),
                Step::End(piece) => (piece, true),
            };
            let data = message.assembly.pass_on(piece, is_last, message.size)?;
            if is_last || !data.is_empty() {
                let chunk = Item::Chunk { data, is_last }.try_into_owned()?;
                if !is_last {
                    self.rest = Some(due);
                    self.receiving.hold(payload).map_err(|error| into_error(error, message, config))?;
                }
                return Ok(Some(chunk));
            }
        }
    }
}

fn into_error(error: InflateError, message: &OpenMessage, config: &Config) -> ProtocolError {
    match error {
        InflateError::Corrupt => ProtocolError::CorruptDeflate,
        InflateError::TooLarge { size } => ProtocolError::MessageTooLarge { size, limit: config.max_message_bytes },
        InflateError::NoMemory => ProtocolError::OutOfMemory { size: message.size },
    }
}
