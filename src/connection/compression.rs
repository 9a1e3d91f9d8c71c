//! Messages that leave compressed (RFC 7692 section 6.1), or that must not.

#[cfg(feature = "deflate")]
use super::outgoing::Compression;
use super::{Connection, outgoing::Kind};
use crate::message::SharedMessage;
#[cfg(feature = "deflate")]
use crate::{error::SendError, message::Message};

/// # C: commands that send, with permessage-deflate
#[cfg(feature = "deflate")]
impl Connection {
    /// Queues a message as it is, whatever was agreed on. No later message refers to it. Use it for secrets, which a
    /// compressed length may give away (see [`Deflate`](crate::Deflate)), and for bytes that are compressed already,
    /// such as images.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.send_uncompressed("the token is 5d41402abc4b2a76")?;
    /// assert!(connection.output().ends_with(b"the token is 5d41402abc4b2a76"));
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let message = message.into();
        self.check_message(message.len())?;
        self.outgoing.whole_message(message);
        Ok(())
    }
}

impl Connection {
    /// Queues a message compressed, if that makes it shorter. Returns whether it did.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    pub(super) fn try_compressed(&mut self, kind: Kind, payload: &[u8]) -> bool {
        self.may_compress() && self.compress_message(kind, payload)
    }

    // Out of line, as those below, so that a connection that does not compress pays for a comparison only.
    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn compress_message(&mut self, kind: Kind, payload: &[u8]) -> bool {
        self.compression().is_some_and(|how| self.outgoing.try_compressed(kind, payload, how))
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) const fn try_compressed(&mut self, _: Kind, _: &[u8]) -> bool {
        false
    }

    /// Queues a message that was compressed for all, if that makes it shorter. Returns whether it did.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    pub(super) fn try_shared_compressed(&mut self, message: &SharedMessage) -> bool {
        self.may_compress() && self.compress_shared(message)
    }

    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn compress_shared(&mut self, message: &SharedMessage) -> bool {
        self.compression().is_some_and(|how| self.outgoing.try_shared_compressed(message, how))
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) const fn try_shared_compressed(&mut self, _: &SharedMessage) -> bool {
        false
    }

    /// Whether messages may leave compressed.
    #[cfg(feature = "deflate")]
    pub(crate) const fn may_compress(&self) -> bool {
        self.deflate.is_some()
    }

    #[cfg(not(feature = "deflate"))]
    pub(crate) const fn may_compress(&self) -> bool {
        false
    }

    /// Queues a fragment compressed, if its message is. Returns whether it did.
    #[cfg(feature = "deflate")]
    pub(super) fn try_compressed_fragment(&mut self, kind: Kind, payload: &[u8], is_last: bool) -> bool {
        self.compression().is_some_and(|how| self.outgoing.try_compressed_fragment(kind, payload, is_last, how))
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) const fn try_compressed_fragment(&mut self, _: Kind, _: &[u8], _: bool) -> bool {
        false
    }

    /// The most bytes that the payload of the next fragment may take. What does not compress becomes longer.
    #[cfg(feature = "deflate")]
    pub(super) fn max_fragment_len(&self, len: usize) -> usize {
        self.compression().map_or(len, |how| self.outgoing.max_fragment_len(len, how))
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) const fn max_fragment_len(&self, len: usize) -> usize {
        len
    }

    /// How messages leave; `None` if none is compressed.
    #[cfg(feature = "deflate")]
    pub(super) fn compression(&self) -> Option<Compression> {
        let agreed = self.deflate?;
        Some(Compression { local: agreed.of(self.role), options: self.config.deflate.unwrap_or_default() })
    }
}
