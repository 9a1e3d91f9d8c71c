//! Limits, time-outs and choices of a connection.

use std::time::Duration;

/// How messages are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Whole, as [`Event::Message`](crate::Event::Message).
    #[default]
    Messages,
    /// As their bytes come, as [`Event::Chunk`](crate::Event::Chunk); nothing is assembled.
    Chunks,
}

/// Who answers a peer's Close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CloseReply {
    /// The connection, at once, with the same code and reason (RFC 6455 section 5.5.1: "the endpoint typically echos
    /// the status code it received").
    #[default]
    Automatic,
    /// The application, with [`close`](crate::Connection::close), after it has sent what it still wants to send
    /// (section 5.5.1: "An endpoint MAY delay sending a Close frame until its current message is sent").
    Manual,
}

/// Limits, time-outs and choices of a connection. Every limit is finite by default. A time-out of `None` never runs
/// out, one of zero at once.
///
/// One `Arc<Config>` serves any number of connections.
///
/// ```
/// use statesocket::{Config, Connection};
/// use std::{sync::Arc, time::Instant};
///
/// let mut config = Config::default();
/// config.max_message_bytes = 64 * 1024;
/// let connection = Connection::server(Arc::new(config), Instant::now());
/// # let _ = connection;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bytes of a request or response head. Default 16 KiB, what nginx and Apache take together for usual cookies.
    pub max_head_bytes: usize,
    /// Bytes of the request line; over it a server answers 414. Default 8 KiB, as RFC 9112 section 3 recommends.
    pub max_request_line_bytes: usize,
    /// Header lines of a head. Default 100, as Apache.
    pub max_headers: usize,
    /// Bytes that a server holds for a client that talks before it is accepted. Default 64 KiB.
    pub max_early_bytes: usize,
    /// Bytes of the body of a rejection that a client keeps; the rest is cut off. Default 64 KiB.
    pub max_rejection_body_bytes: usize,
    /// Payload bytes of a frame received (RFC 6455 section 10.4). Default 16 MiB.
    pub max_frame_bytes: u64,
    /// Payload bytes of a message received, all its frames together (section 10.4). Default 16 MiB.
    pub max_message_bytes: u64,
    /// Frames of a message received: empty ones cost the sender two bytes and no limit on bytes stops them. Default
    /// 131,072, as npm `ws`.
    pub max_fragments: u32,
    /// Bytes queued for output beyond which the application's sends fail; the automatic replies are bounded by
    /// themselves. Default 64 MiB.
    pub max_output_bytes: usize,
    /// Whole messages or chunks. Default whole messages.
    pub delivery: Delivery,
    /// Who answers a peer's Close. Default the connection.
    pub close_reply: CloseReply,
    /// Whether a server hands out plain HTTP requests, too, for the application to answer with
    /// [`reject`](crate::Connection::reject). Off by default: they are answered with 426 and `Upgrade: websocket`.
    pub plain_http: bool,
    /// How long the opening handshake may take, from the beginning of the connection: on a server until the request is
    /// whole (then 408 is the answer), on a client until the response is. Default 10 s.
    pub opening_timeout: Option<Duration>,
    /// How long a server's application may take to answer a request; then 503 is the answer. Default 30 s.
    pub accept_timeout: Option<Duration>,
    /// How long after opening, and after the last Ping of this kind, the connection sends a Ping by itself, unless one
    /// has not been answered. It finds peers that are gone without a word, and keeps address translators from
    /// forgetting the connection, which the shortest-lived do after 30 s. Default 20 s.
    pub ping_interval: Option<Duration>,
    /// How long after such a Ping has left nothing at all may come, not even the Pong; then the connection is failed
    /// with 1011. While reading is [paused](crate::Connection::pause_reading) it does not run. Default 20 s.
    pub pong_timeout: Option<Duration>,
    /// How long no message, nor a part of one, may come; then the connection is failed with 1001. While reading is
    /// paused it does not run. Off by default: with Pings answered, a silent peer is a peer that has nothing to say.
    pub idle_timeout: Option<Duration>,
    /// How long a message or any frame may take from its first byte to its last; then the connection is failed with
    /// 1008. It ends messages that trickle in, and with them the memory that they hold. While reading is paused it does
    /// not run. Default 2 min, in which a peer with 1.2 Mbit/s sends a message of 16 MiB.
    pub message_timeout: Option<Duration>,
    /// How long bytes may wait while not one of them leaves; then the connection is broken off. It also runs while
    /// reading is paused: it ends peers that never read, and with them what waits for them. Default 1 min, as nginx.
    pub write_timeout: Option<Duration>,
    /// How long a Close may go unanswered, ours by the peer and with [`CloseReply::Manual`] the peer's by the
    /// application, counted from when it has left, and how long the last bytes may take to leave, whatever progress
    /// they make. Default 10 s.
    pub closing_timeout: Option<Duration>,
    /// How long the peer's end of stream is waited for when both parties are done and the last byte has left (section
    /// 7.1.1). Default 3 s.
    pub linger_timeout: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_head_bytes: 16 << 10,
            max_request_line_bytes: 8 << 10,
            max_headers: 100,
            max_early_bytes: 64 << 10,
            max_rejection_body_bytes: 64 << 10,
            max_frame_bytes: 16 << 20,
            max_message_bytes: 16 << 20,
            max_fragments: 131_072,
            max_output_bytes: 64 << 20,
            delivery: Delivery::Messages,
            close_reply: CloseReply::Automatic,
            plain_http: false,
            opening_timeout: Some(Duration::from_secs(10)),
            accept_timeout: Some(Duration::from_secs(30)),
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Some(Duration::from_secs(20)),
            idle_timeout: None,
            message_timeout: Some(Duration::from_secs(120)),
            write_timeout: Some(Duration::from_secs(60)),
            closing_timeout: Some(Duration::from_secs(10)),
            linger_timeout: Some(Duration::from_secs(3)),
        }
    }
}
