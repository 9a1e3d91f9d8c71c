//! The peer's bytes: the stage of the protocol that they belong to, and their content.

use crate::{
    config::Config,
    error::{HandshakeError, ProtocolError},
    handshake::{
        Request,
        request_reader::{Pending, RequestReader},
        response_reader::{Answer, ResponseReader},
    },
    message::{item::Item, reader::Reader},
    spare::Spare,
};
use http::Method;
use std::{mem, sync::Arc};

/// Reads the peer's bytes, stage by stage. The roles differ until the first frame.
#[derive(Debug)]
pub(super) struct Incoming(Stage);

#[derive(Debug)]
enum Stage {
    /// A server reads the request.
    Request(Box<RequestReader>),
    /// A server holds the client's bytes until the application has answered the request.
    Decision(Box<Pending>),
    /// A client reads the response.
    Response(Box<ResponseReader>),
    /// Both roles read frames.
    Frames(Reader),
    /// A server reads the frames that it held, before any new bytes.
    EarlyFrames(Box<EarlyFrames>),
    /// The rest is discarded unread.
    Discard,
}

/// The frames that a client sent before its request was accepted.
#[derive(Debug)]
struct EarlyFrames {
    reader: Reader,
    bytes: Vec<u8>,
    read: usize,
}

/// The next thing that the peer has sent: a request, an answer to one, or an item of its frames.
#[derive(Debug)]
pub(super) enum Arrival<'b> {
    Request(Request),
    Answer(Answer),
    Item(Item<'b>),
}

/// A rule that the peer has broken.
#[derive(Debug)]
pub(super) enum Fault {
    Handshake(HandshakeError),
    Protocol(ProtocolError),
}

impl Incoming {
    /// For a server whose request has not come.
    pub(super) fn request() -> Self {
        Self(Stage::Request(Box::default()))
    }

    /// For a client whose request is queued.
    pub(super) fn response(reader: ResponseReader) -> Self {
        Self(Stage::Response(Box::new(reader)))
    }

    /// For a connection that is open.
    pub(super) const fn frames(reader: Reader) -> Self {
        Self(Stage::Frames(reader))
    }

    /// Takes the next arrival off the front of `input`. Takes all of `input` if it returns `None`, except at the end of
    /// the allowance for inflating, when it [has frames](Self::has_frames). `is_last` says that no more bytes will
    /// follow.
    #[inline]
    pub(super) fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        spare: Option<&mut Spare>,
        is_last: bool,
    ) -> Result<Option<Arrival<'b>>, Fault> {
        match &mut self.0 {
            Stage::Frames(reader) => {
                reader.read(input, config, spare).map(|item| item.map(Arrival::Item)).map_err(Fault::Protocol)
            }
            Stage::EarlyFrames(_) => {
                self.next_early(input, config, spare).map(|item| item.map(Arrival::Item)).map_err(Fault::Protocol)
            }
            Stage::Request(reader) => {
                reader.read(input, config).map(|request| request.map(Arrival::Request)).map_err(Fault::Handshake)
            }
            Stage::Decision(pending) => pending.hold(input, config).map(|()| None).map_err(Fault::Handshake),
            Stage::Response(reader) => {
                let answer = match reader.read(input, config).map_err(Fault::Handshake)? {
                    None if is_last => reader.end_of_stream().map(Answer::Rejected),
                    answer => answer,
                };
                Ok(answer.map(Arrival::Answer))
            }
            Stage::Discard => {
                *input = &mut [];
                Ok(None)
            }
        }
    }

    /// The next item of the held frames or, behind the last of those, of `input`.
    #[cold]
    fn next_early<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
        mut spare: Option<&mut Spare>,
    ) -> Result<Option<Item<'b>>, ProtocolError> {
        let Stage::EarlyFrames(early) = &mut self.0 else { return Ok(None) };
        if let Some(item) = early.next(config, spare.as_deref_mut())? {
            return Ok(Some(item));
        }
        if early.reader.has_more() {
            return Ok(None);
        }
        if let Stage::EarlyFrames(early) = mem::replace(&mut self.0, Stage::Discard) {
            self.0 = Stage::Frames(early.reader);
        }
        self.reader_mut().map_or(Ok(None), |reader| reader.read(input, config, spare))
    }

    /// Holds the client's bytes from now on, until `request` is answered.
    pub(super) fn await_decision(&mut self, request: Arc<Request>) {
        self.0 = Stage::Decision(Box::new(Pending::new(request)));
    }

    /// Reads frames from now on, the held ones first.
    pub(super) fn open(&mut self, reader: Reader) {
        let bytes = match &mut self.0 {
            Stage::Decision(pending) => mem::take(&mut pending.early),
            Stage::Request(_) | Stage::Response(_) | Stage::Frames(_) | Stage::EarlyFrames(_) | Stage::Discard => {
                Vec::new()
            }
        };
        self.0 = if bytes.is_empty() {
            Stage::Frames(reader)
        } else {
            Stage::EarlyFrames(Box::new(EarlyFrames { reader, bytes, read: 0 }))
        };
    }

    /// Discards all bytes from now on.
    pub(super) fn discard(&mut self) {
        self.0 = Stage::Discard;
    }

    /// The memory for what the peer has sent and nobody has taken, in bytes.
    #[inline]
    pub(super) fn buffered(&self) -> usize {
        if let Stage::Frames(reader) = &self.0 { reader.buffered() } else { self.buffered_elsewhere() }
    }

    /// The memory that is kept for later messages, in bytes.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn kept(&self) -> usize {
        match &self.0 {
            Stage::Frames(reader) => reader.kept(),
            Stage::EarlyFrames(early) => early.reader.kept(),
            Stage::Request(_) | Stage::Decision(_) | Stage::Response(_) | Stage::Discard => 0,
        }
    }

    /// Moves what is kept for later messages, if that was allocated among messages that are gone.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn settle_kept(&mut self) {
        if let Stage::Frames(reader) = &mut self.0 {
            reader.settle();
        }
    }

    #[inline(never)]
    fn buffered_elsewhere(&self) -> usize {
        match &self.0 {
            Stage::Frames(reader) => reader.buffered(),
            Stage::Request(reader) => reader.buffered(),
            Stage::Decision(pending) => pending.early.capacity(),
            Stage::Response(reader) => reader.buffered(),
            Stage::EarlyFrames(early) => early.bytes.capacity() + early.reader.buffered(),
            Stage::Discard => 0,
        }
    }

    /// The most memory that the peer may still cause until something is handed out, in bytes.
    #[cfg(feature = "server")]
    pub(super) fn max_growth(&self, config: &Config) -> u64 {
        match &self.0 {
            Stage::Frames(reader) => reader.max_growth(config),
            Stage::EarlyFrames(early) => early.reader.max_growth(config),
            Stage::Request(_) | Stage::Response(_) => config.max_head_bytes as u64,
            Stage::Decision(_) => config.max_early_bytes as u64,
            Stage::Discard => 0,
        }
    }

    #[inline]
    pub(super) const fn reader(&self) -> Option<&Reader> {
        if let Stage::Frames(reader) = &self.0 { Some(reader) } else { None }
    }

    pub(super) const fn reader_mut(&mut self) -> Option<&mut Reader> {
        if let Stage::Frames(reader) = &mut self.0 { Some(reader) } else { None }
    }

    /// Whether a frame or a message has begun and not ended.
    #[inline]
    pub(super) const fn is_mid_message(&self) -> bool {
        matches!(&self.0, Stage::Frames(reader) if reader.is_mid_message())
    }

    /// Whether a part of an unfinished message has come since the last call.
    pub(super) fn take_part(&mut self) -> bool {
        if let Stage::Frames(reader) = &mut self.0 { reader.take_part() } else { false }
    }

    /// The request that waits for its answer.
    pub(super) fn pending_request(&self) -> Option<&Arc<Request>> {
        if let Stage::Decision(pending) = &self.0 { Some(&pending.request) } else { None }
    }

    /// The number of bytes that are held behind the request that waits for its answer; `None` if none waits.
    pub(super) fn early_len(&self) -> Option<usize> {
        if let Stage::Decision(pending) = &self.0 { Some(pending.early.len()) } else { None }
    }

    /// Whether there are frames that need no more input: those from before the answer, or one whose payload was read
    /// straight into its memory.
    pub(super) fn has_frames(&self) -> bool {
        match &self.0 {
            Stage::EarlyFrames(_) => true,
            Stage::Frames(reader) => reader.has_more(),
            Stage::Request(_) | Stage::Decision(_) | Stage::Response(_) | Stage::Discard => false,
        }
    }

    /// Whether the peer's part of the opening handshake has still to come.
    pub(super) const fn awaits_handshake(&self) -> bool {
        matches!(self.0, Stage::Request(_) | Stage::Response(_))
    }

    /// Whether a request has begun and not ended.
    pub(super) fn has_begun_request(&self) -> bool {
        matches!(&self.0, Stage::Request(reader) if reader.has_begun())
    }

    /// Whether the request that waits for its answer is a HEAD. The request may be incomplete.
    pub(super) fn is_head_request(&self) -> bool {
        match &self.0 {
            Stage::Request(reader) => reader.is_head(),
            Stage::Decision(pending) => pending.request.method() == Method::HEAD,
            Stage::Response(_) | Stage::Frames(_) | Stage::EarlyFrames(_) | Stage::Discard => false,
        }
    }

    /// Whether the head of a rejection has come and its body has not ended.
    pub(super) const fn has_begun_rejection(&self) -> bool {
        matches!(&self.0, Stage::Response(reader) if reader.has_rejection())
    }
}

impl EarlyFrames {
    /// The next item. It owns its payload, since the bytes belong to the connection.
    fn next(&mut self, config: &Config, spare: Option<&mut Spare>) -> Result<Option<Item<'static>>, ProtocolError> {
        let mut input = &mut self.bytes[self.read..];
        let item = self.reader.read(&mut input, config, spare)?.map(Item::try_into_owned).transpose()?;
        let left = input.len();
        self.read = self.bytes.len() - left;
        Ok(item)
    }
}
