//! Commands that send messages which other connections send too.

use super::Connection;
use crate::{
    error::SendError,
    message::{SharedMessage, SharedMessages},
};
#[cfg(feature = "server")]
use bytes::Bytes;
#[cfg(feature = "server")]
use std::io;

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
        self.check_message(with_keys(messages))?;
        if self.exceeds_limit(messages) {
            let (queued, limit) = (self.outgoing.len(), self.config.max_output_bytes);
            return Err(SendError::OutputFull { queued, limit });
        }
        if self.may_compress() {
            messages.iter().for_each(|message| self.queue_shared(message));
        } else {
            self.outgoing.shared_messages(messages);
        }
        Ok(())
    }

    /// Writes a message that other connections send too, once, and queues the part that `writer` does not take. Returns
    /// whether it has done so: not if bytes are queued before it, or the connection cannot send it, or its frame is in
    /// several pieces or still to be made.
    #[cfg(feature = "server")]
    pub(crate) fn write_shared(&mut self, message: &SharedMessage, writer: impl io::Write) -> bool {
        #[cfg(feature = "deflate")]
        if self.may_compress() {
            return self.write_compressed(message, writer);
        }
        message.frame().is_some_and(|frame| self.write_frames(frame, writer))
    }

    /// Writes several messages, as [`write_shared`](Self::write_shared) does.
    #[cfg(feature = "server")]
    pub(crate) fn write_shared_all(&mut self, messages: &SharedMessages, writer: impl io::Write) -> bool {
        !self.may_compress() && !self.exceeds_limit(messages) && self.write_frames(messages.frames(), writer)
    }

    /// Whether several messages are longer together than the output may be.
    fn exceeds_limit(&self, messages: &SharedMessages) -> bool {
        messages.len() > 1 && with_keys(messages) > self.config.max_output_bytes
    }

    #[cfg(all(feature = "server", feature = "deflate"))]
    #[inline(never)]
    fn write_compressed(&mut self, message: &SharedMessage, writer: impl io::Write) -> bool {
        let may_share = self.compression().is_some_and(|how| how.may_share(message.payload()));
        match if may_share { message.compressed_before() } else { Some(None) } {
            Some(None) => message.frame().is_some_and(|frame| self.write_frames(frame, writer)),
            Some(Some(compressed)) => {
                let is_written = self.write_frames(&compressed.frame, writer);
                if is_written {
                    self.outgoing.note_shared(message.payload());
                }
                is_written
            }
            None => false,
        }
    }

    #[cfg(feature = "server")]
    fn write_frames(&mut self, frames: &Bytes, mut writer: impl io::Write) -> bool {
        let is_first = self.outgoing.is_empty() && !self.outgoing.is_masked();
        if !is_first || self.check_message(frames.len()).is_err() {
            return false;
        }
        // Nothing is queued before the write, so a writer that panics leaves no half frame. The next write meets an
        // error again.
        let written = writer.write(frames).unwrap_or(0);
        if written < frames.len() {
            self.outgoing.share(&frames.slice(written..));
        }
        // Nothing was queued before, so no time depends on the bytes that have left.
        true
    }

    fn queue_shared(&mut self, message: &SharedMessage) {
        if !self.try_shared_compressed(message) {
            self.outgoing.shared_message(message);
        }
    }
}

/// The bytes of the frames with a key for each.
fn with_keys(messages: &SharedMessages) -> usize {
    messages.frames().len() + MASK_KEY_BYTES * messages.len()
}
