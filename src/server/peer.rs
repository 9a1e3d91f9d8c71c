//! What an application is given.

use super::{handle::Handle, params::Params, peer_id::PeerId, pressure::Pressure, socket::Socket};
use crate::{
    AcceptError, CloseCode, CloseError, Connection, Message, PingError, RejectError, SendError, SharedMessage,
    handshake::{Accept, Response},
};
use http::{
    StatusCode,
    header::{HeaderValue, UPGRADE},
};
use std::{net::SocketAddr, ops::Deref};

/// A connection in the hands of its [`Handler`](super::Handler): all that a [`Connection`] can be asked, by [`Deref`], what an
/// application can do with one, and what the loop knows besides.
///
/// What is sent leaves when the handler has returned; a large message that is [sent](Self::send) whole, at once, unless
/// too much waits.
#[derive(Debug)]
pub struct Peer<'l> {
    pub(super) connection: &'l mut Connection,
    pub(super) socket: &'l mut Socket,
    pub(super) pressure: &'l mut Pressure,
    pub(super) high_water: usize,
    pub(super) id: PeerId,
    pub(super) address: SocketAddr,
    pub(super) params: &'l Params,
    pub(super) handle: &'l Handle,
}

impl<'l> Peer<'l> {
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

    /// [`Connection::accept`].
    ///
    /// # Errors
    /// As there.
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        self.connection.accept(accept)
    }

    /// [`Connection::reject`].
    ///
    /// # Errors
    /// As there.
    pub fn reject(&mut self, response: Response) -> Result<(), RejectError> {
        self.connection.reject(response)
    }

    /// [`Connection::send_through`] the socket; [`Connection::send`] if more waits than
    /// [`Limits::high_water`](super::Limits::high_water), so that [`on_drain`](super::Handler::on_drain) says when it
    /// has left.
    ///
    /// # Errors
    /// As there.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        if self.connection.queued() > self.high_water {
            return self.connection.send(message);
        }
        self.connection.send_through(message, &mut *self.socket)
    }

    /// [`Connection::send_text`].
    ///
    /// # Errors
    /// As there.
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.connection.send_text(text)
    }

    /// [`Connection::send_binary`].
    ///
    /// # Errors
    /// As there.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.connection.send_binary(bytes)
    }

    /// [`Connection::send_shared`].
    ///
    /// # Errors
    /// As there.
    pub fn send_shared(&mut self, message: &SharedMessage) -> Result<(), SendError> {
        self.connection.send_shared(message)
    }

    /// [`Connection::send_text_fragment`].
    ///
    /// # Errors
    /// As there.
    pub fn send_text_fragment(&mut self, text: &str, is_last: bool) -> Result<(), SendError> {
        self.connection.send_text_fragment(text, is_last)
    }

    /// [`Connection::send_binary_fragment`].
    ///
    /// # Errors
    /// As there.
    pub fn send_binary_fragment(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError> {
        self.connection.send_binary_fragment(bytes, is_last)
    }

    /// [`Connection::send_json`].
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "serde")]
    pub fn send_json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.connection.send_json(value)
    }

    /// [`Connection::send_json_binary`].
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "serde")]
    pub fn send_json_binary<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), crate::SendJsonError> {
        self.connection.send_json_binary(value)
    }

    /// [`Connection::ping`].
    ///
    /// # Errors
    /// As there.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.connection.ping(payload)
    }

    /// [`Connection::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.connection.close(code, reason)
    }

    /// [`Connection::ensure_closed`].
    pub fn ensure_closed(&mut self, code: impl Into<CloseCode>, reason: &str) {
        self.connection.ensure_closed(code, reason);
    }

    /// [`Connection::shutdown`].
    pub fn shutdown(&mut self, code: impl Into<CloseCode>) {
        self.connection.shutdown(code);
    }

    /// [`Connection::abort`].
    pub fn abort(&mut self) {
        self.connection.abort();
    }

    /// [`Connection::pause_reading`]: until [`resume_reading`](Self::resume_reading), whatever the loop does.
    pub fn pause_reading(&mut self) {
        self.pressure.program_pauses();
        self.connection.pause_reading();
    }

    /// [`Connection::resume_reading`]. If the loop does not read because too much waits for the peer, it goes on when
    /// that has left.
    pub fn resume_reading(&mut self) {
        if !self.pressure.is_paused_by_loop() {
            self.connection.resume_reading();
        }
    }
}

impl Deref for Peer<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
