//! The listeners of a cluster.

use super::{
    super::accept::{self, Acceptor},
    loops::{IS_BALANCED_BY_SYSTEM, Loops, Sharing},
};
use socket2::Socket;
use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

/// Where the loops of a cluster get their connections from.
pub(super) struct Listeners {
    pub(super) local_addr: SocketAddr,
    /// One per loop.
    pub(super) loops: Vec<Acceptor>,
    /// The one of the loop that hands over its connections, if there is one.
    pub(super) handing_over: Option<Acceptor>,
}

/// Listens on the first of the addresses that can be listened on.
///
/// # Errors
/// Those of the system. `InvalidInput` for no loops, `Unsupported` for a sharing that the system lacks.
pub(super) fn listen(address: impl ToSocketAddrs, loops: &Loops) -> io::Result<Listeners> {
    let without = || (0..loops.count).map(|_| Acceptor::without_listener()).collect();
    match (loops.count, loops.sharing) {
        (0, _) => Err(io::Error::new(io::ErrorKind::InvalidInput, "a cluster needs a loop")),
        (1, _) => {
            let acceptor = Acceptor::bind(address)?;
            Ok(Listeners { local_addr: acceptor.local_addr()?, loops: vec![acceptor], handing_over: None })
        }
        (_, Sharing::System) if !IS_BALANCED_BY_SYSTEM => {
            let error = "the system does not spread connections over listeners: see Sharing::HandOver";
            Err(io::Error::new(io::ErrorKind::Unsupported, error))
        }
        (count, Sharing::System) => {
            let sockets = accept::first_of(address, |address| share(address, count))?;
            let local_addr = sockets[0].local_addr()?;
            let loops = sockets.into_iter().map(Acceptor::from_listener).collect::<io::Result<_>>()?;
            Ok(Listeners { local_addr, loops, handing_over: None })
        }
        (_, Sharing::HandOver) => {
            let acceptor = Acceptor::bind(address)?;
            Ok(Listeners { local_addr: acceptor.local_addr()?, loops: without(), handing_over: Some(acceptor) })
        }
    }
}

/// Listeners that share a port.
fn share(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // The first one takes the port for itself: the option would let a program start twice, and the two would share the
    // clients.
    let first = accept::bound(address)?;
    let address = first.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    set_reuse_port(&first)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        let socket = accept::unbound(address)?;
        set_reuse_port(&socket)?;
        socket.bind(&address.into())?;
        sockets.push(socket);
    }
    sockets.into_iter().map(accept::listening).collect()
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set_reuse_port(_: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
