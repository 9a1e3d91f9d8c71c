//! How other threads, and handlers, reach the connections of a loop.

use super::{logging::LOG, peer::Peer, peer_id::PeerId};
use crate::{SendError, SharedMessage};
use mio::Waker;
use std::{
    fmt,
    sync::{Arc, mpsc},
    time::Duration,
};
use tungstenite::protocol::frame::coding::CloseCode;

/// The loop has ended: nothing reaches a connection any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server has stopped")]
pub struct Stopped;

pub(super) enum Command {
    With(PeerId, Box<dyn FnOnce(&mut Peer<'_>) + Send>),
    Broadcast(Vec<PeerId>, SharedMessage),
    Shutdown { code: CloseCode, deadline: Duration },
    Stop,
}

/// Reaches the connections of a [`Server`](super::Server) from any thread, and stops it. Cheap to clone.
///
/// What is asked is done by the loop, in the order in which one thread asks. It is not done if the connection has ended
/// before its turn: the handler hears of that by [`on_disconnect`](super::Handler::on_disconnect).
///
/// ```
/// use statesocket::{Config, server::{Handler, Peer, PeerId, Server}};
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
    waker: Arc<Waker>,
}

impl Handle {
    pub(super) const fn new(commands: mpsc::Sender<Command>, waker: Arc<Waker>) -> Self {
        Self { commands, waker }
    }

    /// Has the loop call `act` with a connection. This can do anything, such as answer a request that was left waiting.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    ///
    /// ```
    /// # use statesocket::{http::StatusCode, handshake::{Accept, Response}, server::{Handle, PeerId, Stopped}};
    /// fn decide(handle: &Handle, id: PeerId, is_welcome: bool) -> Result<(), Stopped> {
    ///     handle.with_peer(id, move |peer| {
    ///         // The client may have gone: then there is nobody to answer.
    ///         if is_welcome {
    ///             let _ = peer.accept(Accept::new());
    ///         } else {
    ///             let _ = peer.reject(Response::new(StatusCode::FORBIDDEN));
    ///         }
    ///     })
    /// }
    /// ```
    pub fn with_peer(&self, id: PeerId, act: impl FnOnce(&mut Peer<'_>) + Send + 'static) -> Result<(), Stopped> {
        self.command(Command::With(id, Box::new(act)))
    }

    /// Sends a text message, if the connection is open and its output has room.
    ///
    /// # Errors
    /// As [`with_peer`](Self::with_peer).
    pub fn send_text(&self, id: PeerId, text: impl Into<String>) -> Result<(), Stopped> {
        let text = text.into();
        self.with_peer(id, move |peer| report(peer.send_text(&text)))
    }

    /// Sends a binary message, if the connection is open and its output has room.
    ///
    /// # Errors
    /// As [`with_peer`](Self::with_peer).
    pub fn send_binary(&self, id: PeerId, bytes: impl Into<Vec<u8>>) -> Result<(), Stopped> {
        let bytes = bytes.into();
        self.with_peer(id, move |peer| report(peer.send_binary(&bytes)))
    }

    /// Sends one message to each of `ids` that is open and whose output has room. The frame is made once, and if it is
    /// large the bytes are queued once for all.
    ///
    /// # Errors
    /// As [`with_peer`](Self::with_peer).
    pub fn broadcast(&self, ids: impl IntoIterator<Item = PeerId>, message: SharedMessage) -> Result<(), Stopped> {
        self.command(Command::Broadcast(ids.into_iter().collect(), message))
    }

    /// Closes a connection, as [`ensure_closed`](crate::Connection::ensure_closed) does.
    ///
    /// # Errors
    /// As [`with_peer`](Self::with_peer).
    pub fn close(&self, id: PeerId, code: impl Into<CloseCode>, reason: impl Into<String>) -> Result<(), Stopped> {
        let (code, reason) = (code.into(), reason.into());
        self.with_peer(id, move |peer| peer.ensure_closed(code, &reason))
    }

    /// Stops the loop gracefully: it accepts no more connections, answers requests that wait with 503, sends a Close
    /// with `code` to the others, usually 1001 (going away) or 1012 (service restart), and ends when all are gone, at
    /// the latest after `deadline`.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn shutdown(&self, code: impl Into<CloseCode>, deadline: Duration) -> Result<(), Stopped> {
        self.command(Command::Shutdown { code: code.into(), deadline })
    }

    /// Stops the loop at once: every connection is broken off.
    ///
    /// # Errors
    /// [`Stopped`] if the loop has ended.
    pub fn stop(&self) -> Result<(), Stopped> {
        self.command(Command::Stop)
    }

    fn command(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)
    }
}

pub(super) fn report(sent: Result<(), SendError>) {
    if let Err(error) = sent {
        log::debug!(target: LOG, "not sent: {error}");
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
