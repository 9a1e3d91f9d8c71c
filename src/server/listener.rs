//! What new connections come from.

#[cfg(feature = "testing")]
use super::memory;
use super::transport::Transport;
use mio::net::TcpListener;
use std::{io, net::SocketAddr};

/// A non-blocking listener.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(feature = "testing")]
    Memory(memory::Listener),
}

impl Listener {
    /// Whether each connection needs a descriptor.
    pub(super) const fn needs_descriptors(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            #[cfg(feature = "testing")]
            Self::Memory(_) => false,
        }
    }

    /// # Errors
    /// The error of the system. So too in the next method.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            #[cfg(feature = "testing")]
            Self::Memory(_) => Ok(memory::ADDRESS),
        }
    }

    /// The next connection, and its address. `WouldBlock` if none waits.
    pub(super) fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, address)| (Transport::Tcp(stream), address)),
            #[cfg(feature = "testing")]
            Self::Memory(listener) => listener.accept().map(|(end, address)| (Transport::Memory(end), address)),
        }
    }
}
