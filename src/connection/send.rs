//! Commands of an open connection: messages and Pings.

use super::{
    Connection,
    outgoing::{Full, Kind, Marks},
};
use crate::{
    error::{PingError, SendError},
    frame::{MAX_CONTROL_PAYLOAD, OpCode},
    message::Message,
    state::Action,
};
use std::{borrow::Cow, io};

#[cfg(feature = "serde")]
use crate::error::SendJsonError;

/// The shortest message that is written at once, in bytes. Copying a shorter one is faster than a write of its own.
const MIN_WRITTEN_AT_ONCE: usize = 8 << 10;

/// # C: commands that send
impl Connection {
    /// Queues a text message.
    ///
    /// # Errors
    /// [`SendError`] if the table does not allow a message now, the transport has failed, a fragmented message is in
    /// progress, or the output is full.
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

    /// Queues a message of either kind. A message of 1 KiB or more that owns its bytes is not copied; a client masks it
    /// in place. To keep the message, pass it by reference: `connection.send(&message)`.
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
    /// assert_eq!(connection.output_slices(&mut slices), 2);
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

    /// Like [`send`](Self::send), but a server first offers a message of 8 KiB or more to `writer` in one vectored
    /// write, behind the queued bytes. Bytes that the writer takes are never copied; the rest is queued. This method
    /// does not report errors of the writer: the next [`write_to`](Self::write_to) meets them.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// let mut wire = Vec::new();
    /// connection.send_through(vec![7; 100_000], &mut wire)?;
    /// assert_eq!((wire.len(), connection.output_len()), (10 + 100_000, 0));
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
        if message.len() < MIN_WRITTEN_AT_ONCE || self.outgoing.is_masked() {
            return self.send(message);
        }
        self.check_message(message.len())?;
        if self.try_compressed(Kind::of(&message), message.as_bytes()) {
            return Ok(());
        }
        let written = self.outgoing.write_message(message, writer);
        if written > 0 {
            self.note_written(written);
        }
        Ok(())
    }

    /// Whether a fragmented message of ours has begun and not ended.
    #[must_use]
    pub const fn is_mid_message(&self) -> bool {
        self.outgoing.is_mid_message()
    }

    /// Queues `value` as JSON in a text message. The JSON is compact; characters outside ASCII are not escaped.
    ///
    /// # Errors
    /// [`SendJsonError`] if the value has no JSON form, or an error of [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.send_json(&[("Ann", 7)])?;
    /// assert_eq!(connection.output(), b"\x81\x0B[[\"Ann\",7]]");
    /// # Ok::<(), statesocket::SendJsonError>(())
    /// ```
    #[cfg(feature = "serde")]
    pub fn send_json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SendJsonError> {
        self.check(Action::Message).map_err(SendError::from)?;
        let text = serde_json::to_string(value).map_err(|error| SendJsonError::Serialize(error.to_string()))?;
        Ok(self.send_text(&text)?)
    }

    /// Queues `value` as JSON in a binary message.
    ///
    /// # Errors
    /// As [`send_json`](Self::send_json).
    #[cfg(feature = "serde")]
    pub fn send_json_binary<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SendJsonError> {
        self.check(Action::Message).map_err(SendError::from)?;
        let bytes = serde_json::to_vec(value).map_err(|error| SendJsonError::Serialize(error.to_string()))?;
        Ok(self.send_binary(&bytes)?)
    }

    /// Queues a Ping with at most 125 bytes of payload, which the peer's [`Pong`](crate::Event::Pong) repeats. It may
    /// stand between the fragments of a message.
    ///
    /// # Errors
    /// [`PingError`] if the table does not allow a Ping now, the transport has failed, the payload is too long, or the
    /// output is full.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.ping(b"still there?")?;
    /// assert_eq!(connection.output(), b"\x89\x0Cstill there?");
    /// # Ok::<(), statesocket::PingError>(())
    /// ```
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.check_control(Action::Ping, payload)?;
        self.outgoing.frame(true, OpCode::Ping, payload);
        self.transition(self.local_party(), Action::Ping);
        Ok(())
    }

    /// Queues a Pong that answers no Ping, with at most 125 bytes of payload: section 5.5.3 calls it "a unidirectional
    /// heartbeat". Pings are answered without this call. Until the peer's Close comes, a Pong may also follow our
    /// Close.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.pong(b"alive")?;
    /// assert_eq!(connection.output(), b"\x8A\x05alive");
    /// # Ok::<(), statesocket::PingError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.check_control(Action::Pong, payload)?;
        self.outgoing.frame(true, OpCode::Pong, payload);
        self.transition(self.local_party(), Action::Pong);
        Ok(())
    }

    /// Section 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already
    /// received a Close frame."
    pub(super) fn send_pong(&mut self, payload: &[u8]) {
        if self.transport.has_failed() {
            return;
        }
        self.outgoing.pong(payload);
        self.transition(self.local_party(), Action::Pong);
    }

    /// Checks that a Ping or Pong may be queued.
    fn check_control(&mut self, action: Action, payload: &[u8]) -> Result<(), PingError> {
        self.check(action)?;
        if self.transport.has_failed() {
            return Err(PingError::TransportLost);
        }
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(PingError::PayloadTooLong(payload.len()));
        }
        let marks = || Marks::new(self.role, &self.config);
        self.outgoing
            .check_room(payload.len(), marks)
            .map_err(|Full { queued, limit }| PingError::OutputFull { queued, limit })
    }

    #[inline(always)]
    fn send_message(&mut self, kind: Kind, payload: &[u8]) -> Result<(), SendError> {
        self.check_message(payload.len())?;
        // A message never changes the phase, so there is no transition to make.
        if !self.outgoing.try_message(kind, payload) {
            self.send_by_general_path(kind, payload);
        }
        Ok(())
    }

    // Out of line, so that callers of `send_message` stay small.
    #[inline(never)]
    fn send_by_general_path(&mut self, kind: Kind, payload: &[u8]) {
        if self.may_compress() {
            return self.send_on_compressing(kind, payload);
        }
        self.outgoing.message(kind, payload);
    }

    // Out of line, so that a connection that does not compress pays for a comparison only.
    #[inline(never)]
    fn send_on_compressing(&mut self, kind: Kind, payload: &[u8]) {
        if !self.try_compressed(kind, payload) {
            self.outgoing.message(kind, payload);
        }
    }

    #[inline(never)]
    fn send_owned(&mut self, kind: Kind, payload: Vec<u8>) -> Result<(), SendError> {
        self.check_message(payload.len())?;
        if !self.try_compressed(kind, &payload) {
            self.outgoing.owned_message(kind, payload);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn check_message(&mut self, payload_len: usize) -> Result<(), SendError> {
        self.check_may_begin()?;
        self.check_room(payload_len)
    }

    #[inline]
    pub(super) fn check_may_begin(&self) -> Result<(), SendError> {
        self.check_send()?;
        if self.outgoing.is_mid_message() { Err(SendError::MessageInProgress) } else { Ok(()) }
    }

    pub(super) fn check_send(&self) -> Result<(), SendError> {
        self.check(Action::Message)?;
        if self.transport.has_failed() { Err(SendError::TransportLost) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn check_room(&mut self, payload_len: usize) -> Result<(), SendError> {
        let marks = || Marks::new(self.role, &self.config);
        self.outgoing
            .check_room(payload_len, marks)
            .map_err(|Full { queued, limit }| SendError::OutputFull { queued, limit })
    }
}
