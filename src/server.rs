//! An event loop on [mio](https://docs.rs/mio) that drives any number of server connections on one thread.
//!
//! ```no_run
//! use statesocket::{Config, Message, server::{Handler, Peer, Server}};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     fn on_message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
//!         if let Err(error) = peer.send(message) {
//!             peer.ensure_closed(1011, &error.to_string());
//!         }
//!     }
//! }
//!
//! let mut server = Server::bind("127.0.0.1:8080", Config::default())?;
//! server.route("/echo", || Echo)?;
//! server.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is one way to drive a [`Connection`](crate::Connection), and knows nothing of one that its public methods do not
//! tell. What one peer does never touches another: its errors end its own connection only, it is read for a bounded
//! number of bytes a turn, and it is not read while it does not read.

mod accept;
mod clock;
mod commands;
mod deadlines;
mod drive;
mod handle;
mod handler;
mod limits;
mod logging;
mod params;
mod peer;
mod peer_id;
mod peers;
mod policy;
mod pressure;
mod routes;
mod socket;
mod stream;
mod tally;
mod view;

pub use handle::{Handle, Stopped};
pub use handler::Handler;
pub use limits::{Limits, WhenFull};
pub use params::Params;
pub use peer::Peer;
pub use peer_id::PeerId;
pub use policy::{OriginPolicy, Policy};
pub use routes::RouteError;
pub use tally::Tally;

use crate::Config;
use accept::{Acceptor, Surroundings};
use drive::Driver;
use handle::{Command, Wake};
use mio::{Events, Poll, Token, Waker};
use peers::Peers;
use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// Events taken from the operating system at a time.
const EVENTS: usize = 1024;

impl Wake for Waker {
    fn wake(&self) -> io::Result<()> {
        self.wake()
    }
}

/// The event loop: a listening socket, the connections it has accepted, and the routes that say who handles them.
///
/// It stays on the thread that made it, since handlers may share what only one thread may have: to run several loops,
/// make each on its own thread. See the [module](self) for an example.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    events: Events,
    acceptor: Option<Acceptor>,
    driver: Driver,
    peers: Peers,
    /// Gone when the loop has ended, so that nobody waits for what nobody will do.
    commands: Option<mpsc::Receiver<Command>>,
    local_addr: SocketAddr,
    /// The last turn left some.
    has_commands: bool,
    /// When those that are still there after a shutdown are cut off.
    cut_off: Option<Instant>,
}

impl Server {
    /// Listens on the first of `address` that can be listened on.
    ///
    /// # Errors
    /// The operating system's, if there is none.
    pub fn bind(address: impl ToSocketAddrs, config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::bind(address)?, config)
    }

    /// Takes over a socket that listens already, set up as the caller likes: with `SO_REUSEPORT`, say, several loops on
    /// several threads can share a port.
    ///
    /// # Errors
    /// The operating system's.
    pub fn from_listener(listener: TcpListener, config: Config) -> io::Result<Self> {
        Self::with_acceptor(Acceptor::from_listener(listener)?, config)
    }

    fn with_acceptor(mut acceptor: Acceptor, config: Config) -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the event loop is what waits on sockets")]
        let poll = Poll::new()?;
        acceptor.register(poll.registry(), LISTENER)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (sender, commands) = mpsc::channel();
        Ok(Self {
            local_addr: acceptor.local_addr()?,
            poll,
            events: Events::with_capacity(EVENTS),
            acceptor: Some(acceptor),
            driver: Driver::new(Arc::new(config), Handle::new(sender, waker)),
            peers: Peers::new(clock::now()),
            commands: Some(commands),
            has_commands: false,
            cut_off: None,
        })
    }

    /// Has `path` handled by what `factory` makes, one for each connection.
    ///
    /// A path may have parameters, each a whole segment or a part of one: `/ws/{room_id}`; the last may take the rest
    /// of the path: `/files/{*path}`. A literal path goes before a parameter. Handlers find the values, decoded, with
    /// [`Peer::param`].
    ///
    /// A request for a path that has no route is answered with 404.
    ///
    /// # Errors
    /// [`RouteError`] if the path is none, or is in conflict with another.
    pub fn route<H: Handler + 'static>(
        &mut self,
        path: &str,
        mut factory: impl FnMut() -> H + 'static,
    ) -> Result<(), RouteError> {
        self.driver.routes.insert(path, Box::new(move || Box::new(factory())))
    }

    /// Sets how much the server takes on. What is there already stays. A low-water mark over the high one is taken for
    /// it.
    pub fn set_limits(&mut self, limits: Limits) {
        let low_water = limits.low_water.min(limits.high_water);
        self.driver.limits = Limits { low_water, ..limits };
    }

    /// Sets whose requests the server takes.
    pub fn set_policy(&mut self, policy: Policy) {
        self.driver.policy = policy;
    }

    /// How many connections have come, and how they ended.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.driver.tally
    }

    /// The address that it listens on: the port that the system chose if port 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections there are, in any phase.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.peers.len()
    }

    /// A handle that other threads, and handlers, use to reach the connections and to stop the loop.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.driver.handle.clone()
    }

    /// Runs until it has been stopped with [`Handle::shutdown`] or [`Handle::stop`], and every connection is gone.
    ///
    /// # Errors
    /// The operating system's, if it cannot wait for events any more. What goes wrong with one connection, or while
    /// accepting one, ends only that.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_stopped() {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Whether it has been stopped, and every connection is gone.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.acceptor.is_none() && self.peers.is_empty()
    }

    /// Waits for something to happen, at most `max_wait`, and does all that is to be done then: for programs that have
    /// a loop of their own. Once it is [stopped](Self::is_stopped) there is nothing to wait for.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn turn(&mut self, max_wait: Option<Duration>) -> io::Result<()> {
        if self.is_stopped() {
            return Ok(());
        }
        let timeout = self.timeout(max_wait);
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let now = clock::now();
        for event in &self.events {
            match event.token() {
                LISTENER => self.acceptor.iter_mut().for_each(Acceptor::set_ready),
                // The commands are looked at in every turn.
                WAKER => {}
                Token(key) => self.peers.set_ready(key, event),
            }
        }
        self.obey_commands(now);
        if let Some(mut acceptor) = self.acceptor.take() {
            self.accept(&mut acceptor, now);
            self.acceptor = Some(acceptor);
        }
        // Who has more to do after its part is ready again, for the next turn.
        for _ in 0..self.peers.ready_count() {
            if let Some(key) = self.peers.take_ready() {
                self.drive(key, now);
            }
        }
        while let Some(key) = self.peers.take_due(now) {
            self.drive(key, now);
        }
        if self.cut_off.is_some_and(|cut_off| cut_off <= now) {
            self.cut_off = None;
            self.for_each_session(now, |view| view.connection.abort());
        }
        if self.is_stopped() {
            self.commands = None;
        }
        Ok(())
    }

    /// How long to wait: not at all if there is work, else until the next deadline.
    fn timeout(&self, max_wait: Option<Duration>) -> Option<Duration> {
        let acceptor = self.acceptor.as_ref();
        let may_accept = acceptor.is_some_and(|it| it.has_work(&self.peers, &self.driver.limits));
        if self.has_commands || self.peers.ready_count() > 0 || may_accept {
            return Some(Duration::ZERO);
        }
        let accept = acceptor.and_then(Acceptor::paused_until);
        let deadline = [self.peers.next_deadline(), accept, self.cut_off].into_iter().flatten().min();
        let until_deadline = deadline.map(|deadline| deadline.saturating_duration_since(clock::now()));
        [max_wait, until_deadline].into_iter().flatten().min()
    }

    fn accept(&mut self, acceptor: &mut Acceptor, now: Instant) {
        let mut around = Surroundings {
            peers: &mut self.peers,
            registry: self.poll.registry(),
            config: &self.driver.config,
            limits: &self.driver.limits,
            tally: &mut self.driver.tally,
        };
        acceptor.accept(&mut around, now);
    }

    fn drive(&mut self, key: usize, now: Instant) {
        let Some(entry) = self.peers.get_mut(key) else { return };
        self.driver.drive(key, entry, now);
        self.settle(key, now);
    }

    /// Forgets what is closed; of what stays, keeps the next deadline and whether there is more to do.
    fn settle(&mut self, key: usize, now: Instant) {
        if self.peers.settle(key, now) {
            if let Some(acceptor) = &mut self.acceptor {
                acceptor.end_pause();
            }
            if self.peers.is_empty() {
                self.driver.give_back();
            }
        }
    }
}
