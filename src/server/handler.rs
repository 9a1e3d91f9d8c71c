//! What an application implements, and what it is given.

use super::{handle::Handle, peers::Entry};
use crate::{Connection, Disconnect, Message, handshake::Accept, handshake::Request, handshake::Response};
use http::{
    StatusCode,
    header::{HeaderValue, UPGRADE},
};
use std::{
    fmt,
    net::SocketAddr,
    ops::{Deref, DerefMut},
};

/// What an application does with the events of one connection. Each connection has a handler of its own, made by the
/// factory of its [route](super::Server::route), so what a handler remembers is what it knows of its peer.
///
/// The methods are called on the thread of the loop: one that takes long keeps all other connections waiting. One that
/// panics ends its connection, with 500 or Close 1011, and is not called again.
pub trait Handler {
    /// The client has asked. Answer with [`Peer::accept`](Connection::accept) or [`Peer::reject`](Connection::reject),
    /// here or later through a [`Handle`].
    ///
    /// Unless implemented it accepts without a subprotocol, and answers plain HTTP with 426.
    fn on_request(&mut self, peer: &mut Peer<'_>, request: &Request) {
        if request.is_websocket() {
            peer.accept(Accept::new()).expect("a request has just come, and nothing is asked of the answer");
        } else {
            peer.require_upgrade();
        }
    }

    /// A message has come.
    fn on_message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        let _ = (peer, message);
    }

    /// A piece of a message has come, with [`Delivery::Chunks`](crate::Delivery::Chunks).
    fn on_chunk(&mut self, peer: &mut Peer<'_>, data: Message<'_>, is_last: bool) {
        let _ = (peer, data, is_last);
    }

    /// A Ping has come, and has been answered.
    fn on_ping(&mut self, peer: &mut Peer<'_>, payload: &[u8]) {
        let _ = (peer, payload);
    }

    /// A Pong has come.
    fn on_pong(&mut self, peer: &mut Peer<'_>, payload: &[u8]) {
        let _ = (peer, payload);
    }

    /// What waited for the peer has fallen to [`Limits::low_water`](super::Limits::low_water) bytes, after it had been over
    /// the high one: who stopped sending can go on. How much waits is [`Peer::queued`](Connection::queued).
    fn on_drain(&mut self, peer: &mut Peer<'_>) {
        let _ = peer;
    }

    /// The connection has ended: the last call, and exactly once if [`on_request`](Self::on_request) was called.
    fn on_disconnect(&mut self, peer: &mut Peer<'_>, disconnect: &Disconnect) {
        let _ = (peer, disconnect);
    }
}

/// Names a connection of one server. A name is given again only after 2^32 connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    generation: u32,
    key: u32,
}

impl PeerId {
    pub(super) const fn new(key: usize, generation: u32) -> Self {
        Self { generation, key: key as u32 }
    }

    pub(super) const fn key(self) -> usize {
        self.key as usize
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.generation)
    }
}

/// The decoded values of the parameters of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Box<[(Box<str>, Box<str>)]>);

impl Params {
    pub(super) fn new(pairs: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// Names and values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// A connection in the hands of its [`Handler`]: it derefs to [`Connection`], and knows what the loop knows besides.
///
/// What is sent leaves when the handler has returned.
#[derive(Debug)]
pub struct Peer<'l> {
    connection: &'l mut Connection,
    id: PeerId,
    address: SocketAddr,
    params: &'l Params,
    handle: &'l Handle,
}

impl<'l> Peer<'l> {
    pub(super) fn new(
        entry: &'l mut Entry,
        key: usize,
        handle: &'l Handle,
    ) -> (Self, Option<&'l mut (dyn Handler + 'static)>) {
        let id = entry.id(key);
        let peer =
            Self { connection: &mut entry.connection, id, address: entry.address, params: &entry.params, handle };
        (peer, entry.handler.as_deref_mut())
    }

    /// The name of the connection, with which a [`Handle`] finds it again.
    #[must_use]
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// The address of the client, or of the proxy before it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The decoded value of a parameter of the route: of `/ws/{room_id}` the `room_id`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// All parameters of the route.
    #[must_use]
    pub const fn params(&self) -> &Params {
        self.params
    }

    /// The handle of the loop, with which a handler reaches other connections.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        self.handle
    }

    /// Answers a plain HTTP request with 426 and `Upgrade: websocket`; does nothing if no request waits.
    pub fn require_upgrade(&mut self) {
        let response = Response::new(StatusCode::UPGRADE_REQUIRED)
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .body("this is a WebSocket endpoint\n");
        // The only error is that no request waits.
        let _ = self.reject(response);
    }
}

impl Deref for Peer<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl DerefMut for Peer<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}
