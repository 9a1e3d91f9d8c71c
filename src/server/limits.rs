//! The limits of a server.

/// What a server does with a connection beyond [`Limits::max_connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Accepts it, and answers its request with 503.
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
    /// The most connections in any phase, those that are only refused not included. Default 100,000. The limit of open
    /// files applies too: when it is reached, connections wait in the backlog.
    pub max_connections: usize,
    /// What the server does with a connection beyond that. Default [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// The most connections from one IP address. The request of a connection beyond that is answered with 429. Default
    /// 100,000, as many as in all: behind a proxy all connections come from one address.
    pub max_connections_per_address: usize,
    /// The most connections whose opening handshake is in progress. Others wait in the backlog. Default 10,000.
    pub max_handshakes: usize,
    /// The loop does not read from a peer while more bytes than this are queued for it, since its messages may queue
    /// more. Default 64 KiB; capped at half of [`max_output_bytes`](crate::Config::max_output_bytes).
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
