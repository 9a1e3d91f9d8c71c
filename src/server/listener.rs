//! What new connections come from.

#[cfg(feature = "testing")]
use super::memory;
use super::transport::Transport;
use mio::net::TcpListener;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

/// A non-blocking listener, or none.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    /// A server without one only adopts connections.
    None,
    #[cfg(feature = "testing")]
    Memory(memory::Listener),
}

impl Listener {
    /// Whether each connection needs a descriptor.
    pub(super) const fn needs_descriptors(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::None => false,
            #[cfg(feature = "testing")]
            Self::Memory(_) => false,
        }
    }

    /// # Errors
    /// The error of the system. So too in the next method.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::None => Ok((Ipv4Addr::UNSPECIFIED, 0).into()),
            #[cfg(feature = "testing")]
            Self::Memory(_) => Ok(memory::ADDRESS),
        }
    }

    /// The next connection, and its address. `WouldBlock` if none waits.
    pub(super) fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, address)| (Transport::Tcp(stream), address)),
            Self::None => Err(io::ErrorKind::WouldBlock.into()),
            #[cfg(feature = "testing")]
            Self::Memory(listener) => listener.accept().map(|(end, address)| (Transport::Memory(end), address)),
        }
    }
}
