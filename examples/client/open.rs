//! Connecting.

use crate::{
    input::SOCKET,
    stream::Stream,
    tls::{Trust, shake_hands},
};
use mio::{Interest, Registry, net::TcpStream};
use statesocket::handshake::Connect;
use std::{
    io,
    net::ToSocketAddrs,
    time::{Duration, Instant},
};

/// Connects to the server within `timeout`, with the handshake of TLS if there is `trust`, and registers the socket.
pub(crate) fn open(
    connect: &Connect,
    trust: Option<&Trust>,
    registry: &Registry,
    timeout: Option<Duration>,
) -> io::Result<Stream> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut stream = connect_within(connect, timeout)?;
    stream.set_nodelay(true)?;
    let tls = trust.map(|trust| shake_hands(connect, trust, &mut stream, deadline)).transpose()?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    registry.register(&mut stream, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
    Ok(Stream::new(stream, tls))
}

/// Tries the addresses of the server in turn, all together for at most `timeout`.
fn connect_within(connect: &Connect, timeout: Option<Duration>) -> io::Result<std::net::TcpStream> {
    let began = Instant::now();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in connect.address().to_socket_addrs()? {
        let result = match timeout {
            None => std::net::TcpStream::connect(address),
            Some(timeout) => match timeout.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
                Some(left) => std::net::TcpStream::connect_timeout(&address, left),
                None => return Err(failure),
            },
        };
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
