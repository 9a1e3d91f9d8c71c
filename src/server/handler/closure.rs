//! A closure as a handler.

use super::Handler;
use crate::{Message, server::session::Session};
use std::fmt;

/// The handler that [`on_message`] makes.
#[derive(Clone)]
pub struct OnMessage<F>(F);

/// Makes a handler of a closure, which is called with each message. Everything else is as a [`Handler`] has it by
/// default: every request is accepted.
///
/// ```
/// use statesocket::{Config, server::{Server, on_message}};
///
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.route("/count", || {
///     let mut count = 0;
///     on_message(move |session, _| {
///         count += 1;
///         if let Err(error) = session.send_text(&count.to_string()) {
///             session.ensure_closed(1011, &error.to_string());
///         }
///     })
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn on_message<F: FnMut(&mut Session<'_>, Message<'_>)>(closure: F) -> OnMessage<F> {
    OnMessage(closure)
}

impl<F: FnMut(&mut Session<'_>, Message<'_>)> Handler for OnMessage<F> {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        (self.0)(session, message);
    }
}

impl<F> fmt::Debug for OnMessage<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnMessage")
    }
}
