//! Commands for several loops of a cluster.

use super::{
    super::{
        queue::{HandleError, Queue},
        session_id::SessionId,
        siblings::Siblings,
    },
    COMMAND_BYTES, Command, Handle,
};
use crate::SharedMessage;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::atomic::Ordering;

impl Handle {
    /// Whether this is the handle of a loop of a cluster.
    pub(in super::super) const fn is_of_cluster(&self) -> bool {
        self.siblings.is_some()
    }

    /// Tells the loop that accepts for a cluster whether this one, and so all of them, speaks TLS.
    #[cfg(feature = "tls")]
    pub(in super::super) fn set_secure(&self, is_secure: bool) {
        if let Some(loops) = &self.siblings {
            loops.is_secure().store(is_secure, Ordering::Relaxed);
        }
    }

    /// Whether the loops of a cluster speak TLS.
    #[cfg(feature = "tls")]
    pub(in super::super) fn is_secure(&self) -> bool {
        self.siblings.as_ref().is_some_and(|loops| loops.is_secure().load(Ordering::Relaxed))
    }

    /// The loop that gets the next connection of a cluster, if any loop still takes commands.
    pub(in super::super) fn take_turn(&self) -> Self {
        self.siblings.as_ref().map_or_else(|| self.clone(), |loops| self.at(loops.take_turn()))
    }

    /// Whether the loop takes a short command now.
    pub(in super::super) fn has_room(&self) -> bool {
        self.queue.has_room(COMMAND_BYTES)
    }

    /// Sends every loop a command, or none.
    pub(in super::super) fn command_each(&self, make: impl Fn() -> Command) -> Result<(), HandleError> {
        match &self.siblings {
            None => self.command(make()),
            Some(loops) => self.command_several(loops, loops.queues().map(|queue| (queue, make()))),
        }
    }

    /// Sends a command that is always taken to every loop that runs, that of the acceptor first.
    pub(super) fn command_all(&self, make: impl Fn() -> Command) -> Result<(), HandleError> {
        let Some(loops) = &self.siblings else { return self.command(make()) };
        let sent = loops.acceptor().into_iter().chain(loops.queues()).map(|queue| self.push(queue, make()));
        // Every loop gets it.
        sent.collect::<Vec<_>>().into_iter().find(Result::is_ok).unwrap_or(Err(HandleError::Stopped))
    }

    /// Sends a command to whatever accepts connections: each loop, or the one that hands them over.
    pub(super) fn command_acceptors(&self, make: impl Fn() -> Command) -> Result<(), HandleError> {
        match self.siblings.as_ref().and_then(|loops| loops.acceptor()) {
            Some(acceptor) => self.push(acceptor, make()),
            None => self.command_all(make),
        }
    }

    pub(super) fn broadcast_several(
        &self,
        loops: &Siblings<Command>,
        ids: impl IntoIterator<Item = SessionId>,
        message: &SharedMessage,
    ) -> Result<(), HandleError> {
        let mut by_place = vec![Vec::new(); loops.queues().len()];
        for id in ids {
            // A session of another server has ended for these loops.
            if let Some(place) = loops.place_of(id.server()) {
                by_place[place].push(id);
            }
        }
        let groups = loops.queues().zip(by_place).filter(|(_, ids)| !ids.is_empty());
        self.command_several(loops, groups.map(|(queue, ids)| (queue, Command::Broadcast(ids, message.clone()))))
    }

    pub(super) fn publish_several(
        &self,
        loops: &Siblings<Command>,
        room: &str,
        message: &SharedMessage,
    ) -> Result<(), HandleError> {
        let publish = || Command::Publish { room: room.to_owned(), message: message.clone(), except: None };
        self.command_several(loops, loops.with_members(room).map(|queue| (queue, publish())))
    }

    /// Publishes a message of a session on the other loops of the cluster. A loop that has no room for it has missed
    /// it, and tells its members so.
    pub(in super::super) fn publish_elsewhere(&self, room: &str, message: &SharedMessage) {
        let Some(loops) = &self.siblings else { return };
        for queue in loops.with_members(room).filter(|queue| !queue.is_own_thread()) {
            let command = Command::Publish { room: room.to_owned(), message: message.clone(), except: None };
            let bytes = command.bytes();
            queue.push_or_note(room, command, bytes);
        }
    }

    /// Sends several loops a command each. All take it, except for those that have ended, or none.
    fn command_several<'l>(
        &self,
        loops: &'l Siblings<Command>,
        commands: impl Iterator<Item = (&'l Arc<Queue<Command>>, Command)>,
    ) -> Result<(), HandleError> {
        let mut reserved = Vec::new();
        for (queue, command) in commands {
            match queue.reserve(command.bytes(), self.when_no_room(&command, queue)) {
                Ok(room) => reserved.push((queue, room, command)),
                // No session is left there.
                Err(HandleError::Stopped) => {}
                Err(error) => return Err(error),
            }
        }
        if reserved.is_empty() && loops.is_closed() {
            return Err(HandleError::Stopped);
        }
        for (queue, room, command) in reserved {
            if command.is_call() && !queue.is_own_thread() {
                queue.begin_call_of_others();
            }
            room.push(command);
        }
        Ok(())
    }
}
