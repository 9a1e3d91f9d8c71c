//! Calls of other threads that need the server itself.

use super::{
    Server,
    handle::{Command, Handle},
    logging::{DropCaught, caught},
    queue::HandleError,
    tally::Tally,
};
use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
};

/// The state of a server at one moment, by [`Server::status`] or [`Handle::status`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Counts of the accepted connections, and of the ended ones by cause.
    pub tally: Tally,
    /// The number of connections, in any phase.
    pub connections: usize,
}

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

    /// Has the loop call `tell` with its status: for a page of metrics, or a supervisor. The loop waits for `tell`, so
    /// it should only send the status on. In a cluster the status is the sum over all loops.
    ///
    /// ```
    /// use statesocket::{Config, server::Server};
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let server = Server::spawn("127.0.0.1:0", Config::default(), |_| Ok::<_, String>(()))?;
    /// let (sender, receiver) = mpsc::channel();
    /// server.handle().status(move |status| drop(sender.send(status)))?;
    /// let status = receiver.recv()?;
    /// assert_eq!((status.connections, status.tally.accepted), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn status(&self, tell: impl FnOnce(Status) + Send + 'static) -> Result<(), HandleError> {
        let loops: Vec<_> = self.loops().collect();
        let sum = Status { tally: Tally::default(), connections: 0 };
        let sum = Arc::new(Mutex::new((loops.len(), sum, Some(tell))));
        for one in loops {
            let sum = Arc::clone(&sum);
            one.run(move |server| {
                // `tell` is called without the lock, and nothing else panics with it.
                let mut locked = sum.lock().unwrap_or_else(PoisonError::into_inner);
                let (left, status, tell) = &mut *locked;
                *left -= 1;
                status.add(&server.status());
                if *left == 0
                    && let Some(tell) = tell.take()
                {
                    let status = status.clone();
                    drop(locked);
                    tell(status);
                }
            })?;
        }
        Ok(())
    }
}

impl Status {
    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.connections += other.connections;
    }
}

impl Server {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { tally: self.tally().clone(), connections: self.connections() }
    }

    /// Lends the server to a closure of your code.
    pub(super) fn lend_itself(&mut self, act: impl FnOnce(&mut dyn Any)) {
        self.is_lent = true;
        caught("a command", || act(self));
        self.is_lent = false;
    }
}
