//! What an application implements.

use super::peer::Peer;
use crate::{Disconnect, Message, handshake::Accept, handshake::Request};

/// What an application does with the events of one connection. Each connection has a handler of its own, made by the
/// factory of its [route](super::Server::route), so what a handler remembers is what it knows of its peer.
///
/// The methods are called on the thread of the loop: one that takes long keeps all other connections waiting. One that
/// panics ends its connection, with 500 or Close 1011, and is not called again.
pub trait Handler {
    /// The client has asked. Answer with [`Peer::accept`] or [`Peer::reject`],
    /// here or later through a [`Handle`](super::Handle).
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

    /// What waited for the peer has fallen to [`Limits::low_water`](super::Limits::low_water) bytes, after it had been
    /// over the high one: who stopped sending can go on. How much waits is [`output_len`](crate::Connection::output_len).
    fn on_drain(&mut self, peer: &mut Peer<'_>) {
        let _ = peer;
    }

    /// The connection has ended: the last call, and exactly once if [`on_request`](Self::on_request) was called.
    fn on_disconnect(&mut self, peer: &mut Peer<'_>, disconnect: &Disconnect) {
        let _ = (peer, disconnect);
    }
}
