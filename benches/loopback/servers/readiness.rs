//! The smallest event loop on mio.

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use std::io;

const LISTENER: Token = Token(usize::MAX);

pub trait Service {
    type Connection;

    fn accept(&mut self, stream: TcpStream) -> Self::Connection;

    /// The socket is ready for reading or writing. This is not reported again until a read or a write would block.
    /// Returns whether the connection stays open.
    fn ready(&mut self, connection: &mut Self::Connection) -> bool;
}

pub fn run(listener: std::net::TcpListener, mut service: impl Service) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections = Slab::new();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let entry = connections.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(entry.key()), interest)?;
                    entry.insert(service.accept(stream));
                }
                continue;
            }
            let Token(key) = event.token();
            if connections.get_mut(key).is_some_and(|connection| !service.ready(connection)) {
                connections.remove(key);
            }
        }
    }
}
