//! Ending without a closing handshake, and closing the socket without the wait for the peer.

use super::{Connection, transport::Ending};
use crate::{
    event::Cause,
    state::{Action, Phase},
};

/// # C: commands that do not wait for the peer
impl Connection {
    /// Ends the connection without a closing handshake. Drops the queued bytes and has the driver close the socket at
    /// once.
    ///
    /// A connection that has ended stays as it was reported: its last bytes, with our Close or a response, still leave.
    /// Then the socket is closed without waiting for the end of the stream, as after [`finish`](Self::finish).
    ///
    /// ```
    /// use statesocket::{Cause, Event, Phase, SocketAction};
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.abort();
    /// assert_eq!(connection.phase(), Phase::Closed);
    /// assert!(matches!(connection.poll_event(), Some(Event::Disconnect(end)) if end.cause == Cause::Aborted));
    /// assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
    /// assert!(connection.is_finished());
    /// ```
    pub fn abort(&mut self) {
        if self.can(Action::Abort) {
            self.end_aborted(self.local_party(), Cause::Aborted, Some(self.local_party()));
        } else {
            self.transport.skip_to_close();
        }
    }

    /// Ends the connection, and has the driver close the socket as soon as the queued bytes are written, without
    /// waiting for the peer: neither for its Close nor for its end of stream. Nothing more of the peer is handed out.
    /// Before the connection is open it does the same as [`abort`](Self::abort).
    ///
    /// An open connection ends with [`Cause::Aborted`](crate::Cause::Aborted), at once, with a Close only if one is
    /// queued: call [`ensure_closed`](Self::ensure_closed) before. For a connection that has ended, only the wait for
    /// the end of the stream is left out.
    ///
    /// [`Config::write_timeout`](crate::Config::write_timeout) and
    /// [`Config::drain_timeout`](crate::Config::drain_timeout) bound the writing, or `closing_timeout` if both are off.
    /// A peer that still sends when the socket is closed may have it reset, and then lose last bytes that it has not
    /// read (RFC 6455 section 7.1.1). If they matter, use [`close`](Self::close) alone.
    ///
    /// ```
    /// use statesocket::{Phase, SocketAction};
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, now);
    /// connection.send_text("last words")?;
    /// connection.ensure_closed(1000, "");
    /// connection.finish();
    /// assert_eq!((connection.phase(), connection.poll_socket()), (Phase::Closed, None));
    /// let mut wire = Vec::new();
    /// connection.write_to(&mut wire)?;
    /// assert_eq!(wire, b"\x81\x0Alast words\x88\x02\x03\xE8");
    /// assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(&mut self) {
        match self.phase() {
            Phase::Idle | Phase::Requested => self.abort(),
            Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed => {
                if self.can(Action::Close) {
                    // A Ping that is queued before the last byte ends no wait any more.
                    self.clock.mark(self.outgoing.len());
                }
                self.transition(self.local_party(), Action::Abort);
                self.end(Cause::Aborted, Some(self.local_party()), Ending::Close);
            }
            Phase::Closed => self.transport.skip_to_close(),
        }
    }
}
