//! `Handler`: your code for one session.

mod boxed;
pub(super) mod closure;

use super::session::Session;
use crate::{Disconnect, Message, handshake::Accept, handshake::Request};
use std::any::Any;

/// What becomes of a message that cannot be queued: the answer of [`Handler::on_unsent`]. These are all the ways.
///
/// ```
/// use statesocket::{Message, server::{Handler, Session, Unsent}};
///
/// struct Pointer;
///
/// impl Handler for Pointer {
///     fn on_unsent(&mut self, _: &mut Session<'_>, _: Message<'_>) -> Unsent {
///         // The next position replaces this one.
///         Unsent::Drop
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsent {
    /// The session is closed with 1013.
    Close,
    /// The message is dropped, and the session goes on.
    Drop,
}

/// Handles the events of one session. Each session has a handler of its own, made by the factory of its
/// [route](super::Server::route), so its fields can hold the data of one client. [`on_message`](super::on_message)
/// makes a handler of a closure, and a `Box<dyn Handler>` is a handler.
///
/// The loop calls the methods on its own thread. A method that takes long makes all other sessions wait. A handler that
/// panics gets no further call but [`on_disconnect`](Self::on_disconnect), and its session ends with status 500 or
/// Close 1011.
#[doc(alias = "WebSocketEndpoint")]
pub trait Handler {
    /// A request has come. Answer it with [`Session::accept`] or [`Session::reject`], here or later through a
    /// [`Handle`](super::Handle). It asks for a WebSocket, unless the [route](super::Server::route_with) has opted in
    /// to plain HTTP, which [`Session::respond`] answers.
    ///
    /// The default accepts without a subprotocol, and answers plain HTTP with 426.
    ///
    /// Answer soon: while the request waits, its browser opens no other connection to the same address. RFC 6455
    /// section 4.1 item 2: "There MUST be no more than one connection in a CONNECTING state."
    ///
    /// The session forgets the request with the answer, so a handler clones what it needs later. A clone of the whole
    /// request keeps the memory of its head.
    ///
    /// ```
    /// use statesocket::{Message, handshake::{Accept, Request}, server::{Handler, Session}};
    ///
    /// #[derive(Default)]
    /// struct Member {
    ///     request: Option<Request>,
    /// }
    ///
    /// impl Handler for Member {
    ///     fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
    ///         self.request = Some(request.clone());
    ///         session.accept(Accept::new()).expect("a WebSocket request that has just come can be accepted");
    ///     }
    ///
    ///     fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
    ///         let name = self.request.as_ref().and_then(|request| request.cookie("name")).unwrap_or("nobody");
    ///         if let Err(error) = session.send_text(name) {
    ///             session.ensure_closed(1011, &error.to_string());
    ///         }
    ///     }
    /// }
    /// ```
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

    /// A Pong has come. A browser sends it without its page: see
    /// [`Config::ping_interval`](crate::Config::ping_interval).
    fn on_pong(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        let _ = (session, payload);
    }

    /// The output has drained to [`Config::low_water`](crate::Config::low_water) bytes or fewer, after it was above
    /// [`Config::high_water`](crate::Config::high_water). A handler that has stopped sending can go on. Called while
    /// the session [can send](crate::Connection::can_send), so with [`CloseReply::Manual`](crate::CloseReply::Manual)
    /// also after [`on_disconnect`](Self::on_disconnect), until it has closed. The number of queued bytes is
    /// [`output_len`](crate::Connection::output_len).
    fn on_drain(&mut self, session: &mut Session<'_>) {
        let _ = session;
    }

    /// A timer of [`set_timer`](Session::set_timer) has come.
    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        let _ = (session, token);
    }

    /// An event of [`Handle::notify`](super::Handle::notify) has come. It has any type;
    /// [`downcast`](Box::downcast) gives it back.
    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        let _ = (session, event);
    }

    /// A message of a [`Handle`](super::Handle) or of a room could not be queued: the output would exceed
    /// [`Config::max_output_bytes`](crate::Config::max_output_bytes), for a room
    /// [`Limits::max_room_backlog`](super::Limits::max_room_backlog), or a fragmented message is in progress.
    /// [`Tally::unsent`](super::Tally::unsent) counts these messages.
    ///
    /// A stream has no holes, so the default, [`Unsent::Close`], ends the session with 1013 and [`Cause::Unsent`]. A
    /// handler whose messages may be lost, such as positions of a pointer, says [`Unsent::Drop`].
    ///
    /// [`Cause::Unsent`]: crate::Cause::Unsent
    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        let _ = (session, message);
        Unsent::Close
    }

    /// The connection has ended. This is the last call, except for those of [`on_drain`](Self::on_drain) and
    /// [`on_unsent`](Self::on_unsent) while a handler with [`CloseReply::Manual`](crate::CloseReply::Manual) has not
    /// closed. It comes exactly once after [`on_request`](Self::on_request), however the connection ends, so that a
    /// member always leaves its room: also after a rejection, and if the handler has panicked. It does not come if the
    /// [`Server`](super::Server) is dropped first.
    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        let _ = (session, disconnect);
    }
}
