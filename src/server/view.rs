//! A session as it is lent to your code for one call.

use super::{params::Params, session_id::SessionId};
use crate::{Connection, Message, SendError};
use std::{fmt, io, net::SocketAddr};

/// A session, without its handler, lent for one call.
pub(super) struct View<'l> {
    pub(super) connection: &'l mut Connection,
    pub(super) stream: &'l mut (dyn io::Write + Send + Sync + 'static),
    pub(super) id: SessionId,
    pub(super) address: SocketAddr,
    pub(super) params: &'l Params,
}

impl View<'_> {
    /// Sends a message; a large one is written at once. Above the high-water mark a large one is queued too, so that
    /// `on_drain` follows.
    pub(super) fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        if self.connection.is_output_high() {
            return self.connection.send(message);
        }
        let message = message.into();
        if message.len() >= self.connection.config().max_output_bytes && self.connection.output_len() > 0 {
            // Only an empty output takes a message of this length. The next write meets an error.
            let _ = self.connection.write_to(&mut *self.stream);
        }
        self.connection.send_through(message, &mut *self.stream)
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("params", &self.params)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
