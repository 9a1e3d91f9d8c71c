//! The streams of blocking WebSockets, and dialling.

use crate::handshake::Connect;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A blocking stream with timeouts. For another one, such as TLS over a socket, write a type of your own:
///
/// ```
/// use statesocket::blocking::Stream;
/// use std::{io::{self, Read, Write}, net::{Shutdown, TcpStream}, time::Duration};
///
/// struct Counted { stream: TcpStream, read: u64 }
///
/// impl Read for Counted {
///     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
///         let len = self.stream.read(buffer)?;
///         self.read += len as u64;
///         Ok(len)
///     }
/// }
///
/// impl Write for Counted {
///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> { self.stream.write(bytes) }
///     fn flush(&mut self) -> io::Result<()> { self.stream.flush() }
/// }
///
/// impl Stream for Counted {
///     fn prepare(&mut self, wait: Duration) -> io::Result<()> { self.stream.prepare(wait) }
///     fn set_read_timeout(&mut self, wait: Option<Duration>) -> io::Result<()> { self.stream.set_read_timeout(wait) }
///     fn shut_down(&mut self, how: Shutdown) -> io::Result<()> { self.stream.shut_down(how) }
/// }
/// ```
///
/// A read or write whose time is over fails with [`WouldBlock`](ErrorKind::WouldBlock), a read also with
/// [`TimedOut`](ErrorKind::TimedOut).
pub trait Stream: Read + Write {
    /// Bounds the wait of each write, and has small writes leave at once. Called once, before anything else.
    ///
    /// # Errors
    /// The error of the system. The connection fails. So too in the next method.
    fn prepare(&mut self, write_timeout: Duration) -> io::Result<()>;

    /// Bounds the wait of each read from now on; without a bound if `timeout` is `None`. It is never zero.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Shuts down writing, after the last byte, or both directions. A TLS stream first sends its `close_notify`.
    ///
    /// # Errors
    /// The error of the system, which changes nothing: the peer is gone.
    fn shut_down(&mut self, how: Shutdown) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn prepare(&mut self, write_timeout: Duration) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_write_timeout(Some(write_timeout))
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn prepare(&mut self, write_timeout: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(write_timeout))
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

/// Connects to the first address of the server that answers before `deadline`.
pub(super) fn dial(connect: &Connect, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in connect.address().to_socket_addrs()? {
        match dial_address(address, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[expect(clippy::disallowed_methods, reason = "a driver connects")]
fn dial_address(address: SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let Some(deadline) = deadline else { return TcpStream::connect(address) };
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => TcpStream::connect_timeout(&address, left),
    }
}
