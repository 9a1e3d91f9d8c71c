//! A session as it is lent to your code for one call.

use super::{
    address::Address,
    common::Common,
    params::Params,
    rooms::Next,
    session_id::{LocalId, SessionId},
    stream::{ByteStream, Metered},
    tally::Tally,
};
use crate::{CloseCode, Connection, Message, Phase, SendError};
use http::StatusCode;
use std::{fmt, time::Instant};

/// A session, without its handler, lent for one call.
pub(super) struct View<'l> {
    pub(super) connection: &'l mut Connection,
    pub(super) stream: &'l mut dyn ByteStream,
    pub(super) id: SessionId,
    pub(super) address: Address,
    pub(super) params: &'l Params,
    pub(super) common: &'l mut Common,
    /// The time of the turn.
    pub(super) now: Instant,
    /// How many calls have the session, each in the middle of the one before.
    pub(super) depth: u8,
}

/// Whether a message that could not be sent leaves a hole in the stream. After the end there is no stream.
pub(super) const fn leaves_hole(error: &SendError) -> bool {
    !matches!(error, SendError::Transition(_) | SendError::TransportLost)
}

impl View<'_> {
    /// The same session, lent to a command in the middle of a call.
    pub(super) const fn nested(&mut self) -> View<'_> {
        View {
            connection: self.connection,
            stream: self.stream,
            id: self.id,
            address: self.address,
            params: self.params,
            common: self.common,
            now: self.now,
            depth: self.depth + 1,
        }
    }

    /// Sends the messages of rooms that wait for the session: [`catch_up`].
    pub(super) fn catch_up(&mut self) -> Result<(), SendError> {
        catch_up(self.connection, self.stream, self.common, self.id.local())
    }

    /// Ends the session after a panic of your code: with 500 if a request waits, else with Close 1011.
    pub(super) fn fail(&mut self) {
        if self.connection.request().is_some() {
            self.connection.refuse(StatusCode::INTERNAL_SERVER_ERROR);
        } else {
            self.connection.ensure_closed(CloseCode::INTERNAL_ERROR, "");
        }
    }

    /// Ends the session at once. The last bytes of one that has ended are written as far as the stream takes them now.
    pub(super) fn cut(&mut self) {
        if self.connection.phase() == Phase::Closed {
            // Nothing depends on the result: the connection is over.
            let _ = self.connection.write_to(Metered::new(self.stream, &mut self.common.tally));
            self.connection.transport_failed();
        } else {
            self.connection.abort();
        }
    }

    /// Has `queue` queue a message, and counts it.
    pub(super) fn queue<E>(&mut self, queue: impl FnOnce(&mut Connection) -> Result<(), E>) -> Result<(), E> {
        let result = queue(self.connection);
        self.common.tally.messages_sent += u64::from(result.is_ok());
        result
    }

    /// Sends a message; a large one is written at once. Above the high-water mark a large one is queued too, so that
    /// `on_drain` follows.
    pub(super) fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        if self.connection.is_output_high() {
            return self.queue(|connection| connection.send(message));
        }
        let message = message.into();
        if message.len() >= self.connection.config().max_output_bytes && self.connection.output_len() > 0 {
            // Behind no other message is there room for one of this length. The next write meets an error.
            let _ = self.connection.write_to(Metered::new(self.stream, &mut self.common.tally));
        }
        let result = self.connection.send_through(message, Metered::new(self.stream, &mut self.common.tally));
        self.common.tally.messages_sent += u64::from(result.is_ok());
        #[cfg(feature = "tls")]
        keep_encrypted(self.connection, &*self.stream);
        result
    }
}

/// Keeps the queued bytes that the stream has encrypted and not sent. Call it after each write.
#[cfg(feature = "tls")]
pub(super) fn keep_encrypted(connection: &mut Connection, stream: &(impl ByteStream + ?Sized)) {
    let count = stream.encrypted();
    if count > 0 {
        connection.keep_queued(count);
    }
}

/// Sends the messages of rooms that wait for the session `id`.
///
/// # Errors
/// One of them could not be sent. It still waits.
pub(super) fn catch_up(
    connection: &mut Connection,
    stream: &mut (impl ByteStream + ?Sized),
    common: &mut Common,
    id: LocalId,
) -> Result<(), SendError> {
    let Common { rooms, tally, .. } = common;
    let limit = rooms.max_backlog();
    let mut may_join = true;
    while let Some((number, next)) = rooms.next_for(id, may_join) {
        let mut result = send_published(connection, next, limit, tally);
        if matches!(result, Err(SendError::OutputFull { .. })) {
            // A member lags if its stream does not take the bytes, not if much is published in one turn.
            let before = connection.output_len();
            if connection.write_to(Metered::new(stream, tally)).is_err() {
                // The next write meets the error and ends the session.
                return Ok(());
            }
            #[cfg(feature = "tls")]
            keep_encrypted(connection, stream);
            if connection.output_len() < before {
                result = send_published(connection, next, limit, tally);
            }
        }
        match (result, next) {
            // Some of them may fit.
            (Err(SendError::OutputFull { .. }), Next::All(_)) => may_join = false,
            (Err(error), _) if leaves_hole(&error) => return Err(error),
            // After the end there is no stream to send on.
            (Ok(()) | Err(_), _) => rooms.took(id, number),
        }
    }
    Ok(())
}

/// Sends messages of rooms, unless they would make the backlog of the session longer than `limit`.
fn send_published(
    connection: &mut Connection,
    next: Next<'_>,
    limit: usize,
    tally: &mut Tally,
) -> Result<(), SendError> {
    let queued = connection.output_len();
    let (bytes, may_exceed) = match next {
        Next::One(message) => (message.frame_len(), connection.backlog() == 0),
        Next::All(messages) => (messages.frames().len(), false),
    };
    if queued.saturating_add(bytes) > limit && !may_exceed && connection.can_send() {
        return Err(SendError::OutputFull { queued, limit });
    }
    let count = match next {
        Next::One(message) => connection.send_shared(message).map(|()| 1),
        Next::All(messages) => connection.send_shared_all(messages).map(|()| messages.len()),
    }?;
    tally.messages_sent += count as u64;
    Ok(())
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
