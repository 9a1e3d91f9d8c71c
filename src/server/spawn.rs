//! A server on a thread of its own.

use super::{Server, accept::Acceptor, handle::Handle, system::System, tally::Tally};
use crate::Config;
use std::{
    error::Error,
    io, mem,
    net::{SocketAddr, ToSocketAddrs},
    panic::resume_unwind,
    sync::mpsc,
    thread::{self, JoinHandle},
};

/// The name of the thread.
const NAME: &str = "statesocket";

/// A server that could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The server cannot listen, or the system has no thread for it.
    #[error("the server cannot be started")]
    Io(#[source] io::Error),
    /// The closure that sets the server up has failed, with this error.
    #[error("the server cannot be set up")]
    SetUp(#[source] Box<dyn Error + Send + Sync>),
}

/// A server on a thread of its own, made by [`Server::spawn`].
///
/// Dropping it [stops](Handle::stop) the server at once and waits for the end of its thread, so that a server does not
/// outlive the part of the program that it belongs to. A program that only serves calls [`join`](Self::join).
#[derive(Debug)]
#[must_use = "dropping it stops the server"]
pub struct Spawned {
    handle: Handle,
    local_addr: SocketAddr,
    /// `None` once it has been joined.
    thread: Option<JoinHandle<io::Result<Tally>>>,
}

impl Server {
    /// Makes a server on a new thread, has `set_up` add its routes and limits there, and runs it. A server cannot be
    /// moved to another thread, since handlers need not be `Send`; what `set_up` captures can.
    ///
    /// ```
    /// use statesocket::{CauseKind, Config, server::{Handler, Server}};
    /// use std::{io::Write, net::TcpStream, time::Duration};
    ///
    /// struct Quiet;
    /// impl Handler for Quiet {}
    ///
    /// let server = Server::spawn("127.0.0.1:0", Config::default(), |server| server.route("/", || Quiet))?;
    /// TcpStream::connect(server.local_addr())?.write_all(b"no request")?;
    /// server.handle().shutdown(1001, Duration::from_secs(1))?;
    /// let tally = server.join()?;
    /// assert_eq!((tally.accepted, tally.total_ended()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SpawnError::Io`] for the errors of [`bind`](Self::bind), and if the system has no thread;
    /// [`SpawnError::SetUp`] for those of `set_up`.
    ///
    /// # Panics
    /// If `set_up` panics, with its payload.
    pub fn spawn<E: Into<Box<dyn Error + Send + Sync>>>(
        address: impl ToSocketAddrs,
        config: Config,
        set_up: impl FnOnce(&mut Self) -> Result<(), E> + Send + 'static,
    ) -> Result<Spawned, SpawnError> {
        let acceptor = Acceptor::bind(address).map_err(SpawnError::Io)?;
        let (started, start) = mpsc::sync_channel(1);
        let run = move || {
            let made = System::new().and_then(|system| Self::with_acceptor(acceptor, system, config));
            let made = made.map_err(SpawnError::Io).and_then(|mut server| {
                set_up(&mut server).map_err(|error| SpawnError::SetUp(error.into()))?;
                Ok(server)
            });
            match made {
                Ok(mut server) => {
                    // The caller waits for it.
                    let _ = started.send(Ok((server.handle(), server.local_addr())));
                    server.run()?;
                    Ok(server.tally().clone())
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    Ok(Tally::default())
                }
            }
        };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(run).map_err(SpawnError::Io)?;
        match start.recv() {
            Ok(Ok((handle, local_addr))) => Ok(Spawned { handle, local_addr, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => match thread.join() {
                Err(payload) => resume_unwind(payload),
                Ok(_) => unreachable!("the thread says how it has started, unless it panics"),
            },
        }
    }
}

impl Spawned {
    /// A handle, with which any thread reaches the sessions and stops the server.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The address of the listening socket. If `spawn` got port 0, the port here is the one that the system has chosen.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Waits until the server has been stopped, by a [`Handle`], and every connection has ended. Returns what became of
    /// them.
    ///
    /// # Errors
    /// Those of [`Server::run`].
    ///
    /// # Panics
    /// If the thread has panicked, with its payload.
    pub fn join(mut self) -> io::Result<Tally> {
        let thread = mem::take(&mut self.thread).expect("it is joined once");
        thread.join().unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // An error means that the server has stopped already.
        let _ = self.handle.stop();
        // A handler that drops its own server cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            // The caller has not asked for the result.
            let _ = thread.join();
        }
    }
}
