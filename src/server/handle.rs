//! Handles: commands to a loop from other threads and from handlers.

use super::{logging::DropCaught, session_id::SessionId, view::View};
use crate::{CloseCode, Message, SharedMessage};
use std::{
    fmt, io,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, mpsc},
    time::Duration,
};

/// The error of a [`Handle`] whose loop has ended: no session is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server has stopped")]
pub struct Stopped;

/// A command of a handle to its loop.
pub(super) enum Command {
    With(SessionId, DropCaught<Act>),
    Send(SessionId, Message<'static>),
    Broadcast(Vec<SessionId>, SharedMessage),
    Close { id: SessionId, code: CloseCode, reason: String },
    Shutdown { code: CloseCode, timeout: Duration },
    Stop,
}

/// A closure of your code. The loop calls it with a session and with its own handle.
pub(super) type Act = Box<dyn FnOnce(View<'_>, &Handle) + Send>;

/// Ends the wait of a loop, so that it executes commands.
pub(super) trait Wake: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn wake(&self) -> io::Result<()>;
}

/// Reaches the sessions of a [`Server`](super::Server) from any thread, and stops the server. Cheap to clone.
///
/// Every method sends the loop a command and returns at once. The loop executes the commands of each thread in the
/// order in which that thread sent them. It drops a command for a session that has ended. The handler of that session
/// knows the end from [`on_disconnect`](super::Handler::on_disconnect).
///
/// ```
/// use statesocket::{Config, server::{Handler, Server, Session, SessionId}};
/// use std::{thread, time::Duration};
///
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// let handle = server.handle();
/// let stopper = thread::spawn(move || handle.shutdown(1001, Duration::from_secs(1)));
/// server.run()?;
/// stopper.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    waker: Arc<dyn Wake>,
}

impl Handle {
    pub(super) const fn new(commands: mpsc::Sender<Command>, waker: Arc<dyn Wake>) -> Self {
        Self { commands, waker }
    }

    /// Queues a text message, if the session is open. If it cannot be queued,
    /// [`on_unsent`](super::Handler::on_unsent) decides.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn send_text(&self, id: SessionId, text: impl Into<String>) -> Result<(), Stopped> {
        self.command(Command::Send(id, text.into().into()))
    }

    /// Queues a binary message, if the session is open. If it cannot be queued,
    /// [`on_unsent`](super::Handler::on_unsent) decides.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn send_binary(&self, id: SessionId, bytes: impl Into<Vec<u8>>) -> Result<(), Stopped> {
        self.command(Command::Send(id, bytes.into().into()))
    }

    /// Queues one message in each of the sessions `ids` that is open. Where it cannot be queued,
    /// [`on_unsent`](super::Handler::on_unsent) decides. The frame is encoded once; all sessions share the bytes of a
    /// frame of 1 KiB or more.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn broadcast(&self, ids: impl IntoIterator<Item = SessionId>, message: SharedMessage) -> Result<(), Stopped> {
        self.command(Command::Broadcast(ids.into_iter().collect(), message))
    }

    /// Closes a session, as [`ensure_closed`](crate::Connection::ensure_closed) does.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn close(&self, id: SessionId, code: impl Into<CloseCode>, reason: impl Into<String>) -> Result<(), Stopped> {
        self.command(Command::Close { id, code: code.into(), reason: reason.into() })
    }

    /// Stops the server gracefully. The loop answers the requests in the backlog with 503, closes the listener, and
    /// closes every open session with `code`, usually 1001 (going away) or 1012 (service restart). It ends when all
    /// sessions have ended, and aborts those that are left after `timeout`.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn shutdown(&self, code: impl Into<CloseCode>, timeout: Duration) -> Result<(), Stopped> {
        self.command(Command::Shutdown { code: code.into(), timeout })
    }

    /// Stops the server at once: closes the listener and aborts every session.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn stop(&self) -> Result<(), Stopped> {
        self.command(Command::Stop)
    }

    /// Sends the loop `command`.
    pub(super) fn command(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
