//! Commands that stop a server.

use super::{
    super::{farewell::Shutdown, queue::HandleError},
    Command, Handle,
};
use crate::{CloseCode, CloseFrame, Role};
use std::time::Duration;

/// # Stopping
impl Handle {
    /// Closes the listening socket, so that new clients reach whoever listens next, and keeps the sessions. The clients
    /// in the backlog are served. Where the limits have no room for them they get 503, also with
    /// [`WhenFull::Wait`](super::super::WhenFull::Wait). A client that has connected and not asked yet is served, too.
    ///
    /// [`run`](super::super::Server::run) returns once the last session has ended. Until then
    /// [`shutdown`](Self::shutdown) and [`stop`](Self::stop) work as usual. Does nothing if the server has stopped
    /// accepting before.
    ///
    /// ```no_run
    /// use statesocket::server::{Handle, HandleError};
    /// use std::{thread, time::Duration};
    ///
    /// /// The next process has begun to listen on the same port, with `SO_REUSEPORT`. Games end within ten minutes.
    /// fn hand_over(handle: &Handle) -> Result<(), HandleError> {
    ///     handle.stop_accepting()?;
    ///     thread::sleep(Duration::from_secs(600));
    ///     handle.shutdown(1012, Duration::from_secs(5))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HandleError::Stopped`].
    pub fn stop_accepting(&self) -> Result<(), HandleError> {
        self.command_acceptors(|| Command::StopAccepting)
    }

    /// Stops the server gracefully. The loop answers the requests in the backlog with 503, closes the listener, and
    /// closes every open session with `code`, usually 1001 (going away) or 1012 (service restart). It ends when all
    /// sessions have ended, and aborts those that are left after `grace`, which counts from now. A second call replaces
    /// the grace of the first, by a shorter or a longer one. [`shutdown_with`](Self::shutdown_with) can give a reason,
    /// and have the sessions closed one after another.
    ///
    /// # Errors
    /// Those of [`shutdown_with`](Self::shutdown_with).
    pub fn shutdown(&self, code: impl Into<CloseCode>, grace: Duration) -> Result<(), HandleError> {
        let close = CloseFrame::new(code, "");
        self.shutdown_with(Shutdown { close, spread: Duration::ZERO, grace })
    }

    /// Stops the server gracefully, as [`Shutdown`] says. At once, the loop answers the requests in the backlog and
    /// those that wait for their answers with 503, and closes the listener. Then it closes the open sessions, which go
    /// on until then. A session that ends by itself leaves its place empty: the others keep their times.
    ///
    /// A later shutdown replaces what is left of an earlier one: sessions that have been closed stay so, and the others
    /// get the new Close, spread and grace. [`stop`](Self::stop) ends all at once.
    ///
    /// ```
    /// use statesocket::{CloseFrame, server::{Handle, HandleError, Shutdown}};
    /// use std::time::Duration;
    ///
    /// fn restart(handle: &Handle) -> Result<(), HandleError> {
    ///     handle.shutdown_with(Shutdown::default().with(|shutdown| {
    ///         shutdown.close = CloseFrame::new(1012, "update");
    ///         shutdown.spread = Duration::from_secs(60);
    ///     }))
    /// }
    /// # use statesocket::{Config, server::Server};
    /// # let server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    /// # restart(&server.handle()).unwrap();
    /// # let long = Shutdown::default().with(|shutdown| shutdown.close.reason = "x".repeat(124));
    /// # assert!(matches!(server.handle().shutdown_with(long), Err(HandleError::InvalidClose(_))));
    /// ```
    ///
    /// # Errors
    /// [`HandleError::InvalidClose`] if a server may not send the Close; the server goes on. [`HandleError::Stopped`].
    pub fn shutdown_with(&self, shutdown: Shutdown) -> Result<(), HandleError> {
        shutdown.close.check(Role::Server)?;
        self.command_all(|| Command::Shutdown(shutdown.clone()))
    }

    /// Stops the server at once: closes the listener and aborts every session.
    ///
    /// # Errors
    /// [`HandleError::Stopped`].
    pub fn stop(&self) -> Result<(), HandleError> {
        self.command_all(|| Command::Stop)
    }
}
