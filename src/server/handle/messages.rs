//! Messages for sessions, and commands that are like them.

use super::{
    super::{logging::DropCaught, queue::HandleError, session_id::SessionId},
    Command, Handle,
};
use crate::{CloseCode, SharedMessage};
use std::any::Any;

/// # Messages
impl Handle {
    /// Queues a text message, if the session is open. If it cannot be queued,
    /// [`on_unsent`](super::super::Handler::on_unsent) decides.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn send_text(&self, id: SessionId, text: impl Into<String>) -> Result<(), HandleError> {
        self.command_for(id, Command::Send(id, text.into().into()))
    }

    /// Queues a binary message, if the session is open. If it cannot be queued,
    /// [`on_unsent`](super::super::Handler::on_unsent) decides.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn send_binary(&self, id: SessionId, bytes: impl Into<Vec<u8>>) -> Result<(), HandleError> {
        self.command_for(id, Command::Send(id, bytes.into().into()))
    }

    /// Queues one message in each of the sessions `ids` that is open. Where it cannot be queued,
    /// [`on_unsent`](super::super::Handler::on_unsent) decides. The frame is encoded once; all sessions share the bytes
    /// of a frame of 1 KiB or more.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn broadcast(
        &self,
        ids: impl IntoIterator<Item = SessionId>,
        message: SharedMessage,
    ) -> Result<(), HandleError> {
        match &self.siblings {
            None => self.command(Command::Broadcast(ids.into_iter().collect(), message)),
            Some(loops) => self.broadcast_several(loops, ids, &message),
        }
    }

    /// Publishes a message in a room: queues it in each session that is a member then, and open. Where it cannot be
    /// queued, [`on_unsent`](super::super::Handler::on_unsent) decides. See [`Session::join`].
    ///
    /// [`Session::join`]: super::super::Session::join
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn publish(&self, room: impl Into<String>, message: SharedMessage) -> Result<(), HandleError> {
        match &self.siblings {
            None => self.command(Command::Publish { room: room.into(), message, except: None }),
            Some(loops) => self.publish_several(loops, &room.into(), &message),
        }
    }

    /// Calls [`on_event`](super::super::Handler::on_event) of the session's handler with `event`, so that it reaches
    /// the fields of the handler without a mutex. If the session has ended or has no handler yet, `event` is dropped.
    ///
    /// ```
    /// use statesocket::server::{Handle, HandleError, Handler, Session, SessionId};
    /// use std::any::Any;
    ///
    /// struct Price(u32);
    ///
    /// struct Shop {
    ///     prices_seen: u32,
    /// }
    ///
    /// impl Handler for Shop {
    ///     fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
    ///         if let Ok(price) = event.downcast::<Price>() {
    ///             self.prices_seen += 1;
    ///             let _ = session.send_text(&price.0.to_string());
    ///         }
    ///     }
    /// }
    ///
    /// fn announce(handle: &Handle, id: SessionId) -> Result<(), HandleError> {
    ///     handle.notify(id, Price(5))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn notify(&self, id: SessionId, event: impl Any + Send) -> Result<(), HandleError> {
        self.command_for(id, Command::Notify(id, DropCaught::new(Box::new(event))))
    }

    /// Closes a session, as [`ensure_closed`](crate::Connection::ensure_closed) does.
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn close(
        &self,
        id: SessionId,
        code: impl Into<CloseCode>,
        reason: impl Into<String>,
    ) -> Result<(), HandleError> {
        self.command_for(id, Command::Close { id, code: code.into(), reason: reason.into() })
    }
}
