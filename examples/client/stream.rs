//! The stream of a connection: a socket, with TLS or without.

use crate::tls::{Handshake, TlsStream};
use mio::net::TcpStream;
use std::io::{self, Read, Write};

/// A stream that does not block.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// A socket after the handshake of TLS, if there is one.
    pub(crate) fn new(stream: TcpStream, tls: Option<Handshake>) -> Self {
        match tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Tls(Box::new(TlsStream::new(tls, stream))),
        }
    }

    pub(crate) fn shut_down_writing(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown(std::net::Shutdown::Write),
            Self::Tls(stream) => stream.shut_down_writing(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// Sends the encrypted bytes that the TLS stream holds back.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
