//! Accepting connections.

use super::logging::LOG;
use mio::{
    Interest, Registry, Token,
    net::{TcpListener, TcpStream},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

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
    /// It was accepted, and there was no room for it.
    put_back: Option<Arrival>,
    paused_until: Option<Instant>,
    /// The last attempt has failed for lack of a descriptor or memory.
    is_starved: bool,
}

/// A new connection.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
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
        Self { listener, is_ready: true, put_back: None, paused_until: None, is_starved: false }
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

    /// Whether connections may be waiting, and no pause is on.
    pub(super) const fn has_work(&self) -> bool {
        (self.is_ready || self.put_back.is_some()) && self.paused_until.is_none()
    }

    /// The next connection that waits. If there is none and the acceptor [has work](Self::has_work), the next call may
    /// find one.
    pub(super) fn next(&mut self, now: Instant) -> Option<Arrival> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if self.put_back.is_some() || !self.has_work() {
            return self.put_back.take();
        }
        match self.listener.accept() {
            Ok((stream, address)) => {
                self.is_starved = false;
                return Some(Arrival { stream, address });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_ready = false,
            // The client has given up before it was accepted, or a signal has come.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.is_starved, true) {
                    log::warn!(target: LOG, "cannot accept, trying again every {STARVED_PAUSE:?}: {error}");
                }
                self.paused_until = now.checked_add(STARVED_PAUSE);
            }
        }
        None
    }

    /// Takes back a connection for which there is no room. It is the next one.
    pub(super) fn put_back(&mut self, arrival: Arrival) {
        self.put_back = Some(arrival);
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
