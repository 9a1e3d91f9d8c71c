//! A boxed handler.

use super::{Handler, Unsent};
use crate::{Disconnect, Message, handshake::Request, server::session::Session};
use std::any::Any;

/// Forwards every call, so one route can have handlers of several types.
///
/// ```
/// use statesocket::{Config, handshake::Request, server::{Handler, Params, Server}};
///
/// struct Member;
/// impl Handler for Member {}
///
/// struct Guest;
/// impl Handler for Guest {}
///
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.route_checked("/ws", |request: &Request, _: &Params| {
///     let handler: Box<dyn Handler> = if request.cookie("id").is_some() { Box::new(Member) } else { Box::new(Guest) };
///     Ok(handler)
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[warn(clippy::missing_trait_methods, reason = "a method that is not forwarded would never be called")]
impl<H: Handler + ?Sized> Handler for Box<H> {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        (**self).on_request(session, request);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        (**self).on_message(session, message);
    }

    fn on_chunk(&mut self, session: &mut Session<'_>, data: Message<'_>, is_last: bool) {
        (**self).on_chunk(session, data, is_last);
    }

    fn on_ping(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        (**self).on_ping(session, payload);
    }

    fn on_pong(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        (**self).on_pong(session, payload);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        (**self).on_drain(session);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        (**self).on_timer(session, token);
    }

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        (**self).on_event(session, event);
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        (**self).on_unsent(session, message)
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        (**self).on_disconnect(session, disconnect);
    }
}
