//! Commands that send a message in fragments (RFC 6455 section 5.4).

use super::{Connection, outgoing::Kind};
use crate::{error::SendError, state::Action};

/// # C: commands that send a message in fragments
impl Connection {
    /// Queues the first fragment of a text message (RFC 6455 section 5.4). [`continue_text`](Self::continue_text)
    /// queues the others. Until the last one, only those, Pings, Pongs and a Close may be sent.
    ///
    /// ```
    /// # use statesocket::{Connection, SendError};
    /// fn count(connection: &mut Connection) -> Result<(), SendError> {
    ///     connection.begin_text("one, ")?;
    ///     connection.continue_text("two, ", false)?;
    ///     connection.continue_text("three", true)
    /// }
    /// # let _ = count;
    /// ```
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn begin_text(&mut self, text: &str) -> Result<(), SendError> {
        self.begin(Kind::Text, text.as_bytes())
    }

    /// Queues the first fragment of a binary message; see [`begin_text`](Self::begin_text).
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.begin_binary(&[1])?;
    /// assert!(connection.is_mid_message());
    /// connection.continue_binary(&[2], true)?;
    /// assert_eq!(connection.output(), [0x02, 1, 1, 0x80, 1, 2]);
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    pub fn begin_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.begin(Kind::Binary, bytes)
    }

    /// Queues the next fragment of the text message that [`begin_text`](Self::begin_text) has begun.
    ///
    /// # Errors
    /// [`NoMessageInProgress`](SendError::NoMessageInProgress) if none has begun,
    /// [`MessageInProgress`](SendError::MessageInProgress) if a binary one has, or an error of
    /// [`send_text`](Self::send_text).
    pub fn continue_text(&mut self, text: &str, is_last: bool) -> Result<(), SendError> {
        self.continue_message(Kind::Text, text.as_bytes(), is_last)
    }

    /// Queues the next fragment of the binary message that [`begin_binary`](Self::begin_binary) has begun.
    ///
    /// # Errors
    /// As [`continue_text`](Self::continue_text), with the kinds exchanged.
    pub fn continue_binary(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError> {
        self.continue_message(Kind::Binary, bytes, is_last)
    }

    #[inline]
    fn begin(&mut self, kind: Kind, payload: &[u8]) -> Result<(), SendError> {
        self.check_may_begin()?;
        self.fragment(kind, payload, false)
    }

    #[inline]
    fn continue_message(&mut self, kind: Kind, payload: &[u8], is_last: bool) -> Result<(), SendError> {
        self.check_send()?;
        match self.outgoing.fragmented() {
            None => return Err(SendError::NoMessageInProgress),
            Some(begun) if begun != kind => return Err(SendError::MessageInProgress),
            Some(_) => {}
        }
        self.fragment(kind, payload, is_last)
    }

    /// Queues a fragment, if there is room for it.
    #[inline]
    fn fragment(&mut self, kind: Kind, payload: &[u8], is_last: bool) -> Result<(), SendError> {
        if self.may_compress() {
            return self.fragment_on_compressing(kind, payload, is_last);
        }
        self.check_room(payload.len())?;
        self.outgoing.fragment(kind, payload, is_last);
        self.transition(self.local_party(), Action::Message);
        Ok(())
    }

    #[inline(never)]
    fn fragment_on_compressing(&mut self, kind: Kind, payload: &[u8], is_last: bool) -> Result<(), SendError> {
        self.check_room(self.max_fragment_len(payload.len()))?;
        if !self.try_compressed_fragment(kind, payload, is_last) {
            self.outgoing.fragment(kind, payload, is_last);
        }
        self.transition(self.local_party(), Action::Message);
        Ok(())
    }
}
