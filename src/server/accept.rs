//! Accepting connections.

use super::peers::Peers;
use crate::{Config, Connection};
use mio::{Interest, Registry, Token, net::TcpListener};
use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

/// Connections accepted in a turn, before those that are there have theirs.
const BATCH: usize = 256;

/// How long to wait when the system has no descriptor or memory for another connection. It is tried at once when a
/// connection of ours ends.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// The listener has not said `WouldBlock` since it said that someone waits.
    is_ready: bool,
    paused_until: Option<Instant>,
}

impl Acceptor {
    pub(super) fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last_error = io::Error::new(io::ErrorKind::InvalidInput, "the address names no socket");
        for address in address.to_socket_addrs()? {
            #[expect(clippy::disallowed_methods, reason = "the event loop is what owns the sockets")]
            match TcpListener::bind(address) {
                Ok(listener) => return Ok(Self::new(listener)),
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
        Self { listener, is_ready: true, paused_until: None }
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.listener, token, Interest::READABLE)
    }

    /// Someone waits, or there may be room again.
    pub(super) fn set_ready(&mut self) {
        self.is_ready = true;
        self.paused_until = None;
    }

    /// Whether someone may wait who can be accepted now.
    pub(super) const fn has_work(&self) -> bool {
        self.is_ready && self.paused_until.is_none()
    }

    /// When accepting goes on; `None` if the listener will say when.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Accepts those that wait.
    pub(super) fn accept(&mut self, peers: &mut Peers, registry: &Registry, config: &Arc<Config>, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.set_ready();
        }
        if !self.has_work() {
            return;
        }
        for _ in 0..BATCH {
            match self.listener.accept() {
                Ok((mut stream, address)) => {
                    let key = peers.vacant_key();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = registry.register(&mut stream, Token(key), interest) {
                        log::warn!("a connection from {address} cannot be waited for: {error}");
                        continue;
                    }
                    // Small messages must not wait for the acknowledgement of earlier ones; without it they only do.
                    let _ = stream.set_nodelay(true);
                    peers.insert(Connection::server(Arc::clone(config), now), stream, address, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_ready = false;
                    return;
                }
                // The client has given up before its turn came.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    log::warn!("cannot accept, trying again in {PAUSE:?}: {error}");
                    self.paused_until = now.checked_add(PAUSE);
                    return;
                }
            }
        }
    }
}
