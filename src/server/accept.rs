//! Accepting connections.

use super::{
    limits::{Limits, WhenFull},
    logging::LOG,
    peers::Peers,
    tally::Tally,
};
use crate::{Config, Connection};
use http::StatusCode;
use mio::{
    Interest, Registry, Token,
    net::{TcpListener, TcpStream},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

/// Connections accepted in a turn, before those that are there have theirs.
const BATCH: usize = 256;

/// Connections beyond a limit that are kept to be told so; others are dropped.
const MAX_REFUSALS: usize = 256;

/// Connections that the system keeps until they are accepted, if it allows so many.
const BACKLOG: i32 = 4096;

/// How long to wait when the system has no descriptor or memory for another connection. It is tried at once when a
/// connection of ours ends.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// The listener has not said `WouldBlock` since it said that someone waits.
    is_ready: bool,
    paused_until: Option<Instant>,
    /// The system was out of something at the last attempt.
    is_starved: bool,
}

/// What accepting needs besides the listener.
pub(super) struct Surroundings<'a> {
    pub(super) peers: &'a mut Peers,
    pub(super) registry: &'a Registry,
    pub(super) config: &'a Arc<Config>,
    pub(super) limits: &'a Limits,
    pub(super) tally: &'a mut Tally,
}

impl Acceptor {
    pub(super) fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last_error = io::Error::new(io::ErrorKind::InvalidInput, "the address names no socket");
        for address in address.to_socket_addrs()? {
            match listen(address) {
                Ok(listener) => return Self::from_listener(listener),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    pub(super) fn from_listener(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::new(TcpListener::from_std(listener)))
    }

    const fn new(listener: TcpListener) -> Self {
        Self { listener, is_ready: true, paused_until: None, is_starved: false }
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.listener, token, Interest::READABLE)
    }

    /// Someone waits.
    pub(super) fn set_ready(&mut self) {
        self.is_ready = true;
    }

    /// A connection of ours has ended: there may be room again.
    pub(super) fn end_pause(&mut self) {
        self.paused_until = None;
    }

    /// When accepting goes on after a pause.
    pub(super) const fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Whether someone may wait who can be accepted now.
    pub(super) fn has_work(&self, peers: &Peers, limits: &Limits) -> bool {
        let has_room = peers.served() < limits.max_connections || limits.when_full == WhenFull::Refuse;
        self.is_ready && self.paused_until.is_none() && has_room && peers.may_open(limits)
    }

    /// Accepts those that wait.
    pub(super) fn accept(&mut self, around: &mut Surroundings<'_>, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        for _ in 0..BATCH {
            if !self.has_work(around.peers, around.limits) {
                return;
            }
            match self.listener.accept() {
                Ok((stream, address)) => {
                    self.is_starved = false;
                    around.admit(stream, address, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_ready = false,
                // The client has given up before its turn came.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_starved, true) {
                        log::warn!(target: LOG, "cannot accept, trying again every {PAUSE:?}: {error}");
                    }
                    self.paused_until = now.checked_add(PAUSE);
                }
            }
        }
    }
}

/// What `TcpListener::bind` does, with a longer backlog: the 128 that the standard library and mio ask for are full in
/// a moment when many come at once, and the system then lets those beyond wait for a second and more.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Elsewhere it would let another program take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Surroundings<'_> {
    fn admit(&mut self, mut stream: TcpStream, address: SocketAddr, now: Instant) {
        self.tally.accepted += 1;
        let is_full = self.peers.served() >= self.limits.max_connections;
        let are_many = self.peers.count_from(address.ip()) >= self.limits.max_connections_per_address;
        let refusal = match (is_full, are_many) {
            (true, _) => Some(StatusCode::SERVICE_UNAVAILABLE),
            (false, true) => Some(StatusCode::TOO_MANY_REQUESTS),
            (false, false) => None,
        };
        if refusal.is_some() && self.peers.refused() >= MAX_REFUSALS {
            self.tally.dropped += 1;
            return;
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut stream, Token(self.peers.vacant_key()), interest) {
            log::warn!(target: LOG, "a connection from {address} cannot be waited for: {error}");
            self.tally.dropped += 1;
            return;
        }
        // Without it small messages are delayed, but they arrive.
        let _ = stream.set_nodelay(true);
        self.peers.insert(Connection::server(Arc::clone(self.config), now), stream, address, refusal, now);
    }
}
