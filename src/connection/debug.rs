//! A connection in a log.

use super::Connection;
use std::fmt;

/// Where the connection stands: the role, the phase with both states, the path of a request that waits, the bytes that
/// are queued, what holds the peer's bytes back, and the end with its cause. No payload, query or reason.
///
/// ```
/// # use statesocket::{Agreed, Config, Connection, Role};
/// # use std::{sync::Arc, time::Instant};
/// # let (config, now) = (Arc::new(Config::default()), Instant::now());
/// let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
/// connection.send_text("a secret")?;
/// assert_eq!(
///     format!("{connection:?}"),
///     "Connection { role: Server, phase: Open, client_state: Connected, application_state: Connected, \
///      queued: 10, .. }",
/// );
/// # Ok::<(), statesocket::SendError>(())
/// ```
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connection");
        shown
            .field("role", &self.role)
            .field("phase", &self.phase())
            .field("client_state", &self.client_state())
            .field("application_state", &self.application_state())
            .field("queued", &self.output_len());
        if let Some(request) = self.request() {
            shown.field("request", &format_args!("{} {}", request.method(), request.path()));
        }
        if let Some(subprotocol) = self.subprotocol() {
            shown.field("subprotocol", &subprotocol);
        }
        if let Some(hold) = self.held_by() {
            shown.field("held_by", &hold);
        }
        if let Some(status) = self.answer() {
            shown.field("answer", &status);
        }
        if let Some(end) = self.outcome.reported() {
            shown
                .field("cause", &end.cause)
                .field("code", &end.code.as_u16())
                .field("is_clean", &self.has_closed_cleanly());
        }
        shown.finish_non_exhaustive()
    }
}

/// Every field of a connection.
struct Internals<'c>(&'c Connection);

impl Connection {
    /// Everything inside, payloads included, except the state of the random numbers. It is for the tests of this crate
    /// and not part of the API: they tell states apart by it, and that a refused call has changed nothing.
    #[doc(hidden)]
    #[must_use]
    pub fn internals(&self) -> impl fmt::Debug + use<'_> {
        Internals(self)
    }
}

impl fmt::Debug for Internals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection {
            role,
            config,
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate,
            progress,
            incoming,
            outgoing,
            transport,
            outcome,
            clock,
        } = self.0;
        let mut all = f.debug_struct("Connection");
        all.field("role", role).field("config", config).field("subprotocol", subprotocol);
        #[cfg(feature = "deflate")]
        all.field("deflate", deflate);
        all.field("progress", progress)
            .field("incoming", incoming)
            .field("outgoing", outgoing)
            .field("transport", transport)
            .field("outcome", outcome)
            .field("clock", clock)
            .finish()
    }
}
