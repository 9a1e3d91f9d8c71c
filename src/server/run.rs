//! Calls of other threads that need the server itself.

use super::{
    Server,
    handle::{Command, Handle},
    logging::{DropCaught, caught},
    queue::HandleError,
};
use std::any::Any;

/// # The server itself
impl Handle {
    /// Has the loop call `act` with its server, between two turns of sessions, for what has no command of its own: a
    /// new route, other limits. [`with_session`](Self::with_session) and [`for_each`](Self::for_each) are for sessions.
    ///
    /// `act` keeps every session waiting. It must not run the server: [`Server::turn`] and [`Server::run`] fail there
    /// with [`ResourceBusy`](std::io::ErrorKind::ResourceBusy). If it panics, the panic is logged, and the loop goes
    /// on.
    ///
    /// In a cluster, `act` is called with the server of one loop: that of the session that has lent the handle, or the
    /// first. [`loops`](Self::loops) has the handles of the others.
    ///
    /// ```
    /// use statesocket::server::{Handle, HandleError, Limits};
    ///
    /// fn take_fewer(handle: &Handle) -> Result<(), HandleError> {
    ///     handle.run(|server| {
    ///         let mut limits = Limits::default();
    ///         limits.max_connections = 100;
    ///         server.set_limits(limits);
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn run(&self, act: impl FnOnce(&mut Server) + Send + 'static) -> Result<(), HandleError> {
        let act = move |server: &mut dyn Any| act(server.downcast_mut().expect("the loop lends its server"));
        self.command(Command::Run(DropCaught::new(Box::new(act))))
    }
}

impl Server {
    /// Lends the server to a closure of your code.
    pub(super) fn lend_itself(&mut self, act: impl FnOnce(&mut dyn Any)) {
        self.is_lent = true;
        caught("a command", || act(self));
        self.is_lent = false;
    }
}
