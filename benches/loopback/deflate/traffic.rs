//! The messages that clients send, compressed beforehand, and the replies, which are inflated and compared.

use super::agreed::Agreed;
use statesocket::Role;
use statesocket_benches::{
    deflate::{Compressor, Inflater, payloads},
    text::Stream,
    wire::frame,
};
use std::borrow::Cow;

/// The bits of the window of a client: 4 KiB of history, or less if the server wants that.
const CLIENT_BITS: u8 = 12;

const LEVEL: u8 = 6;

const TEXT: u8 = 0x81;
const RSV1: u8 = 0x40;
const PING: u8 = 0x89;

/// A periodic stream of messages of one length.
pub struct Traffic {
    stream: Stream,
    agreed: Agreed,
    /// Each message by itself, and behind the text of those before it.
    alone: Vec<Vec<u8>>,
    behind: Vec<Vec<u8>>,
    /// The number of messages after which the window of a client is full.
    to_fill: usize,
    inflater: Inflater,
}

/// The position of a client in the stream.
pub struct Position {
    /// The number of its first message.
    start: usize,
    pub sent: usize,
    pub received: usize,
    /// The first message that the server has compressed.
    compressed_from: Option<usize>,
    /// Bytes of an incomplete frame.
    incomplete: Vec<u8>,
    /// The bytes of all frames with messages.
    pub wire: usize,
}

impl Traffic {
    pub fn new(len: usize, agreed: Agreed) -> Self {
        let (stream, bits) = (Stream::new(len), agreed.client.bits.min(CLIENT_BITS));
        let history = if agreed.client.has_takeover { 1 << bits } else { 0 };
        let mut compressor = Compressor::new(LEVEL, bits);
        let mut frames = |history| {
            let payloads = payloads(&stream, &mut compressor, history);
            payloads.iter().map(|payload| frame(TEXT | RSV1, payload, Role::Server)).collect()
        };
        let (alone, behind) = (frames(0), frames(history));
        Self { stream, agreed, alone, behind, to_fill: history.div_ceil(len), inflater: Inflater::default() }
    }

    pub const fn agreed(&self) -> Agreed {
        self.agreed
    }

    /// The length of each message.
    pub const fn len(&self) -> usize {
        self.stream.text_len()
    }

    /// The bytes of the next message of a client.
    pub fn next(&self, client: &mut Position) -> &[u8] {
        let n = client.sent;
        client.sent += 1;
        let frames = if n < client.start + self.to_fill { &self.alone } else { &self.behind };
        &frames[n % self.stream.count()]
    }

    /// Takes all that a client has received, and compares every message.
    ///
    /// # Errors
    /// A message is wrong.
    pub fn take(&mut self, client: &mut Position, bytes: &[u8]) -> Result<(), String> {
        if client.incomplete.is_empty() {
            let rest = self.take_frames(client, bytes)?;
            client.incomplete.extend_from_slice(rest);
            return Ok(());
        }
        let mut all = std::mem::take(&mut client.incomplete);
        all.extend_from_slice(bytes);
        let rest = self.take_frames(client, &all)?.len();
        all.drain(..all.len() - rest);
        client.incomplete = all;
        Ok(())
    }

    /// Returns the bytes of the incomplete frame at the end.
    fn take_frames<'b>(&mut self, client: &mut Position, mut bytes: &'b [u8]) -> Result<&'b [u8], String> {
        while let Some(Frame { first, payload, rest }) = Frame::split(bytes) {
            match first {
                PING => {}
                _ if first & !RSV1 == TEXT => {
                    client.wire += bytes.len() - rest.len();
                    let n = client.received;
                    self.check(client, first & RSV1 != 0, &payload).map_err(|error| format!("message {n}: {error}"))?;
                    client.received += 1;
                }
                _ => return Err(format!("a frame that begins with {first:#04x} is not expected")),
            }
            bytes = rest;
        }
        Ok(bytes)
    }

    fn check(&mut self, client: &mut Position, is_compressed: bool, payload: &[u8]) -> Result<(), String> {
        let expected = self.stream.text(client.received);
        let mut text = payload;
        if is_compressed {
            let from = *client.compressed_from.get_or_insert(client.received);
            let window = if self.agreed.server.has_takeover { 1 << self.agreed.server.bits } else { 0 };
            let history = window.min((client.received - from) * self.stream.text_len());
            text = self.inflater.inflate([self.stream.before(client.received, history), &[]], payload)?;
        } else if client.compressed_from.is_some() && self.agreed.server.has_takeover {
            return Err("the server compresses one message and not the next, which this bench cannot follow".into());
        }
        if text == expected {
            return Ok(());
        }
        let at = (0..text.len().min(expected.len())).find(|at| text[*at] != expected[*at]);
        Err(format!("a wrong echo of {} bytes, from byte {at:?} on", text.len()))
    }
}

impl Position {
    pub const fn new(start: usize) -> Self {
        Self { start, sent: start, received: start, compressed_from: None, incomplete: Vec::new(), wire: 0 }
    }

    /// The number of messages that have come back.
    pub const fn messages(&self) -> usize {
        self.received - self.start
    }
}

/// A frame at the front of some bytes.
struct Frame<'b> {
    first: u8,
    /// Unmasked: the floor of a room returns the frames of a client.
    payload: Cow<'b, [u8]>,
    /// The bytes behind it.
    rest: &'b [u8],
}

impl<'b> Frame<'b> {
    /// `None` if it is not complete.
    fn split(bytes: &'b [u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest) = match second & 0x7F {
            126 => rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))?,
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len) as usize, rest))?,
            len => (len.into(), rest),
        };
        let (key, rest) = rest.split_at_checked(if second & 0x80 == 0 { 0 } else { 4 })?;
        let (payload, rest) = rest.split_at_checked(len)?;
        let mut payload = Cow::Borrowed(payload);
        if !key.is_empty() {
            payload.to_mut().iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Some(Self { first, payload, rest })
    }
}
