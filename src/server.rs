//! An event loop on [mio](https://docs.rs/mio) that drives any number of server connections on one thread. A
//! [`Cluster`] is several of them.
//!
//! ```no_run
//! use statesocket::{Config, server::{Server, on_message}};
//!
//! let mut server = Server::bind("127.0.0.1:8080", Config::default())?;
//! server.route("/echo", || {
//!     on_message(|session, message| {
//!         if let Err(error) = session.send(message) {
//!             session.ensure_closed(1011, &error.to_string());
//!         }
//!     })
//! })?;
//! server.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The loop is one way to drive a [`Connection`](crate::Connection), and uses only its public methods. A fault of a
//! peer ends only the session of that peer. Per turn the loop reads a bounded number of bytes of each session. It stops
//! reading from a peer while the output for that peer is above the high-water mark.

mod accept;
mod address;
mod admission;
mod adopt;
mod budget;
mod census;
mod clock;
mod cluster;
mod commands;
mod common;
mod deadlines;
mod descriptors;
mod drive;
mod each;
mod event_loop;
mod farewell;
mod handle;
mod handler;
mod holdings;
mod intake;
mod life;
mod limits;
mod listener;
mod logging;
#[cfg(feature = "testing")]
pub(crate) mod memory;
mod metrics;
mod network;
mod normal_path;
mod openings;
mod params;
mod places;
mod pressure;
mod prometheus;
mod queue;
mod ready;
mod refusal;
mod relief;
mod report;
mod rest;
mod rooms;
mod routes;
mod routing;
mod run;
mod session;
mod session_core;
mod session_id;
mod sessions;
mod shared;
mod shutdown;
mod siblings;
mod socket;
mod spawn;
mod status;
mod stream;
mod system;
mod tally;
mod timers;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod turns;
mod view;

pub use admission::{Admission, AdmissionError, OriginPolicy};
pub use cluster::{Cluster, Loops, Sharing};
pub use farewell::Shutdown;
pub use handle::Handle;
pub use handler::{
    Handler, Unsent,
    closure::{OnMessage, on_message},
};
pub use limits::{Limits, WhenFull};
pub use params::Params;
pub use queue::HandleError;
pub use routes::RouteError;
pub use session::{Answer, AskError, JoinError, Session};
pub use session_id::SessionId;
pub use spawn::{SpawnError, Spawned};
pub use status::Status;
pub use tally::Tally;
#[cfg(feature = "tls")]
pub use tls::Tls;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
pub use tls::TlsError;
pub use turns::Turns;

use crate::Config;
use accept::Acceptor;
use descriptors::Allowance;
use handle::Command;
use life::Life;
use logging::Warnings;
use mio::Token;
use queue::Queue;
use sessions::Sessions;
use shared::Shared;
use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    sync::Arc,
};
use system::System;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// The event loop: a listening socket, the sessions of its connections, and the routes to their handlers.
///
/// A server stays on the thread that made it, since its handlers need not be `Send`. [`spawn`](Self::spawn) makes one
/// on a new thread, and a [`Cluster`] several. See the [module](self) for an example.
///
/// Its responses have a `Date`, from the clock of the system unless [`Config::date`] has another.
///
/// # Dropping a server
/// Stop a server before you drop it: [`Handle::shutdown`] lets every client and handler know. A server that is dropped
/// closes all its sockets at once, without a Close or an answer. Its clients see 1006. Its handlers are dropped without
/// a call of [`on_disconnect`](Handler::on_disconnect). Commands that wait are dropped, and later ones fail with
/// [`HandleError::Stopped`]; so do the threads that wait in a [`blocking`](Handle::blocking) handle, and those that
/// wait for an [`Answer`] get [`AskError::Stopped`].
#[derive(Debug)]
pub struct Server {
    system: System,
    life: Life,
    config: Arc<Config>,
    shared: Shared,
    sessions: Sessions,
    local_addr: SocketAddr,
    commands: Arc<Queue<Command>>,
    allowance: Allowance,
    /// How many loops share the descriptors of the process.
    loops: usize,
    /// This loop accepts for the others of its cluster.
    hands_over: bool,
    warnings: Warnings,
    /// A closure of a command has it.
    is_lent: bool,
    turns: Turns,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Server {
    /// Listens on the first of the addresses that can be listened on.
    ///
    /// # Errors
    /// The error of the operating system for the last address, if the server can listen on none of them.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `address` gives no socket address, or if
    /// [`plain_http`](Config::plain_http) is on.
    pub fn bind(address: impl ToSocketAddrs, config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::bind(address)?, System::new()?, config)
    }

    /// Takes over a listening socket that the caller has set up, for example with `SO_REUSEPORT`, so that several
    /// processes can share a port.
    ///
    /// # Errors
    /// The error of the operating system. [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// [`plain_http`](Config::plain_http) is on.
    pub fn from_listener(listener: TcpListener, config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::from_listener(listener)?, System::new()?, config)
    }

    /// A server that accepts nothing, and serves the connections that [`Handle::adopt`] gives it. It has an example.
    /// The server runs until it is stopped, and its [`local_addr`](Self::local_addr) is `0.0.0.0:0`.
    ///
    /// # Errors
    /// The error of the operating system. [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// [`plain_http`](Config::plain_http) is on.
    pub fn without_listener(config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::without_listener(), System::new()?, config)
    }

    /// A server on a network in memory.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if [`plain_http`](Config::plain_http) is on.
    #[cfg(feature = "testing")]
    pub(crate) fn in_memory(net: memory::Net, config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::in_memory(&net), System::Memory { net, reports: Vec::new() }, config)
    }

    fn with_acceptor(mut acceptor: Acceptor, system: System, mut config: Config) -> io::Result<Self> {
        config.date.get_or_insert_with(|| system.date());
        if std::mem::replace(&mut config.plain_http, true) {
            let error = "routes opt in to plain HTTP, by route_http or route_with: leave Config::plain_http off";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
        acceptor.watch(&system, LISTENER)?;
        let commands = Arc::new(Queue::new(system.waker(WAKER)?, Limits::default().max_command_bytes));
        Ok(Self {
            local_addr: acceptor.local_addr()?,
            life: Life::Running(acceptor),
            config: Arc::new(config),
            shared: Shared::new(Handle::new(Arc::clone(&commands))),
            sessions: Sessions::new(Limits::default().max_buffered_bytes, system.now()),
            commands,
            allowance: system.allowance(),
            loops: 1,
            hands_over: false,
            warnings: Warnings::default(),
            is_lent: false,
            turns: Turns::default(),
            #[cfg(feature = "tls")]
            tls: None,
            system,
        })
    }

    /// Sets the limits, for new connections and commands. Asks the system anew for its limit of open files.
    pub fn set_limits(&mut self, limits: Limits) {
        self.commands.set_max_bytes(limits.max_command_bytes);
        self.shared.common.rooms.set_max_backlog(limits.max_room_backlog);
        self.sessions.set_max_buffered(limits.max_buffered_bytes);
        // Otherwise the server is full before an address is.
        self.sessions.know_addresses(limits.max_connections_per_address < limits.max_connections);
        self.shared.limits = limits;
        self.allowance = self.system.allowance().shared_by(self.loops);
    }

    /// Sets the origins and hosts that the server serves, for new requests. Upper case, default ports and a slash at
    /// the end of an origin make no difference.
    ///
    /// # Errors
    /// [`AdmissionError`] if an entry can match no request. The previous admission stays in force.
    pub fn set_admission(&mut self, admission: Admission) -> Result<(), AdmissionError> {
        self.shared.admission = admission.normal()?;
        Ok(())
    }

    /// Has new connections speak TLS, or no longer. Those that are there go on as they are.
    ///
    /// ```no_run
    /// use statesocket::{Config, server::{Server, Tls}};
    ///
    /// # #[cfg(feature = "tls-ring")] {
    /// let tls = Tls::from_pem_files("chain.pem", "key.pem")?;
    /// let mut server = Server::bind("0.0.0.0:443", Config::default())?;
    /// server.set_tls(Some(tls.clone()));
    /// // Later, and on any thread:
    /// tls.reload(Tls::from_pem_files("chain.pem", "key.pem")?);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The opening handshake includes that of TLS: [`Config::opening_timeout`] and
    /// [`Limits::max_handshakes`](Limits::max_handshakes) bound both together. A client that speaks plain HTTP gets an
    /// alert. The end of the stream without `close_notify` is an end like any other: only a Close ends a connection
    /// cleanly.
    #[cfg(feature = "tls")]
    pub fn set_tls(&mut self, tls: Option<Tls>) {
        self.shared.handle.set_secure(tls.is_some());
        self.tls = tls;
    }

    /// Counts of the accepted connections, and of the ended ones by cause.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.shared.common.tally
    }

    /// The address of the listening socket. If `bind` got port 0, the port here is the one that the system has chosen.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The number of connections, in any phase.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// A handle. With it, other threads and handlers reach the sessions and stop the server.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.shared.handle.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.commands.close();
    }
}
