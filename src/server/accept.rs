//! Accepting connections.

use super::{
    descriptors::Reserve,
    listener::Listener,
    logging::{LOG, Rarely},
    refusal::Refusal,
    system::System,
    tally::Tally,
    transport::Transport,
};
use mio::{Token, net::TcpListener};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, ToSocketAddrs},
    time::{Duration, Instant, SystemTime},
};

/// The most connections that the system keeps until they are accepted, if its own limit is not lower.
const BACKLOG: i32 = 4096;

/// Whether an accepted socket has the `TCP_NODELAY` of its listener, which saves a system call per connection.
pub(super) const NODELAY_IS_INHERITED: bool = cfg!(any(target_os = "android", target_os = "linux"));

/// The most reads of the request of a connection that is refused at once.
const LAST_READS: usize = 4;

/// How long to wait when the system has no descriptor or memory for another connection. The end of a session ends the
/// wait.
const STARVED_PAUSE: Duration = Duration::from_millis(100);

/// The alert of TLS that says so, fatal (RFC 8446 section 6).
#[cfg(feature = "tls")]
const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Listener,
    /// The listener has not returned `WouldBlock` since it was last reported ready.
    is_ready: bool,
    /// It was accepted, and there was no room for it.
    put_back: Option<Arrival>,
    paused_until: Option<Instant>,
    reserve: Reserve,
    /// The warning that descriptors or memory are used up.
    starved: Rarely,
}

/// A new connection.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: Transport,
    pub(super) address: SocketAddr,
    /// It was accepted in place of the reserve.
    pub(super) took_reserve: bool,
}

impl Acceptor {
    pub(super) fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        first_of(address, |address| Self::from_listener(listening(bound(address)?)?))
    }

    pub(super) fn from_listener(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        if NODELAY_IS_INHERITED {
            SockRef::from(&listener).set_tcp_nodelay(true)?;
        }
        Ok(Self::new(Listener::Tcp(TcpListener::from_std(listener))))
    }

    /// One that accepts nothing.
    pub(super) fn without_listener() -> Self {
        Self::new(Listener::None)
    }

    #[cfg(feature = "testing")]
    pub(super) fn in_memory(net: &super::memory::Net) -> Self {
        Self::new(Listener::Memory(net.listen()))
    }

    fn new(listener: Listener) -> Self {
        let (reserve, starved) = (Reserve::default(), Rarely::default());
        let mut acceptor = Self { listener, is_ready: true, put_back: None, paused_until: None, reserve, starved };
        acceptor.fill_reserve();
        acceptor
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Has `system` report waiting connections with `token`.
    pub(super) fn watch(&mut self, system: &System, token: Token) -> io::Result<()> {
        system.watch_listener(&mut self.listener, token)
    }

    /// Whether a connection waits for room.
    pub(super) const fn has_put_back(&self) -> bool {
        self.put_back.is_some()
    }

    /// The system reports that connections wait.
    pub(super) fn set_ready(&mut self) {
        self.is_ready = true;
    }

    /// Whatever has been reported, connections may wait, and shall be accepted now.
    pub(super) fn expect_more(&mut self) {
        self.is_ready = true;
        self.paused_until = None;
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
    pub(super) fn next(&mut self, tally: &mut Tally, now: Instant) -> Option<Arrival> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if self.put_back.is_some() && self.paused_until.is_none() {
            return self.put_back.take();
        }
        if !self.has_work() {
            return None;
        }
        self.fill_reserve();
        let error = match self.accept(false) {
            Ok(arrival) => return arrival,
            Err(error) => error,
        };
        // On Linux the error comes even if no connection waits. With the descriptor of the reserve that shows.
        let second = if self.reserve.release() { self.accept(true).ok() } else { None };
        if !matches!(second, Some(None)) {
            tally.accept_errors += 1;
            if self.starved.is_due(now) {
                log::warn!(target: LOG, "the system refuses another connection: {error}");
            }
        }
        if second.is_none() {
            self.pause(now);
        }
        let arrival = second.flatten();
        if arrival.is_none() {
            self.fill_reserve();
        }
        arrival
    }

    /// Accepts a connection, if one waits.
    ///
    /// # Errors
    /// Another one may wait, and the system has no descriptor or memory for it.
    fn accept(&mut self, took_reserve: bool) -> io::Result<Option<Arrival>> {
        match self.listener.accept() {
            Ok((stream, address)) => return Ok(Some(Arrival { stream, address, took_reserve })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_ready = false,
            // The client has given up before it was accepted, or a signal has come.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// Takes a new descriptor in reserve, unless there is one or connections need none. Returns whether another
    /// connection can have one.
    pub(super) fn fill_reserve(&mut self) -> bool {
        !self.listener.needs_descriptors() || self.reserve.fill()
    }

    /// Takes back a connection for which there is no room. It is the next one.
    pub(super) fn put_back(&mut self, arrival: Arrival) {
        self.put_back = Some(arrival);
    }

    /// Accepts nothing for a while, or until a session has ended.
    pub(super) fn pause(&mut self, now: Instant) {
        self.paused_until = now.checked_add(STARVED_PAUSE);
    }
}

impl Arrival {
    /// Answers without waiting for the request, and closes the connection.
    pub(super) fn refuse(self, refusal: Refusal, clock: Option<fn() -> SystemTime>) {
        self.end_with(|request| {
            let is_head = request.starts_with(b"HEAD ");
            refusal.response().encode(is_head, clock).expect("a final status without reserved headers")
        });
    }

    /// Refuses the handshake of TLS, and closes the connection. An answer would have to wait for the handshake.
    #[cfg(feature = "tls")]
    pub(super) fn refuse_tls(self) {
        self.end_with(|_| INTERNAL_ERROR.to_vec());
    }

    fn end_with(mut self, answer: impl FnOnce(&[u8]) -> Vec<u8>) {
        let mut request = [0; 4 << 10];
        let count = self.stream.read(&mut request).unwrap_or_default();
        let answer = answer(&request[..count]);
        // The client may have left, or may not read.
        let _ = self.stream.write(&answer).and_then(|_| self.stream.shut_down_writing());
        // Closing a socket with unread bytes resets it, and the client may lose the answer.
        for _ in 0..LAST_READS {
            if !self.stream.read(&mut request).is_ok_and(|count| count > 0) {
                break;
            }
        }
    }
}

/// What `listen` makes of the first of the addresses with which it succeeds.
///
/// # Errors
/// That for the last address.
pub(super) fn first_of<T>(
    address: impl ToSocketAddrs,
    mut listen: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last_error = io::Error::new(io::ErrorKind::InvalidInput, "the address names no socket");
    for address in address.to_socket_addrs()? {
        match listen(address) {
            Ok(made) => return Ok(made),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// A socket that can listen on `address`, once it is bound to it.
pub(super) fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On other systems the option lets another program take over the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// A socket that is bound to `address`.
pub(super) fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = unbound(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Has a bound socket listen, as the standard library does, with a longer backlog. That asks for 128 places. A crowd of
/// clients fills them in a moment, and the system makes the next clients wait for a second or more.
pub(super) fn listening(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an acceptor needs a real listener")]
mod tests {
    use super::*;

    #[test]
    fn accepted_sockets_have_no_delay_where_the_listener_says_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let acceptor = Acceptor::from_listener(listener).expect("it is a socket");
        let _client = std::net::TcpStream::connect(address).expect("it listens");
        #[cfg_attr(not(feature = "testing"), expect(irrefutable_let_patterns, reason = "there is another transport"))]
        let (Transport::Tcp(stream), _) = acceptor.listener.accept().expect("a client waits") else {
            panic!("the listener is one of TCP")
        };
        assert_eq!(stream.nodelay().expect("it is a socket"), NODELAY_IS_INHERITED);
    }

    #[test]
    fn a5_a_pause_ends_at_its_time_and_with_a_session() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut acceptor = Acceptor::from_listener(listener).expect("it is a socket");
        let _clients = [(); 2].map(|()| std::net::TcpStream::connect(address).expect("it listens"));
        let (mut tally, now) = (Tally::default(), Instant::now());
        acceptor.pause(now);
        assert_eq!(acceptor.paused_until(), Some(now + STARVED_PAUSE));
        assert!(!acceptor.has_work() && acceptor.next(&mut tally, now).is_none());
        assert!(acceptor.next(&mut tally, now + STARVED_PAUSE).is_some());
        acceptor.pause(now);
        acceptor.end_pause();
        let second = acceptor.next(&mut tally, now).expect("two clients wait");
        assert!(acceptor.next(&mut tally, now).is_none() && !acceptor.has_work());

        acceptor.put_back(second);
        assert!(acceptor.has_work());
        acceptor.pause(now);
        assert!(!acceptor.has_work() && acceptor.next(&mut tally, now).is_none());
        acceptor.expect_more();
        assert!(acceptor.next(&mut tally, now).is_some() && !acceptor.has_put_back());
        assert!(acceptor.has_work(), "whatever has been reported, connections may wait");
    }
}
