//! Both ends of a connection, joined in memory.

use super::wire::request_head;
use statesocket::{Agreed, Config, Connection, Event, Role, handshake::Accept, handshake::Connect};
use std::{io::IoSlice, sync::Arc, time::Instant};

/// Hands in `bytes`, and returns all events, owned.
pub(crate) fn feed(connection: &mut Connection, bytes: &[u8]) -> Vec<Event<'static>> {
    let mut buffer = bytes.to_vec();
    let mut input = buffer.as_mut_slice();
    let mut events = Vec::new();
    let now = Instant::now();
    while let Some(event) = connection.receive(&mut input, now) {
        events.push(event.into_owned());
    }
    assert!(input.is_empty(), "`receive` takes all input before it returns `None`");
    events
}

/// Takes all queued bytes.
pub(crate) fn drain(connection: &mut Connection) -> Vec<u8> {
    let bytes = connection.output().to_vec();
    connection.advance(bytes.len());
    bytes
}

/// All queued bytes, gathered from the slices of a vectored write.
pub(crate) fn waiting(connection: &Connection) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 256];
    let count = connection.output_slices(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
}

/// A client with fixed randomness that has queued its request for `/chat` with an offer of `subprotocols`.
pub(crate) fn client(config: Config, subprotocols: &[&str]) -> Connection {
    Connection::client(&connect(subprotocols), Arc::new(config), Instant::now())
}

/// The request of [`client`].
pub(crate) fn connect(subprotocols: &[&str]) -> Connect {
    let mut connect = Connect::new("ws://server.example.com/chat").expect("a valid URI").seed([7; 32]);
    for name in subprotocols {
        connect = connect.subprotocol(*name).expect("a token, once");
    }
    connect
}

/// An open connection whose opening handshake took place elsewhere.
pub(crate) fn established(role: Role, config: Config) -> Connection {
    Connection::established(role, Agreed::new().seed([7; 32]), Arc::new(config), Instant::now())
}

/// A server with a pending request.
pub(crate) fn requested_server(config: Config) -> Connection {
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let events = feed(&mut server, &request_head("/chat", &[]));
    assert!(matches!(events.as_slice(), [Event::Request(_)]), "{events:?}");
    server
}

/// A server that has accepted; the 101 is written.
pub(crate) fn opened_server(config: Config) -> Connection {
    let mut server = requested_server(config);
    server.accept(Accept::new()).expect("a request is pending");
    drain(&mut server);
    server
}

/// A client and a server, joined by two queues of bytes.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
}

#[expect(clippy::wrong_self_convention, reason = "`to_server` is a direction, not a conversion")]
impl Pair {
    /// Two ends before the first byte; the client's request is queued.
    pub(crate) fn new(config: Config) -> Self {
        let server = Connection::server(Arc::new(config.clone()), Instant::now());
        Self { client: client(config, &["chat", "superchat"]), server }
    }

    /// Two open ends, without a subprotocol.
    pub(crate) fn open(config: Config) -> Self {
        let mut pair = Self::new(config);
        pair.to_server();
        pair.server.accept(Accept::new()).expect("a request is pending");
        let events = pair.to_client();
        assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{events:?}");
        pair
    }

    /// Carries the client's output to the server, and returns the server's events.
    pub(crate) fn to_server(&mut self) -> Vec<Event<'static>> {
        feed(&mut self.server, &drain(&mut self.client))
    }

    /// Carries the server's output to the client, and returns the client's events.
    pub(crate) fn to_client(&mut self) -> Vec<Event<'static>> {
        feed(&mut self.client, &drain(&mut self.server))
    }
}
