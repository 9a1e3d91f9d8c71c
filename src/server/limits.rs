//! How much a server takes on.

/// What becomes of a connection that is one too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// It is accepted, and its request answered with 503.
    #[default]
    Refuse,
    /// It stays in the backlog of the operating system until another one has gone.
    Wait,
}

/// How much a server takes on. Every limit is finite by default; what one connection may hold is limited by
/// [`Config`](crate::Config).
///
/// ```
/// use statesocket::{Config, server::{Limits, Server}};
///
/// let mut limits = Limits::default();
/// limits.max_connections = 1_000;
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.set_limits(limits);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections in any phase, but not those that are only told that they are too many. Default 100,000. The
    /// operating system's limit of open files counts too; when that is reached, connections wait in the backlog.
    pub max_connections: usize,
    /// What becomes of a connection beyond that.
    pub when_full: WhenFull,
    /// Connections from one IP address; the request of one beyond is answered with 429. Default 100,000, which is no
    /// limit of its own: behind a proxy all connections come from one address.
    pub max_connections_per_address: usize,
    /// Connections whose opening handshake is not over; others wait in the backlog. Default 10,000.
    pub max_handshakes: usize,
    /// Bytes queued for a peer beyond which it is not read, since what it sends may make more. Default 64 KiB; half of
    /// [`max_output_bytes`](crate::Config::max_output_bytes) is taken for more than that.
    pub high_water: usize,
    /// Bytes queued for a peer up to which it is read again, and its handler told by
    /// [`on_drain`](super::Handler::on_drain). Default 16 KiB.
    pub low_water: usize,
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
