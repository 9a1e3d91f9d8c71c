//! A session in the hands of its handler.

mod ask;
mod own;
mod request;
mod rooms;
mod timers;

pub use ask::{Answer, AskError};
pub use rooms::JoinError;

use super::{handle::Handle, params::Params, session_id::SessionId, view::View};
use crate::{CloseCode, CloseError, Connection, Message, PingError, SendError, SharedMessage};
use std::{net::SocketAddr, ops::Deref};

/// A session: our end of one connection of a [`Server`](super::Server), lent to its [`Handler`](super::Handler) or to a
/// closure of [`Handle::with_session`].
///
/// It has the commands of a [`Connection`], except `refuse` and `send_through`, and its getters through [`Deref`]. The
/// loop writes the queued bytes after the call; [`send`](Self::send) writes a large message at once.
#[derive(Debug)]
pub struct Session<'l> {
    view: View<'l>,
    handle: &'l Handle,
}

impl<'l> Session<'l> {
    pub(super) const fn new(view: View<'l>, handle: &'l Handle) -> Self {
        Self { view, handle }
    }

    /// The id of the session. A [`Handle`] finds the session by it.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.view.id
    }

    /// The address of the client, or of the proxy in front of the server.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.view.address.get()
    }

    /// The value of a parameter of the route, percent-decoded: `room_id` for the route `/ws/{room_id}`.
    #[doc(alias = "path_params")]
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.view.params.get(name)
    }

    /// All parameters of the route.
    #[must_use]
    pub const fn params(&self) -> &Params {
        self.view.params
    }

    /// The handle of the server, by which a handler reaches other sessions. In a [`Cluster`](super::Cluster) it reaches
    /// those of all loops.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        self.handle
    }

    /// Whether the output is not above its [high-water mark](crate::Config::high_water). A handler that sends a stream
    /// does so while this is true. Once it is false, [`on_drain`](super::Handler::on_drain) says when to go on.
    ///
    /// ```
    /// use statesocket::{SendError, server::Session};
    ///
    /// /// Call it at the start and in `on_drain`.
    /// fn pump(session: &mut Session<'_>, numbers: &mut impl Iterator<Item = u64>) -> Result<(), SendError> {
    ///     while session.has_room()
    ///         && let Some(number) = numbers.next()
    ///     {
    ///         session.send_text(&number.to_string())?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.view.connection.is_output_high()
    }

    /// Sends a message. A message below 8 KiB is queued. A longer one is offered to the socket at once, behind the
    /// queued bytes; the bytes that the socket takes are not copied. If more than
    /// [`Config::high_water`](crate::Config::high_water) bytes are queued already, a message of any length is queued,
    /// and [`on_drain`](super::Handler::on_drain) reports the room. See [`Connection::send`] and
    /// [`Connection::send_through`].
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        self.in_order()?;
        self.view.send(message)
    }

    /// Queues a text message. See [`Connection::send_text`].
    ///
    /// # Errors
    /// Those of [`Connection::send_text`].
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.queue(|connection| connection.send_text(text))
    }

    /// Queues a binary message. See [`Connection::send_binary`].
    ///
    /// # Errors
    /// Those of [`Connection::send_binary`].
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.queue(|connection| connection.send_binary(bytes))
    }

    /// Queues a message that other sessions send, too. See [`Connection::send_shared`].
    ///
    /// # Errors
    /// Those of [`Connection::send_shared`].
    pub fn send_shared(&mut self, message: &SharedMessage) -> Result<(), SendError> {
        self.queue(|connection| connection.send_shared(message))
    }

    /// Queues the first fragment of a text message. See [`Connection::begin_text`].
    ///
    /// # Errors
    /// Those of [`Connection::begin_text`].
    pub fn begin_text(&mut self, text: &str) -> Result<(), SendError> {
        self.in_order()?.begin_text(text)
    }

    /// Queues the first fragment of a binary message. See [`Connection::begin_binary`].
    ///
    /// # Errors
    /// Those of [`Connection::begin_binary`].
    pub fn begin_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.in_order()?.begin_binary(bytes)
    }

    /// Queues the next fragment of the text message that has begun. See [`Connection::continue_text`].
    ///
    /// # Errors
    /// Those of [`Connection::continue_text`].
    pub fn continue_text(&mut self, text: &str, is_last: bool) -> Result<(), SendError> {
        self.in_order()?.continue_text(text, is_last)?;
        self.view.common.tally.messages_sent += u64::from(is_last);
        Ok(())
    }

    /// Queues the next fragment of the binary message that has begun. See [`Connection::continue_binary`].
    ///
    /// # Errors
    /// Those of [`Connection::continue_binary`].
    pub fn continue_binary(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError> {
        self.in_order()?.continue_binary(bytes, is_last)?;
        self.view.common.tally.messages_sent += u64::from(is_last);
        Ok(())
    }

    /// Queues `value` as JSON in a text message. See [`Connection::send_json`].
    ///
    /// # Errors
    /// Those of [`Connection::send_json`].
    #[cfg(feature = "serde")]
    pub fn send_json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.queue(|connection| connection.send_json(value))
    }

    /// Queues `value` as JSON in a binary message. See [`Connection::send_json_binary`].
    ///
    /// # Errors
    /// Those of [`Connection::send_json_binary`].
    #[cfg(feature = "serde")]
    pub fn send_json_binary<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.queue(|connection| connection.send_json_binary(value))
    }

    /// Queues a Ping with at most 125 bytes. See [`Connection::ping`].
    ///
    /// # Errors
    /// Those of [`Connection::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.after_own().ping(payload)
    }

    /// Queues a Pong that answers no Ping. See [`Connection::pong`].
    ///
    /// # Errors
    /// Those of [`Connection::pong`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.after_own().pong(payload)
    }

    /// Begins the closing handshake, or answers the client's Close. See [`Connection::close`].
    ///
    /// # Errors
    /// Those of [`Connection::close`].
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.after_own().close(code, reason)
    }

    /// Answers the client's Close with its own code and reason. See [`Connection::reply_close`].
    ///
    /// # Errors
    /// Those of [`Connection::reply_close`].
    pub fn reply_close(&mut self) -> Result<(), CloseError> {
        self.after_own().reply_close()
    }

    /// Fails the session: sends one Close, and nothing more of the client is handed out. See [`Connection::fail`].
    ///
    /// # Errors
    /// Those of [`Connection::fail`].
    pub fn fail(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.after_own().fail(code, reason)
    }

    /// Closes the session in whatever phase it is, for clean-up code that must not fail. See
    /// [`Connection::ensure_closed`].
    pub fn ensure_closed(&mut self, code: impl Into<CloseCode>, reason: &str) {
        self.after_own().ensure_closed(code, reason);
    }

    /// Ends the session as a server that stops does. See [`Connection::shutdown`].
    pub fn shutdown(&mut self, code: impl Into<CloseCode>) {
        self.after_own().shutdown(code);
    }

    /// Ends the session without a closing handshake; queued bytes are lost. In
    /// [`on_disconnect`](super::Handler::on_disconnect) the session has usually ended already, and its last bytes still
    /// leave. See [`Connection::abort`].
    pub fn abort(&mut self) {
        self.after_own().abort();
    }

    /// Ends the session and closes its socket as soon as the queued bytes are written, without waiting for the client.
    /// See [`Connection::finish`].
    ///
    /// ```
    /// use statesocket::{Message, server::{Handler, Session}};
    ///
    /// struct Ticket;
    ///
    /// impl Handler for Ticket {
    ///     fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
    ///         session.ensure_closed(1000, "one per client");
    ///         session.finish();
    ///     }
    /// }
    /// ```
    pub fn finish(&mut self) {
        self.after_own().finish();
    }

    /// Pauses reading until [`resume_reading`](Self::resume_reading): no further message is handed out, also of those
    /// that have been read already. See [`Connection::pause_reading`].
    pub fn pause_reading(&mut self) {
        self.after_own().pause_reading();
    }

    /// Resumes reading. See [`Connection::resume_reading`].
    pub fn resume_reading(&mut self) {
        self.after_own().resume_reading();
    }

    /// Has `queue` queue a message, behind those of the commands that this call of your code has sent by a handle.
    fn queue<E: From<SendError>>(&mut self, queue: impl FnOnce(&mut Connection) -> Result<(), E>) -> Result<(), E> {
        self.in_order()?;
        self.view.queue(queue)
    }

    /// The connection, for a command that is no message.
    fn after_own(&mut self) -> &mut Connection {
        // A message that does not fit is told to `on_unsent`, after this call of your code.
        let _ = self.in_order();
        self.view.connection
    }

    /// The connection, once the commands are executed that this call of your code has sent it by a handle.
    ///
    /// # Errors
    /// One of their messages could not be sent. No other message may overtake it.
    fn in_order(&mut self) -> Result<&mut Connection, SendError> {
        if self.handle.has_own() || self.view.common.rooms.has_waiting() {
            self.execute_own()?;
        }
        Ok(self.view.connection)
    }
}

impl Deref for Session<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.view.connection
    }
}
