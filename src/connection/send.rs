//! Group C, while the connection is open: messages and Pings.

use super::{Connection, transmit::Transport};
use crate::{
    error::{PingError, SendError},
    frame::{
        MAX_CONTROL_PAYLOAD, MaskKey, OpCode,
        encode::{EncodedHeader, max_encoded_len},
        mask,
    },
    message::{Message, SharedMessage},
    state::Action,
};
use std::{borrow::Cow, io};

/// What is shorter is copied, and leaves in one write with what else there is.
const MIN_WRITTEN_AT_ONCE: usize = 8 << 10;

/// What a fragmented message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Kind {
    const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::Text,
            Self::Binary => OpCode::Binary,
        }
    }
}

impl Connection {
    /// Queues a text message.
    ///
    /// # Errors
    /// [`SendError`] if the connection is not open, if a fragmented message is in progress, or if the output is full.
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.send_message(Kind::Text, text.as_bytes())
    }

    /// Queues a binary message.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    #[inline]
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.send_message(Kind::Binary, bytes)
    }

    /// Queues a message of either kind. One that owns its bytes is not copied if it is large; a client masks it where it
    /// lies. To keep it, lend it: `connection.send(&message)`.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{io::IoSlice, sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// connection.send("short")?;
    /// let long = vec![7; 100_000];
    /// let memory = long.as_ptr();
    /// connection.send(long)?;
    /// let mut slices = [IoSlice::new(&[]); 8];
    /// assert_eq!(connection.transmit_slices(&mut slices), 2);
    /// assert_eq!(slices[1].as_ptr(), memory);
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    #[inline(always)]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        match message.into() {
            Message::Text(Cow::Borrowed(text)) => self.send_message(Kind::Text, text.as_bytes()),
            Message::Binary(Cow::Borrowed(bytes)) => self.send_message(Kind::Binary, bytes),
            Message::Text(Cow::Owned(text)) => self.send_owned(Kind::Text, text.into_bytes()),
            Message::Binary(Cow::Owned(bytes)) => self.send_owned(Kind::Binary, bytes),
        }
    }

    /// Sends a message, and if it is a server's of 8 KiB or more, writes it at once, after what waits: of what `writer`
    /// takes nothing is copied. The rest is queued, as [`send`](Self::send) does it. An error of the writer is left to
    /// the next [`write_to`](Self::write_to), which meets it again.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// let mut wire = Vec::new();
    /// connection.send_through(vec![7; 100_000], &mut wire)?;
    /// assert_eq!((wire.len(), connection.queued()), (10 + 100_000, 0));
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    #[inline]
    pub fn send_through<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        writer: impl io::Write,
    ) -> Result<(), SendError> {
        let message = message.into();
        if message.len() < MIN_WRITTEN_AT_ONCE || self.random.is_some() {
            return self.send(message);
        }
        self.write_message(message, writer)
    }

    /// Queues a message that other connections send too. A server does not copy it if it is large; a client has to,
    /// since it masks it.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn send_shared(&mut self, message: &SharedMessage) -> Result<(), SendError> {
        if self.random.is_some() {
            let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
            return self.send_message(kind, message.payload());
        }
        self.check_message(message.payload())?;
        self.output.share(message.frame());
        self.transition(self.local_party(), Action::Message);
        Ok(())
    }

    /// Queues the next fragment of a text message (RFC 6455 section 5.4). Until the last one only fragments of text,
    /// Pings and a Close may be sent.
    ///
    /// ```
    /// # use statesocket::{Connection, SendError};
    /// fn count(connection: &mut Connection) -> Result<(), SendError> {
    ///     connection.send_text_fragment("one, ", false)?;
    ///     connection.send_text_fragment("two", true)
    /// }
    /// # let _ = count;
    /// ```
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text); a fragment after one of the other kind is
    /// [`MessageInProgress`](SendError::MessageInProgress).
    pub fn send_text_fragment(&mut self, text: &str, is_last: bool) -> Result<(), SendError> {
        self.send_fragment(Kind::Text, text.as_bytes(), is_last)
    }

    /// Queues the next fragment of a binary message; see [`send_text_fragment`](Self::send_text_fragment).
    ///
    /// # Errors
    /// As [`send_text_fragment`](Self::send_text_fragment).
    pub fn send_binary_fragment(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError> {
        self.send_fragment(Kind::Binary, bytes, is_last)
    }

    /// Queues `value` as JSON in a text message, without white space and with non-ASCII characters as they are.
    ///
    /// # Errors
    /// [`SendJsonError`](crate::SendJsonError) if it has no JSON form, or as [`send_text`](Self::send_text).
    #[cfg(feature = "serde")]
    pub fn send_json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.check(Action::Message).map_err(SendError::from)?;
        let text = serde_json::to_string(value).map_err(|error| crate::SendJsonError::Serialize(error.to_string()))?;
        Ok(self.send_text(&text)?)
    }

    /// Queues `value` as JSON in a binary message.
    ///
    /// # Errors
    /// As [`send_json`](Self::send_json).
    #[cfg(feature = "serde")]
    pub fn send_json_binary<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.check(Action::Message).map_err(SendError::from)?;
        let bytes = serde_json::to_vec(value).map_err(|error| crate::SendJsonError::Serialize(error.to_string()))?;
        Ok(self.send_binary(&bytes)?)
    }

    /// Queues a Ping with at most 125 bytes; the peer's [`Pong`](crate::Event::Pong) has the same. It may go between
    /// the fragments of a message.
    ///
    /// # Errors
    /// [`PingError`] if the connection is not open, if the payload is too long, or if the output is full.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.check(Action::Ping)?;
        if self.transport == Transport::Failed {
            return Err(PingError::TransportFailed);
        }
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(PingError::PayloadTooLong(payload.len()));
        }
        self.room_for(payload.len()).map_err(|(queued, limit)| PingError::OutputFull { queued, limit })?;
        let key = self.mask_key();
        self.output.frame(true, OpCode::Ping, payload, key);
        self.transition(self.local_party(), Action::Ping);
        Ok(())
    }

    /// Section 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already
    /// received a Close frame."
    pub(super) fn send_pong(&mut self, payload: &[u8]) {
        if self.transport == Transport::Failed {
            return;
        }
        let key = self.mask_key();
        self.output.pong(payload, key);
        self.transition(self.local_party(), Action::Pong);
    }

    #[inline(always)]
    fn send_message(&mut self, kind: Kind, payload: &[u8]) -> Result<(), SendError> {
        self.check_message(payload)?;
        // It leaves the phase as it is, so there is no more to it than the check.
        if self.random.is_some() || self.output.message_in_room(kind.opcode(), payload).is_none() {
            self.queue_message(kind, payload);
        }
        Ok(())
    }

    // Not inlined, and so no burden on those who take the short way.
    #[inline(never)]
    fn queue_message(&mut self, kind: Kind, payload: &[u8]) {
        let key = self.mask_key();
        self.output.frame(true, kind.opcode(), payload, key);
    }

    #[inline(never)]
    fn send_owned(&mut self, kind: Kind, mut payload: Vec<u8>) -> Result<(), SendError> {
        self.check_message(&payload)?;
        let key = self.mask_key();
        if let Some(key) = key {
            mask::apply(&mut payload, key);
        }
        self.output.header(kind.opcode(), payload.len(), key);
        self.output.payload(Cow::Owned(payload), 0);
        Ok(())
    }

    fn write_message(&mut self, message: Message<'_>, mut writer: impl io::Write) -> Result<(), SendError> {
        let payload = message.as_bytes();
        self.check_message(payload)?;
        let kind = if message.as_text().is_some() { Kind::Text } else { Kind::Binary };
        let header = EncodedHeader::new(true, kind.opcode(), payload.len(), None);
        // Nothing is queued before: a writer that panics leaves no half of a frame.
        let written = self.write_behind_queue(&header, payload, &mut writer);
        let before = written.min(self.output.len());
        let taken = written - before;
        self.output.advance(before);
        if taken < header.len() {
            self.output.extend(&header[taken..]);
        }
        self.output.payload(message.into_bytes(), taken.saturating_sub(header.len()));
        if written > 0 {
            self.clock.note_written(self.output.is_empty());
        }
        Ok(())
    }

    fn send_fragment(&mut self, kind: Kind, payload: &[u8], is_last: bool) -> Result<(), SendError> {
        self.check_send()?;
        let opcode = match self.sending {
            None => kind.opcode(),
            Some(begun) if begun == kind => OpCode::Continuation,
            Some(_) => return Err(SendError::MessageInProgress),
        };
        self.check_room(payload)?;
        let key = self.mask_key();
        self.output.frame(is_last, opcode, payload, key);
        self.sending = (!is_last).then_some(kind);
        self.transition(self.local_party(), Action::Message);
        Ok(())
    }

    #[inline]
    fn check_message(&self, payload: &[u8]) -> Result<(), SendError> {
        self.check_send()?;
        if self.sending.is_some() {
            return Err(SendError::MessageInProgress);
        }
        self.check_room(payload)
    }

    fn check_send(&self) -> Result<(), SendError> {
        self.check(Action::Message)?;
        if self.transport == Transport::Failed { Err(SendError::TransportFailed) } else { Ok(()) }
    }

    #[inline]
    fn check_room(&self, payload: &[u8]) -> Result<(), SendError> {
        self.room_for(payload.len()).map_err(|(queued, limit)| SendError::OutputFull { queued, limit })
    }

    /// Whether a frame fits the output; if not, how much is queued and how much may be.
    #[inline]
    fn room_for(&self, payload_len: usize) -> Result<(), (usize, usize)> {
        let (queued, limit) = (self.output.len(), self.config.max_output_bytes);
        if queued.saturating_add(max_encoded_len(payload_len)) > limit { Err((queued, limit)) } else { Ok(()) }
    }

    /// Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT mask any frames
    /// that it sends to the client."
    pub(super) fn mask_key(&mut self) -> Option<MaskKey> {
        self.random.as_mut().map(|random| random.mask_key())
    }
}
