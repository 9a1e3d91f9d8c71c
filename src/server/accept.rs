//! Accepting connections.

use super::{
    intake::Intake,
    limits::{Limits, WhenFull},
    logging::LOG,
    refusal::Refusal,
    sessions::Sessions,
    tally::Tally,
};
use crate::{Config, Connection};
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

/// The most connections that one turn accepts, so that the sessions do not wait for new ones.
const ACCEPTS_PER_TURN: usize = 256;

/// The most refused connections that are open at a time. Each stays until its request has been answered. The loop drops
/// further ones at once.
const MAX_REFUSED: usize = 256;

/// The most connections that the system keeps until they are accepted, if its own limit is not lower.
const BACKLOG: i32 = 4096;

/// How long to wait when the system has no descriptor or memory for another connection. The end of a session ends the
/// wait.
const STARVED_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// The listener has not returned `WouldBlock` since it was last reported ready.
    is_ready: bool,
    paused_until: Option<Instant>,
    /// The last attempt has failed for lack of a descriptor or memory.
    is_starved: bool,
}

/// The parts of the server that an acceptor works on.
pub(super) struct AcceptContext<'a> {
    pub(super) sessions: &'a mut Sessions,
    pub(super) registry: &'a Registry,
    pub(super) config: &'a Arc<Config>,
    pub(super) limits: &'a Limits,
    pub(super) tally: &'a mut Tally,
    pub(super) intake: Intake,
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

    /// The system reports that connections wait.
    pub(super) fn set_ready(&mut self) {
        self.is_ready = true;
    }

    /// A session has ended: there may be room again.
    pub(super) fn end_pause(&mut self) {
        self.paused_until = None;
    }

    /// The end of the pause in accepting.
    pub(super) const fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Whether to accept now: connections may be waiting, no pause is on, and the limits leave room.
    pub(super) fn has_work(&self, sessions: &Sessions, limits: &Limits, intake: Intake) -> bool {
        let has_room = match intake {
            Intake::Normal => {
                let is_full = sessions.served() >= limits.max_connections;
                (!is_full || limits.when_full == WhenFull::Refuse) && sessions.has_room_for_handshake(limits)
            }
            Intake::RefuseAll => true,
        };
        self.is_ready && self.paused_until.is_none() && has_room
    }

    /// Accepts waiting connections, within the budget of a turn.
    pub(super) fn accept(&mut self, context: &mut AcceptContext<'_>, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.has_work(context.sessions, context.limits, context.intake) {
                return;
            }
            match self.listener.accept() {
                Ok((stream, address)) => {
                    self.is_starved = false;
                    context.admit(stream, address, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_ready = false,
                // The client has given up before it was accepted, or a signal has come.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_starved, true) {
                        log::warn!(target: LOG, "cannot accept, trying again every {STARVED_PAUSE:?}: {error}");
                    }
                    self.paused_until = now.checked_add(STARVED_PAUSE);
                }
            }
        }
    }
}

/// Like `TcpListener::bind`, with a longer backlog. The standard library asks for 128 places. A crowd of clients fills
/// them in a moment, and the system makes the next clients wait for a second or more.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On other systems the option lets another program take over the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl AcceptContext<'_> {
    /// The reason to refuse the request of a new connection; `None` if the limits leave room for the connection.
    fn refusal(&self, address: SocketAddr) -> Option<Refusal> {
        match self.intake {
            // Every request is refused anyway.
            Intake::RefuseAll => None,
            Intake::Normal if self.sessions.served() >= self.limits.max_connections => Some(Refusal::ServerFull),
            Intake::Normal => {
                let from_address = self.sessions.served_from(address.ip());
                (from_address >= self.limits.max_connections_per_address).then_some(Refusal::AddressFull)
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream, address: SocketAddr, now: Instant) {
        self.tally.accepted += 1;
        let refusal = self.refusal(address);
        if refusal.is_some() && self.sessions.refused() >= MAX_REFUSED {
            self.tally.dropped += 1;
            return;
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut stream, Token(self.sessions.vacant_key()), interest) {
            log::warn!(target: LOG, "cannot wait for the connection from {address}: {error}");
            self.tally.dropped += 1;
            return;
        }
        // Without the option small messages are late, but they arrive.
        let _ = stream.set_nodelay(true);
        self.sessions.insert(Connection::server(Arc::clone(self.config), now), stream, address, refusal, now);
    }
}
