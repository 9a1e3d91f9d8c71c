//! `Handler`: your code for one session.

use super::session::Session;
use crate::{Disconnect, Message, handshake::Accept, handshake::Request};

/// Handles the events of one session. Each session has a handler of its own, made by the factory of its
/// [route](super::Server::route), so its fields can hold the data of one client.
///
/// The loop calls the methods on its own thread. A method that takes long makes all other sessions wait. A handler that
/// panics hears only of the end afterwards, and its session ends with status 500 or Close 1011.
pub trait Handler {
    /// A request has come. Answer it with [`Session::accept`] or [`Session::reject`], here or later through a
    /// [`Handle`](super::Handle).
    ///
    /// The default accepts without a subprotocol, and answers plain HTTP with 426.
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        if request.is_websocket() {
            session.accept(Accept::new()).expect("a WebSocket request that has just come can be accepted");
        } else {
            session.require_upgrade();
        }
    }

    /// A message has come.
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let _ = (session, message);
    }

    /// A chunk of a message has come, with [`Delivery::Chunks`](crate::Delivery::Chunks).
    fn on_chunk(&mut self, session: &mut Session<'_>, data: Message<'_>, is_last: bool) {
        let _ = (session, data, is_last);
    }

    /// A Ping has come. The connection has queued the Pong, unless the transport has failed.
    fn on_ping(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        let _ = (session, payload);
    }

    /// A Pong has come.
    fn on_pong(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        let _ = (session, payload);
    }

    /// The output has drained to [`Config::low_water`](crate::Config::low_water) bytes or fewer, after it was above
    /// [`Config::high_water`](crate::Config::high_water). A handler that has stopped sending can go on. Not called once
    /// either party has closed. The number of queued bytes is [`output_len`](crate::Connection::output_len).
    fn on_drain(&mut self, session: &mut Session<'_>) {
        let _ = session;
    }

    /// The connection has ended. This is the last call. It comes exactly once after [`on_request`](Self::on_request),
    /// however the connection ends, and also if the handler has panicked, so that a member leaves its room. Only if the
    /// [`Server`](super::Server) is dropped first, it does not come.
    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        let _ = (session, disconnect);
    }
}
