//! A message for many connections.

use super::Message;
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
use crate::frame::{
    OpCode,
    encode::{EncodedHeader, encode},
};
use bytes::Bytes;
use std::hash::{Hash, Hasher};
#[cfg(feature = "deflate")]
use std::sync::{Arc, OnceLock};

/// A payload that is handed over stays where it is from this length on, in bytes. A shorter one moves into its frame,
/// since one piece in every queue is worth more.
const MIN_DETACHED: usize = 16 << 10;

/// A message for many connections. Its frame is made once. A server queues one of 1 KiB or more without a copy.
///
/// ```
/// use statesocket::{Agreed, Config, Connection, Role, SharedMessage};
/// use std::{sync::Arc, time::Instant};
///
/// let config = Arc::new(Config::default());
/// let news = SharedMessage::text("to all");
/// for _ in 0..3 {
///     let mut connection = Connection::established(Role::Server, Agreed::new(), Arc::clone(&config), Instant::now());
///     connection.send_shared(&news)?;
///     assert_eq!(connection.output(), b"\x81\x06to all");
/// }
/// # Ok::<(), statesocket::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedMessage {
    /// The frame, or only its header if the payload is detached.
    frame: Bytes,
    payload_start: usize,
    detached: Option<Bytes>,
    is_text: bool,
    /// The compressed frame, once a connection has needed it, if it is shorter; `None` if the message is never
    /// compressed.
    #[cfg(feature = "deflate")]
    compressed: Option<Arc<OnceLock<Option<CompressedFrame>>>>,
}

impl SharedMessage {
    /// A text message, which copies `text`. [`send_shared`](crate::Connection::send_shared) checks the limits.
    ///
    /// ```
    /// use statesocket::SharedMessage;
    ///
    /// let news = SharedMessage::text("to all");
    /// assert_eq!((news.is_text(), news.payload()), (true, &b"to all"[..]));
    /// assert_eq!(news, SharedMessage::from("to all"));
    /// ```
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(text.as_bytes(), true)
    }

    /// A binary message, which copies `bytes`.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(bytes, false)
    }

    /// `value` as JSON in a text message, written as by [`send_json`](crate::Connection::send_json).
    ///
    /// # Errors
    /// The error of [`serde_json::to_vec`], if the value has no JSON form.
    ///
    /// ```
    /// use statesocket::SharedMessage;
    ///
    /// let score = SharedMessage::json(&[("Ann", 7)])?;
    /// assert_eq!((score.is_text(), score.payload()), (true, &b"[[\"Ann\",7]]"[..]));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[cfg(feature = "serde")]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::new(&serde_json::to_vec(value)?, true))
    }

    /// `value` as JSON in a binary message.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    #[cfg(feature = "serde")]
    pub fn json_binary<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::new(&serde_json::to_vec(value)?, false))
    }

    fn new(payload: &[u8], is_text: bool) -> Self {
        let mut frame = Vec::new();
        encode(&mut frame, true, opcode(is_text), payload, None);
        Self {
            payload_start: frame.len() - payload.len(),
            frame: frame.into(),
            detached: None,
            is_text,
            #[cfg(feature = "deflate")]
            compressed: Some(Arc::default()),
        }
    }

    fn of(payload: Bytes, is_text: bool) -> Self {
        if payload.len() < MIN_DETACHED {
            return Self::new(&payload, is_text);
        }
        let header = EncodedHeader::new(true, opcode(is_text), payload.len(), None);
        Self {
            payload_start: header.len(),
            frame: Bytes::copy_from_slice(&header),
            detached: Some(payload),
            is_text,
            #[cfg(feature = "deflate")]
            compressed: Some(Arc::default()),
        }
    }

    /// The same message, which no connection compresses; see
    /// [`send_uncompressed`](crate::Connection::send_uncompressed). Other messages are compressed once, without
    /// reference to earlier ones, for all connections that have agreed on compression.
    ///
    /// ```
    /// use statesocket::SharedMessage;
    ///
    /// let token = SharedMessage::text("the token is 5d41402abc4b2a76").uncompressed();
    /// assert_eq!(token, SharedMessage::text("the token is 5d41402abc4b2a76"));
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { compressed: None, ..self }
    }

    /// Whether it is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        self.is_text
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.detached.as_deref().unwrap_or_else(|| &self.frame[self.payload_start..])
    }

    /// The message of a frame that lies in a larger piece of memory.
    pub(super) fn with_frame(&self, frame: Bytes) -> Self {
        Self { frame, detached: None, ..self.clone() }
    }

    /// The pieces of the unmasked frame.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        [Some(&self.frame), self.detached.as_ref()].into_iter().flatten()
    }

    /// The unmasked frame, if it is in one piece.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn frame(&self) -> Option<&Bytes> {
        if self.detached.is_none() { Some(&self.frame) } else { None }
    }

    /// The length of the unmasked frame.
    pub(crate) fn frame_len(&self) -> usize {
        self.payload_start + self.payload().len()
    }

    /// The compressed frame, if it is shorter. The first call makes it of the payload that `compress` returns.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed(&self, compress: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<&CompressedFrame> {
        let frame = self.compressed.as_ref()?.get_or_init(|| {
            let payload = compress(self.payload())?;
            let header = EncodedHeader::new(true, opcode(self.is_text), payload.len(), None).with_reserved(RSV1);
            Some(CompressedFrame { payload_start: header.len(), frame: [&header[..], &payload].concat().into() })
        });
        frame.as_ref()
    }

    /// What [`compressed`](Self::compressed) returns; `None` if nobody has called it yet.
    #[cfg(all(feature = "server", feature = "deflate"))]
    pub(crate) fn compressed_before(&self) -> Option<Option<&CompressedFrame>> {
        match &self.compressed {
            None => Some(None),
            Some(compressed) => compressed.get().map(Option::as_ref),
        }
    }
}

/// An unmasked compressed frame.
#[cfg(feature = "deflate")]
#[derive(Clone, Debug)]
pub(crate) struct CompressedFrame {
    pub(crate) frame: Bytes,
    payload_start: usize,
}

#[cfg(feature = "deflate")]
impl CompressedFrame {
    pub(crate) fn payload(&self) -> &[u8] {
        &self.frame[self.payload_start..]
    }
}

const fn opcode(is_text: bool) -> OpCode {
    if is_text { OpCode::Text } else { OpCode::Binary }
}

/// Two messages are equal if their kinds and payloads are.
impl PartialEq for SharedMessage {
    fn eq(&self, other: &Self) -> bool {
        (self.is_text, self.payload()) == (other.is_text, other.payload())
    }
}

impl Eq for SharedMessage {}

impl Hash for SharedMessage {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.is_text, self.payload()).hash(state);
    }
}

/// A binary message. 16 KiB or more are not copied: the message keeps the memory of `bytes`, also if they are a part of
/// more.
///
/// ```
/// use statesocket::{SharedMessage, bytes::Bytes};
///
/// let bytes = Bytes::from(vec![7; 1 << 20]);
/// let message = SharedMessage::from(bytes.clone());
/// assert_eq!(message.payload().as_ptr(), bytes.as_ptr());
/// ```
impl From<Bytes> for SharedMessage {
    fn from(bytes: Bytes) -> Self {
        Self::of(bytes, false)
    }
}

/// A text message, which copies `text`.
impl From<&str> for SharedMessage {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// A text message. 16 KiB or more are not copied.
impl From<String> for SharedMessage {
    fn from(text: String) -> Self {
        Self::of(text.into(), true)
    }
}

impl From<&Message<'_>> for SharedMessage {
    fn from(message: &Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::text(text),
            Message::Binary(bytes) => Self::binary(bytes),
        }
    }
}

impl<'b> From<&'b SharedMessage> for Message<'b> {
    fn from(message: &'b SharedMessage) -> Self {
        if !message.is_text {
            return message.payload().into();
        }
        str::from_utf8(message.payload()).expect("a text message is made of text").into()
    }
}
