//! What the peer's bytes are at the moment, and what comes of them.

use crate::{
    config::Config,
    error::{HandshakeError, ProtocolError},
    handshake::{
        Request, Response,
        request_reader::{Pending, RequestReader},
        response_reader::{Answer, ResponseReader},
    },
    message::reader::{Item, Reader},
    spare::Spare,
};
use std::mem;

/// Reads the peer's bytes. Which variant an endpoint begins with is where the roles differ.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A server waits for the request.
    Request(Box<RequestReader>),
    /// A server's application has been asked.
    Decision(Box<Pending>),
    /// A client waits for the answer.
    Response(Box<ResponseReader>),
    Frames(Reader),
    /// Frames that came before the request was answered.
    Early(Box<Early>),
    /// Nothing that matters any more.
    Discard,
}

/// What a client sent before it was accepted: read before anything that comes later.
#[derive(Debug)]
pub(super) struct Early {
    reader: Reader,
    bytes: Vec<u8>,
    read: usize,
}

/// What has come.
#[derive(Debug)]
pub(super) enum Arrival<'b> {
    Request(Request),
    Accepted { response: Response, subprotocol: Option<String> },
    Rejected(Response),
    Item(Item<'b>),
}

/// What the peer has done wrong.
#[derive(Debug)]
pub(super) enum Fault {
    Handshake(HandshakeError),
    Protocol(ProtocolError),
}

impl Incoming {
    /// Frames, after those that came too early.
    pub(super) fn frames(reader: Reader, early: Vec<u8>) -> Self {
        if early.is_empty() {
            Self::Frames(reader)
        } else {
            Self::Early(Box::new(Early { reader, bytes: early, read: 0 }))
        }
    }

    /// The next thing that has come whole, off the front of `input`; `None` takes all of `input`. `is_last` says that
    /// nothing will follow it.
    #[inline]
    pub(super) fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        mut spare: Option<&mut Spare>,
        is_last: bool,
    ) -> Result<Option<Arrival<'b>>, Fault> {
        match self {
            Self::Frames(reader) => {
                reader.read(input, config, spare).map(|item| item.map(Arrival::Item)).map_err(Fault::Protocol)
            }
            Self::Early(early) => match early.next(config, spare.as_deref_mut()).map_err(Fault::Protocol)? {
                Some(item) => Ok(Some(Arrival::Item(item))),
                None => {
                    self.end_early();
                    self.next(input, config, spare, is_last)
                }
            },
            Self::Request(reader) => {
                reader.read(input, config).map(|request| request.map(Arrival::Request)).map_err(Fault::Handshake)
            }
            Self::Decision(pending) => pending.hold(input, config).map(|()| None).map_err(Fault::Handshake),
            Self::Response(reader) => Ok(match reader.read(input, config).map_err(Fault::Handshake)? {
                Some(Answer::Accepted { response, subprotocol }) => Some(Arrival::Accepted { response, subprotocol }),
                Some(Answer::Rejected(response)) => Some(Arrival::Rejected(response)),
                None if is_last => reader.end_of_stream().map(Arrival::Rejected),
                None => None,
            }),
            Self::Discard => {
                *input = &mut [];
                Ok(None)
            }
        }
    }

    fn end_early(&mut self) {
        if let Self::Early(early) = mem::replace(self, Self::Discard) {
            *self = Self::Frames(early.reader);
        }
    }

    #[inline]
    pub(super) const fn as_frames(&self) -> Option<&Reader> {
        if let Self::Frames(reader) = self { Some(reader) } else { None }
    }

    /// Whether a frame or a message has begun and not ended.
    #[inline]
    pub(super) const fn is_mid_message(&self) -> bool {
        matches!(self, Self::Frames(reader) if reader.is_mid_message())
    }

    /// Whether a part of an unfinished message has come since this was last asked.
    pub(super) fn take_part(&mut self) -> bool {
        if let Self::Frames(reader) = self { reader.take_part() } else { false }
    }

    /// The request that waits for its answer.
    pub(super) fn pending(&self) -> Option<&Pending> {
        if let Self::Decision(pending) = self { Some(pending) } else { None }
    }

    pub(super) fn pending_mut(&mut self) -> Option<&mut Pending> {
        if let Self::Decision(pending) = self { Some(pending) } else { None }
    }

    /// Whether a request has begun and not ended.
    pub(super) fn has_begun_request(&self) -> bool {
        matches!(self, Self::Request(reader) if reader.has_begun())
    }

    /// Whether a rejection has come whose body has not ended.
    pub(super) const fn has_begun_rejection(&self) -> bool {
        matches!(self, Self::Response(reader) if reader.has_rejection())
    }
}

impl Early {
    /// The next item, which owns what it holds: the bytes are ours.
    fn next(&mut self, config: &Config, spare: Option<&mut Spare>) -> Result<Option<Item<'static>>, ProtocolError> {
        let mut input = &mut self.bytes[self.read..];
        let item = self.reader.read(&mut input, config, spare)?.map(Item::into_owned);
        let left = input.len();
        self.read = self.bytes.len() - left;
        Ok(item)
    }
}
