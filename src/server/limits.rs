//! The limits of a server.

/// The treatment of a connection beyond [`Limits::max_connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Accepts it, and answers its request with 503. At most 256 such connections are open. The first of them that
    /// makes room does so for the next one; if there is none, the next one is dropped.
    #[default]
    Refuse,
    /// Leaves it in the backlog of the operating system until another connection has ended.
    Wait,
}

/// The limits of a server. Every limit is finite by default. [`Config`](crate::Config) has those of one connection.
///
/// Connections without a whole request hold no place against new ones. At `max_connections` and at `max_handshakes` the
/// oldest connection that has sent nothing makes room for a new one; if there is none, the oldest whose request has
/// begun, which is answered with 503 as far as the system takes the answer at once; if there is none either, at
/// `max_connections`, the oldest that has ended and that its client has not closed. The newest quarter makes no room
/// before older ones do. First the loop reads what has arrived from the connection. So a client that sends its request
/// in time is served, however many others stay silent. [`Tally::evicted`](super::Tally::evicted) counts those without a
/// request that have made room.
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
    /// The most connections, in any phase. Refused ones do not count. Default 100,000.
    ///
    /// On Unix the limit of open files of the process (`RLIMIT_NOFILE`, the soft one) caps it, less a reserve of an
    /// eighth: at least 32 and at most 512 descriptors, and no more than half of them. Half of the reserve is for
    /// connections that are being refused, half for whatever else your program opens. The server asks for the limit
    /// when it is made and in [`set_limits`](super::Server::set_limits); a program that raises it does so before.
    ///
    /// Your program, or several servers in one process, may use up the descriptors all the same. Then the oldest
    /// connection without a whole request makes room, as at any limit. If there is none, a descriptor that the server
    /// keeps for this serves to answer 503 at once and close; with [`WhenFull::Wait`], new connections wait.
    pub max_connections: usize,
    /// The treatment of a connection beyond `max_connections`. Default [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// The most connections from one IP address. For a further one, the first connection of the same address that makes
    /// room does so, in the order above; if there is none, its request is answered with 429. All IPv6 addresses of a
    /// /64 network count as one, since one host often has them all. Default 100,000, the same as `max_connections`:
    /// behind a proxy all connections come from one address.
    pub max_connections_per_address: usize,
    /// The most connections whose request has not come as a whole. The oldest makes room for a further one; with 0,
    /// connections wait in the backlog. Default 10,000: a server that gets 1,000 silent connections per second then
    /// gives each client 10 s, the default of `opening_timeout`.
    pub max_handshakes: usize,
    /// The most requests that wait for the answer of a handler. A further one is answered with 503, once its handler
    /// has returned from [`on_request`](super::Handler::on_request) without an answer. Requests that are answered in
    /// that call do not count. Default 10,000, the same as `max_handshakes`: requests that your code does not answer
    /// cost no more memory than requests that do not come to an end.
    pub max_waiting_requests: usize,
    /// The most bytes of the commands that other threads have queued with a [`Handle`](super::Handle) and that the loop
    /// has not begun with: 1 KiB per command, its message and its ids. Beyond it a command fails with
    /// [`HandleError::Full`](super::HandleError::Full) or waits. A larger command may wait alone. Default 32 MiB.
    pub max_command_bytes: usize,
    /// The most bytes that may be queued for a member of a room, the next message of the room included. A message
    /// beyond it is first made room for by writing. If the client does not take the bytes,
    /// [`on_unsent`](super::Handler::on_unsent) decides: the session is closed with 1013, or the message is dropped. A
    /// larger message may be queued behind no other, up to
    /// [`Config::max_output_bytes`](crate::Config::max_output_bytes), which also limits all output. Default 1 MiB:
    /// members that do not read hold the messages of a room no longer than that.
    pub max_room_backlog: usize,
    /// The most bytes that all connections together hold: queued output, unfinished messages with the memory that is
    /// reserved for them, bytes that have been read and not handed out
    /// ([`Connection::buffered_bytes`](crate::Connection::buffered_bytes)), text that is kept for compression, by
    /// default up to 8 KiB per connection that compresses (`Connection::kept_bytes`), and records of TLS that are not
    /// complete or have not left. A message that several connections [share](crate::SharedMessage) counts once. Not
    /// counted: requests that wait for your code, which `max_waiting_requests` bounds, and what your code holds itself.
    ///
    /// Above three quarters of it, the server gives back the text of compressed messages that it has sent; the
    /// next ones become a little longer. What it keeps of received ones stays up to the end of the connection. The
    /// server stops reading from the connections that hold most besides, except where there is room for all that
    /// the client may still send of its message. It still writes to them, and their timers run, except those of
    /// [`Pong`](crate::Timer::Pong) and [`Idle`](crate::Timer::Idle). Above the limit, the server ends the
    /// connection that holds the most, with Close 1013 and [`Cause::Overloaded`](crate::Cause::Overloaded), and so
    /// on until the sum is a sixteenth below the limit. What the system does not take of its output at once is
    /// dropped, the Close included.
    ///
    /// `usize::MAX` switches the limit off. Default 1 GiB: 64 messages or 256 outputs of the default size limits. A
    /// limit of less than two messages of the largest size may end a client that is alone.
    pub max_buffered_bytes: usize,
}

impl Limits {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The part of these limits for each of several loops, rounded up. Divided are the limits of what all connections
    /// have together: `max_connections`, `max_handshakes`, `max_waiting_requests`, `max_command_bytes` and
    /// `max_buffered_bytes`. The connections of one address may all be on one loop, so that limit stays.
    ///
    /// ```
    /// use statesocket::server::Limits;
    ///
    /// let limits = Limits::default().shared_by(4);
    /// assert_eq!((limits.max_connections, limits.max_buffered_bytes), (25_000, 256 << 20));
    /// assert_eq!(limits.max_connections_per_address, 100_000);
    /// ```
    ///
    /// # Panics
    /// If `loops` is 0.
    #[must_use]
    pub fn shared_by(mut self, loops: usize) -> Self {
        for limit in [
            &mut self.max_connections,
            &mut self.max_handshakes,
            &mut self.max_waiting_requests,
            &mut self.max_command_bytes,
            &mut self.max_buffered_bytes,
        ] {
            // What is switched off stays so.
            if *limit != usize::MAX {
                *limit = limit.div_ceil(loops);
            }
        }
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
            max_waiting_requests: 10_000,
            max_command_bytes: 32 << 20,
            max_room_backlog: 1 << 20,
            max_buffered_bytes: 1 << 30,
        }
    }
}
