//! The limits of a server.

/// The treatment of a connection beyond [`Limits::max_connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Accepts it, and answers its request with 503. While 256 refused connections are open, drops it instead.
    #[default]
    Refuse,
    /// Leaves it in the backlog of the operating system until another connection has ended.
    Wait,
}

/// The limits of a server. Every limit is finite by default. [`Config`](crate::Config) has those of one connection.
///
/// ```
/// use statesocket::{Config, server::{Limits, Server}};
///
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.set_limits(Limits::default().with(|limits| limits.max_connections = 1_000));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections, in any phase. Refused ones do not count. Default 100,000. The system's limit of open files
    /// applies too: beyond it, connections wait in the backlog.
    pub max_connections: usize,
    /// The treatment of a connection beyond `max_connections`. Default [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// The most connections from one IP address. The request of a further one is answered with 429. Default 100,000,
    /// the same as `max_connections`: behind a proxy all connections come from one address.
    pub max_connections_per_address: usize,
    /// The most connections whose opening handshake is in progress. Others wait in the backlog. Default 10,000.
    pub max_handshakes: usize,
    /// The loop stops reading from an open session with more queued bytes than this, since further messages may queue
    /// more. It reads again at `low_water`. Default 64 KiB; capped at half of
    /// [`max_output_bytes`](crate::Config::max_output_bytes).
    pub high_water: usize,
    /// When the queued bytes have drained to this number, the loop reads from the peer again and calls
    /// [`on_drain`](super::Handler::on_drain). Default 16 KiB; capped at `high_water`.
    pub low_water: usize,
}

impl Limits {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            when_full: WhenFull::Refuse,
            max_connections_per_address: 100_000,
            max_handshakes: 10_000,
            high_water: 64 << 10,
            low_water: 16 << 10,
        }
    }
}
