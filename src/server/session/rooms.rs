//! Rooms, as a handler sees them.

use super::{
    super::{handle::Command, session_id::SessionId},
    Session,
};
use crate::{Phase, SharedMessage};

/// A session that is not open cannot join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("only an open session joins a room; the phase is {phase:?}")]
#[non_exhaustive]
pub struct JoinError {
    /// The phase of the connection.
    pub phase: Phase,
}

/// # Rooms
///
/// A room is a name for a group of sessions. It exists while it has members. A message that is published in a room is
/// encoded once. The members get the messages of a turn together, at its end: a burst costs each member one write. What
/// a session is sent keeps its order: a message that is published before a [`send`](Session::send) or a
/// [`close`](Session::close) comes before it.
impl Session<'_> {
    /// Makes the session a member of a room. Returns whether it was none. It is a member until it
    /// [leaves](Self::leave) or ends, whatever ends it: [`on_disconnect`](super::super::Handler::on_disconnect) is
    /// called after it has left its rooms.
    ///
    /// ```
    /// use statesocket::{Disconnect, Message, SharedMessage, handshake::{Accept, Request}, server::{Handler, Session}};
    ///
    /// struct Member {
    ///     room: String,
    /// }
    ///
    /// impl Handler for Member {
    ///     fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
    ///         self.room = session.param("room_id").unwrap_or("lobby").to_owned();
    ///         if session.accept(Accept::new()).is_ok() {
    ///             let _ = session.join(&self.room);
    ///         }
    ///     }
    ///
    ///     fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
    ///         session.publish(&self.room, &SharedMessage::from(&message));
    ///     }
    ///
    ///     fn on_disconnect(&mut self, session: &mut Session<'_>, end: &Disconnect) {
    ///         let notice = format!("{} has left with {}", session.id(), end.code);
    ///         session.publish(&self.room, &SharedMessage::text(&notice));
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`JoinError`] if the session is not open.
    pub fn join(&mut self, room: &str) -> Result<bool, JoinError> {
        let phase = self.after_own().phase();
        if phase != Phase::Open {
            return Err(JoinError { phase });
        }
        Ok(self.view.common.rooms.join(self.id().local(), room))
    }

    /// Ends the membership of the session. Returns whether it was a member. It still gets what was published before.
    pub fn leave(&mut self, room: &str) -> bool {
        self.after_own();
        self.view.common.rooms.leave(self.id().local(), room)
    }

    /// Publishes a message to all members of a room, of whom the session may be one. Returns how many they are. A
    /// member that has closed gets nothing. Where the message cannot be queued,
    /// [`on_unsent`](super::super::Handler::on_unsent) decides.
    ///
    /// While commands of a [`Handle`](super::super::Handle) wait, the message comes after them. Then it reaches those
    /// who are members after these commands; the number is that of the members now.
    pub fn publish(&mut self, room: &str, message: &SharedMessage) -> usize {
        self.publish_except(room, message, None)
    }

    /// Publishes a message to all members of a room but the session itself. Returns how many they are. See
    /// [`publish`](Self::publish).
    pub fn publish_to_others(&mut self, room: &str, message: &SharedMessage) -> usize {
        self.publish_except(room, message, Some(self.id()))
    }

    fn publish_except(&mut self, room: &str, message: &SharedMessage, except: Option<SessionId>) -> usize {
        let except_local = except.map(SessionId::local);
        self.handle.publish_elsewhere(room, message);
        let rooms = &mut self.view.common.rooms;
        let elsewhere = rooms.count_elsewhere(room);
        if !self.handle.has_waiting_own() {
            return rooms.publish(room, message, except_local) + elsewhere;
        }
        // It must not overtake the commands that your code has sent other members before. The loop is running.
        let _ = self.handle.command(Command::Publish { room: room.to_owned(), message: message.clone(), except });
        let is_excepted = except_local.is_some_and(|id| rooms.is_member(id, room));
        rooms.count(room) + elsewhere - usize::from(is_excepted)
    }

    /// The number of members of a room, on all loops of a cluster.
    #[must_use]
    pub fn members(&self, room: &str) -> usize {
        self.view.common.rooms.count(room) + self.view.common.rooms.count_elsewhere(room)
    }

    /// The ids of the members of a room, the oldest session first. In a cluster, those on the loop of this session.
    pub fn member_ids(&self, room: &str) -> impl Iterator<Item = SessionId> {
        let server = self.id().server();
        self.view.common.rooms.members(room).map(move |id| SessionId::new(server, id))
    }

    /// The names of the rooms of which the session is a member.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.view.common.rooms.of(self.id().local())
    }
}
