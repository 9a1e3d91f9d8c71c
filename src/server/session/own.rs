//! Commands that a handler sends its own session by a handle. They keep their place among the commands of the session.

use super::{
    super::{
        handle::{Act, ActOnEach, Command, Handle},
        logging::{DropCaught, LOG, caught},
        queue::HandleError,
        session_id::SessionId,
        view::leaves_hole,
    },
    Session,
};
use crate::SendError;

/// The most closures of a session in the middle of each other. Beyond it their place among the commands is lost.
const MAX_DEPTH: u8 = 16;

/// The most closures in the middle of one call. Without it, closures that cause two each would be called 2^16 times.
const MAX_NESTED_CALLS: u16 = 64;

impl Session<'_> {
    /// Executes the commands for this session that this call of your code has sent by a handle.
    ///
    /// # Errors
    /// One of their messages could not be sent.
    #[cold]
    pub(super) fn execute_own(&mut self) -> Result<(), SendError> {
        self.view.catch_up()?;
        // Commands that these cause come later.
        for _ in 0..self.handle.own_len() {
            let Some(command) = self.handle.next_own_for(self.view.id) else { break };
            let sent = match &command {
                Command::Send(_, message) => self.view.queue(|connection| connection.send(message)),
                Command::Broadcast(_, message) => self.view.queue(|connection| connection.send_shared(message)),
                Command::Publish { room, message, .. }
                    if self.view.common.rooms.is_member(self.view.id.local(), room) =>
                {
                    self.view.queue(|connection| connection.send_shared(message))
                }
                Command::Close { code, reason, .. } => {
                    self.view.connection.ensure_closed(*code, reason);
                    Ok(())
                }
                // A closure that sends itself a closure for ever must end in the loop, not here.
                Command::With(..) if self.has_nested_enough() => {
                    self.handle.put_back_own(command);
                    return Ok(());
                }
                Command::With(..)
                | Command::ForEach { .. }
                | Command::Notify(..)
                | Command::Publish { .. }
                | Command::Adopt(..)
                | Command::Run(_)
                | Command::StopAccepting
                | Command::Shutdown(_)
                | Command::Stop => Ok(()),
            };
            match (sent, command) {
                // The other members get it by the command that has been left.
                (Err(error), Command::Publish { message, .. }) if leaves_hole(&error) => {
                    self.handle.put_back_own(Command::Broadcast(vec![self.view.id], message));
                    return Err(error);
                }
                (Err(error), command) if leaves_hole(&error) => {
                    self.handle.put_back_own(command);
                    return Err(error);
                }
                (Err(error), _) => log::debug!(target: LOG, "{} {}: not sent: {error}", self.id(), self.address()),
                (Ok(()), Command::With(id, act)) => self.call(id, act),
                (Ok(()), _) => {}
            }
        }
        Ok(())
    }

    fn has_nested_enough(&self) -> bool {
        self.view.depth == MAX_DEPTH || self.view.common.nested_calls == MAX_NESTED_CALLS
    }

    fn call(&mut self, id: SessionId, act: DropCaught<Act>) {
        let Some(act) = act.into_inner() else { return };
        self.view.common.nested_calls += 1;
        let begun = self.handle.begin_call();
        let (address, view) = (self.view.address, self.view.nested());
        if caught(format_args!("{id} {address}: a command"), || act(view, self.handle)).is_none() {
            self.view.fail();
        }
        self.handle.end_nested_call(begun);
    }
}

impl Handle {
    /// Calls `act` with a session, on the thread of the loop. `act` can do everything that a handler can, such as
    /// answering a waiting request. If the session has ended, `act` is dropped.
    ///
    /// # Errors
    /// [`HandleError`].
    ///
    /// ```
    /// # use statesocket::{http::StatusCode, handshake::Accept, server::{Handle, HandleError, SessionId}};
    /// fn decide(handle: &Handle, id: SessionId, is_welcome: bool) -> Result<(), HandleError> {
    ///     handle.with_session(id, move |session| {
    ///         // The client may have gone: then there is nobody to answer.
    ///         if is_welcome {
    ///             let _ = session.accept(Accept::new());
    ///         } else {
    ///             let _ = session.reject(StatusCode::FORBIDDEN);
    ///         }
    ///     })
    /// }
    /// ```
    pub fn with_session(
        &self,
        id: SessionId,
        act: impl FnOnce(&mut Session<'_>) + Send + 'static,
    ) -> Result<(), HandleError> {
        let act: Act = Box::new(move |view, handle| act(&mut Session::new(view, handle)));
        self.command_for(id, Command::With(id, DropCaught::new(act)))
    }

    /// Calls `act` with every session that your code knows, on the thread of the loop, in the order of their ids. See
    /// [`Server::for_each`](super::super::Server::for_each).
    ///
    /// All calls are in one turn, and everything else waits for them. In a cluster this is so on each loop, and the
    /// calls come one at a time. For a message that is the same for all,
    /// [rooms](Session::join) are cheaper; to close them all, see [`shutdown`](Self::shutdown).
    ///
    /// ```
    /// use statesocket::server::{Handle, HandleError};
    ///
    /// /// Tells each member of a game how many messages wait for it.
    /// fn announce(handle: &Handle) -> Result<(), HandleError> {
    ///     handle.for_each(|session| {
    ///         let queued = session.output_len();
    ///         // A request may wait for its answer.
    ///         let _ = session.send_text(&format!("{queued} bytes are on their way"));
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn for_each(&self, mut act: impl FnMut(&mut Session<'_>) + Send + 'static) -> Result<(), HandleError> {
        let act = ActOnEach::new(Box::new(move |view, handle| act(&mut Session::new(view, handle))));
        self.command_each(|| Command::ForEach { act: act.clone(), except: None })
    }
}
