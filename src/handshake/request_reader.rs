//! The opening handshake of a server: bytes to a request.

use super::{Request, first_line::RequestLine, head::HeadReader};
use crate::{config::Config, error::HandshakeError};
use std::sync::Arc;

/// Reads a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestReader {
    head: HeadReader<RequestLine>,
    is_head: bool,
}

impl RequestReader {
    /// Whether the client has sent a byte.
    pub(crate) fn has_begun(&self) -> bool {
        !self.head.is_empty()
    }

    /// The memory of the bytes so far, in bytes.
    pub(crate) const fn buffered(&self) -> usize {
        self.head.buffered()
    }

    /// Whether the method is HEAD. This is known before the request is complete, and after it is refused.
    pub(crate) const fn is_head(&self) -> bool {
        self.is_head
    }

    /// Takes a request off the front of `input`, or all of `input` if the request does not end there.
    pub(crate) fn read(&mut self, input: &mut &mut [u8], config: &Config) -> Result<Option<Request>, HandshakeError> {
        let head = self.head.read(input, config);
        self.is_head |= self.head.has_start() || matches!(&head, Ok(Some(head)) if head.first_line.is_head);
        head?.map(|head| Request::parse(&head, config)).transpose()
    }
}

/// A request that waits for its answer, and the bytes that the client sends meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) request: Arc<Request>,
    pub(crate) early: Vec<u8>,
}

impl Pending {
    pub(crate) const fn new(request: Arc<Request>) -> Self {
        Self { request, early: Vec::new() }
    }

    /// Keeps all of `input` until the request is accepted.
    pub(crate) fn hold(&mut self, input: &mut &mut [u8], config: &Config) -> Result<(), HandshakeError> {
        let input = std::mem::take(input);
        if self.early.len() + input.len() > config.max_early_bytes {
            return Err(HandshakeError::TooMuchEarlyData { limit: config.max_early_bytes });
        }
        if self.early.try_reserve(input.len()).is_err() {
            self.early = Vec::new();
            return Err(HandshakeError::OutOfMemory);
        }
        self.early.extend_from_slice(input);
        Ok(())
    }
}
