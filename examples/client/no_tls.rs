//! A build without TLS.

use mio::net::TcpStream;
use statesocket::handshake::Connect;
use std::{
    io::{self, Read, Write},
    path::Path,
    time::Instant,
};

/// There is none.
pub(crate) enum Trust {}

pub(crate) use Trust as Handshake;

/// There is none.
pub(crate) struct TlsStream(Trust);

pub(crate) fn trust(_: Option<&Path>) -> Result<Trust, &'static str> {
    Err("wss:// needs a build with `--features tls-ring` or `--features tls-aws-lc`")
}

pub(crate) fn shake_hands(
    _: &Connect,
    trust: &Trust,
    _: &mut std::net::TcpStream,
    _: Option<Instant>,
) -> io::Result<Handshake> {
    match *trust {}
}

impl TlsStream {
    pub(crate) fn new(tls: Handshake, _: TcpStream) -> Self {
        Self(tls)
    }

    pub(crate) fn shut_down_writing(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl Read for TlsStream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Write for TlsStream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
