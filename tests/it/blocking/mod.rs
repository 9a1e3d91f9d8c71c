//! `statesocket::blocking`: the driver for threads.

mod clients;
mod sockets;
mod streams;

use statesocket::{
    Agreed, Config, Disconnect, Role,
    blocking::{Stream, WebSocket},
};
use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Longer than any wait of a test that passes.
const PATIENCE: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(200);

/// The two ends of a connection between sockets.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (server, _) = listener.accept().expect("a client waits");
    client.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    server.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    (client, server)
}

/// An open connection at a server, and the socket of its client.
fn served(config: Config) -> (TcpStream, WebSocket<TcpStream>) {
    let (client, server) = sockets();
    (client, WebSocket::established(server, Role::Server, Agreed::new(), config))
}

/// Echoes until the end.
fn echo<T: Stream + Send + 'static>(mut ws: WebSocket<T>) -> JoinHandle<Disconnect> {
    thread::spawn(move || {
        loop {
            match ws.recv() {
                Ok(message) => ws.send(message).expect("the connection is open"),
                Err(end) => return end,
            }
        }
    })
}

/// Reads to the end of the stream.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the end comes in time, and without a reset");
    rest
}

/// Asserts that `found` is at least `least`, and less than a test has patience for.
#[track_caller]
fn assert_took(began: Instant, least: Duration) {
    let took = began.elapsed();
    assert!((least..PATIENCE / 2).contains(&took), "{took:?}");
}
