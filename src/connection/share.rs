//! Commands that send messages which other connections send too.

use super::Connection;
use crate::{
    error::SendError,
    message::{SharedMessage, SharedMessages},
};

/// A client's frame has a key; a shared frame has none.
const MASK_KEY_BYTES: usize = 4;

/// # C: commands that send to many
impl Connection {
    /// Queues a message that other connections send too. A server does not copy one of 1 KiB or more, nor one of 128 B
    /// or more for a peer that lags by 64 KiB. A client copies it, to mask it.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn send_shared(&mut self, message: &SharedMessage) -> Result<(), SendError> {
        self.check_message(message.payload().len())?;
        self.queue_shared(message);
        Ok(())
    }

    /// Queues several messages that other connections send too, or none of them. A server does not copy them if their
    /// frames together have 1 KiB or more.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role, SharedMessage, SharedMessages};
    /// # use std::{sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// let news: SharedMessages = [&SharedMessage::text("one"), &SharedMessage::text("two")].into_iter().collect();
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// connection.send_shared_all(&news)?;
    /// assert_eq!(connection.output(), b"\x81\x03one\x81\x03two");
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text). The limit applies to the messages together, also if nothing else is queued.
    pub fn send_shared_all(&mut self, messages: &SharedMessages) -> Result<(), SendError> {
        let bytes = messages.frames().len() + MASK_KEY_BYTES * messages.len();
        let limit = self.config.max_output_bytes;
        self.check_message(bytes)?;
        if messages.len() > 1 && bytes > limit {
            return Err(SendError::OutputFull { queued: self.outgoing.len(), limit });
        }
        if self.may_compress() {
            messages.iter().for_each(|message| self.queue_shared(message));
        } else {
            self.outgoing.shared_messages(messages);
        }
        Ok(())
    }

    fn queue_shared(&mut self, message: &SharedMessage) {
        if !self.try_shared_compressed(message) {
            self.outgoing.shared_message(message);
        }
    }
}
