//! The configuration of a connection: limits, timeouts, choices.

#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use std::time::{Duration, SystemTime};

/// The form in which messages are handed out.
///
/// ```
/// use statesocket::{Agreed, Config, Connection, Delivery, Event, Role};
/// use std::{sync::Arc, time::Instant};
///
/// let (config, now) = (Config::default().with(|config| config.delivery = Delivery::Chunks), Instant::now());
/// let mut connection = Connection::established(Role::Client, Agreed::new(), Arc::new(config), now);
/// let mut beginning = *b"\x82\x04ab";
/// let event = connection.receive(&mut &mut beginning[..], now);
/// assert_eq!(event, Some(Event::Chunk { data: b"ab"[..].into(), is_last: false }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Whole, as [`Event::Message`](crate::Event::Message).
    #[default]
    Messages,
    /// In chunks, as their bytes come: [`Event::Chunk`](crate::Event::Chunk). Nothing is assembled.
    Chunks,
}

/// Whether the connection or your code answers the peer's Close.
///
/// ```
/// use statesocket::{Agreed, CloseReply, Config, Connection, Event, Phase, Role};
/// use std::{sync::Arc, time::Instant};
///
/// let (config, now) = (Config::default().with(|config| config.close_reply = CloseReply::Manual), Instant::now());
/// let mut connection = Connection::established(Role::Client, Agreed::new(), Arc::new(config), now);
/// let mut close = *b"\x88\x02\x03\xE8";
/// assert!(matches!(connection.receive(&mut &mut close[..], now), Some(Event::Disconnect(end)) if end.code == 1000));
/// assert_eq!(connection.phase(), Phase::ApplicationClosed);
/// connection.send_text("a last word")?;
/// connection.close(1000, "")?;
/// assert_eq!(connection.phase(), Phase::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReply {
    /// The connection, at once, with the same code and reason (RFC 6455 section 5.5.1: "the endpoint typically echos
    /// the status code it received").
    #[default]
    Automatic,
    /// Your code, with [`reply_close`](crate::Connection::reply_close) or [`close`](crate::Connection::close), after
    /// its last messages (section 5.5.1: "An endpoint MAY delay sending a Close frame until its current message is
    /// sent").
    Manual,
}

/// The configuration of a connection. Every limit is finite by default. A timeout of `None` never expires; a timeout of
/// zero expires at once.
///
/// One `Arc<Config>` serves any number of connections. A server may replace it once it has seen the request:
/// [`Connection::set_config`](crate::Connection::set_config).
///
/// ```
/// use statesocket::{Config, Connection};
/// use std::{sync::Arc, time::Instant};
///
/// let config = Config::default().with(|config| config.max_message_bytes = 64 * 1024);
/// let connection = Connection::server(Arc::new(config), Instant::now());
/// # let _ = connection;
/// ```
#[doc(alias = "WebSocketConfig")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(unpredictable_function_pointer_comparisons, reason = "the docs of `date` say so; `expect` is not derived")]
#[non_exhaustive]
pub struct Config {
    /// The most bytes of a request head, or of a response head and the interim heads before it. Default 16 KiB; nginx
    /// and Apache allow 8 KiB per line.
    pub max_head_bytes: usize,
    /// The most bytes of the request line; a server answers a longer one with 414. Default 8 KiB. RFC 9112 section 3
    /// recommends at least 8000 bytes.
    pub max_request_line_bytes: usize,
    /// The most header lines of a head. Default 100, as in Apache.
    pub max_headers: usize,
    /// The most elements of a list that the handshake reads: the extensions with their parameters, the subprotocols,
    /// the options of `Connection` and `Upgrade`, on all lines together. A server answers 431 to more. Default 100; a
    /// browser sends about 5.
    pub max_list_elements: usize,
    /// The most bytes that a server holds for a client that sends before it is accepted. Default 64 KiB.
    pub max_early_bytes: usize,
    /// The most bytes that a client keeps of the body of a rejection; the rest is cut off. Default 64 KiB.
    pub max_rejection_body_bytes: usize,
    /// The most payload bytes of a received frame (RFC 6455 section 10.4). Default 16 MiB.
    pub max_frame_bytes: u64,
    /// The most payload bytes of a received message, all its frames together (section 10.4). Default 16 MiB.
    pub max_message_bytes: u64,
    /// The most frames of a received message. An empty frame costs its sender a few bytes, and no limit on payload
    /// stops it. Default 131,072, as in npm `ws` 8.21.0.
    pub max_fragments: u32,
    /// The most queued bytes. A `send_*`, `ping` or `pong` that could exceed them fails; it counts the header of its
    /// frame as 14 bytes. One message of any length may be queued while no other frame of your code is. Answers to
    /// Pings, keepalive Pings, Closes and the head of the handshake ignore this limit and have small bounds of their
    /// own, so they leave room for that message. Default 4 MiB, so that a few large messages fit, and a peer that does
    /// not read cannot hold much memory.
    pub max_output_bytes: usize,
    /// A server with more queued bytes than this hands out nothing more, since further messages may queue more: see
    /// [`held_by`](crate::Connection::held_by). It goes on at `low_water`. `None` never holds. Capped at half of
    /// `max_output_bytes`. Default 64 KiB.
    pub high_water: Option<usize>,
    /// The same for a client. Default `None`: if both ends stopped reading while they write, each would wait for the
    /// other.
    pub client_high_water: Option<usize>,
    /// The queued bytes at which a held connection goes on. Above them, the output must also leave at `min_drain_rate`.
    /// Capped at the high-water mark. Default 16 KiB.
    pub low_water: usize,
    /// Whether messages are handed out whole or in chunks. Default whole.
    pub delivery: Delivery,
    /// Whether the connection or your code answers the peer's Close. Default the connection.
    pub close_reply: CloseReply,
    /// Whether a server also hands out plain HTTP requests, GET and HEAD, which your code answers with
    /// [`respond`](crate::Connection::respond). A request of HTTP/1.0 is always plain. Off by default: the answer is
    /// then 426 with `Upgrade: websocket`. Of a `server::Server` the routes opt in, by `route_http` or `route_with`.
    pub plain_http: bool,
    /// The clock for the `Date` of a server's responses, such as [`SystemTime::now`]; it must not panic. Default
    /// `None`: a connection has no clock of its own and writes no `Date`. A `server::Server` takes the clock of the
    /// system instead of `None`.
    ///
    /// RFC 9110 section 6.6.1: "An origin server with a clock [...] MUST generate a Date header field in all 2xx
    /// (Successful), 3xx (Redirection), and 4xx (Client Error) responses". The connection also writes it in a 5xx, but
    /// not in the 101 that accepts a request. A `Date` of your code stays the only one. A time before 1970 or after
    /// 9999 is not written. Two configurations compare this field by the address of the function, which may differ for
    /// one function and agree for two.
    ///
    /// ```
    /// use statesocket::{Config, Connection};
    /// use std::{sync::Arc, time::{Instant, SystemTime}};
    ///
    /// let config = Config::default().with(|config| config.date = Some(|| SystemTime::UNIX_EPOCH));
    /// let mut connection = Connection::server(Arc::new(config), Instant::now());
    /// let mut bytes = *b"POST / HTTP/1.1\r\n\r\n";
    /// connection.receive(&mut &mut bytes[..], Instant::now());
    /// let answer = String::from_utf8_lossy(connection.output());
    /// assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    /// ```
    pub date: Option<fn() -> SystemTime>,
    /// Compression by permessage-deflate: a server agrees to it, a client offers it. Default `None`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
    /// How long the peer's part of the opening handshake may take, counted from the beginning of the connection: the
    /// request on a server, the response on a client. Then a server answers 408, if a request has begun. Default 10 s.
    pub opening_timeout: Option<Duration>,
    /// How long a server's application may take to answer a request. Then the answer is 503. Default 30 s.
    pub accept_timeout: Option<Duration>,
    /// The time from one keepalive Ping to the next. The connection sends the next one by itself, once the last one is
    /// answered. It finds peers that have vanished, and keeps NAT entries alive, some of which expire after 30 s.
    /// Default 20 s.
    ///
    /// A Pong does not prove that a page is alive: the browser sends it, also while the script of the page hangs or is
    /// suspended, as in the back/forward cache. Only a message of the page proves that: see `idle_timeout`.
    pub ping_interval: Option<Duration>,
    /// How long the peer may stay silent between a keepalive Ping that has been written and its Pong. Then the
    /// connection fails with 1011. Suspended while reading is [paused](crate::Connection::pause_reading); begins anew
    /// after the output has [held](crate::Connection::held_by) the peer's bytes. Default 20 s.
    pub pong_timeout: Option<Duration>,
    /// How long the connection may go without a message, or part of one, from the peer. Then it fails with 1001.
    /// Suspended while reading is paused; begins anew after the output has held the peer's bytes. Off by default: a
    /// peer that answers Pings may have nothing to say.
    pub idle_timeout: Option<Duration>,
    /// How long a message or frame may take from its first byte to its last. Then the connection fails with 1008. This
    /// frees the memory of messages that trickle in. Suspended while your code has paused reading, but not while the
    /// output holds the peer's bytes: the peer can end that by reading. Default 2 min, in which a peer with 1.2 Mbit/s
    /// sends a message of 16 MiB.
    pub message_timeout: Option<Duration>,
    /// How long the output may hold bytes without one of them being written. Then the connection aborts. This frees the
    /// output of peers that never read, so it also runs while reading is paused. Default 1 min, as in nginx.
    pub write_timeout: Option<Duration>,
    /// How long the output may stay above `low_water` before `min_drain_rate` applies. After a Close or a rejection,
    /// how long it may stay above 0. `None` switches the rate off. Default 1 min.
    pub drain_timeout: Option<Duration>,
    /// The least rate at which the output must leave after `drain_timeout`, in bytes per second. The connection aborts
    /// below it. 0 switches it off. The rate is the average since the output rose above `low_water`, and begins anew
    /// after each 16 MiB. This frees the output of peers that read very slowly. At worst, a peer that reads at just
    /// this rate holds `max_output_bytes` for as long as your code goes on sending, and a peer that reads 16 MiB at
    /// once and then almost nothing holds them for 17 min. Default 16 KiB/s.
    pub min_drain_rate: u32,
    /// How long to wait for the answer to a Close that has been written. With [`CloseReply::Manual`], also how long
    /// your code may take to answer the peer's Close after the output was last empty. Default 10 s.
    pub closing_timeout: Option<Duration>,
    /// How long to wait for the peer's end of stream after both parties have closed and the last byte has been written
    /// (section 7.1.1). Default 3 s.
    pub linger_timeout: Option<Duration>,
}

impl Config {
    /// Changes fields within an expression.
    ///
    /// ```
    /// # use statesocket::Config;
    /// let config = Config::default().with(|config| {
    ///     config.ping_interval = None;
    ///     config.max_fragments = 1_000;
    /// });
    /// assert_eq!((config.ping_interval, config.max_fragments), (None, 1_000));
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_head_bytes: 16 << 10,
            max_request_line_bytes: 8 << 10,
            max_headers: 100,
            max_list_elements: 100,
            max_early_bytes: 64 << 10,
            max_rejection_body_bytes: 64 << 10,
            max_frame_bytes: 16 << 20,
            max_message_bytes: 16 << 20,
            max_fragments: 131_072,
            max_output_bytes: 4 << 20,
            high_water: Some(64 << 10),
            client_high_water: None,
            low_water: 16 << 10,
            delivery: Delivery::Messages,
            close_reply: CloseReply::Automatic,
            plain_http: false,
            date: None,
            #[cfg(feature = "deflate")]
            deflate: None,
            opening_timeout: Some(Duration::from_secs(10)),
            accept_timeout: Some(Duration::from_secs(30)),
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Some(Duration::from_secs(20)),
            idle_timeout: None,
            message_timeout: Some(Duration::from_secs(120)),
            write_timeout: Some(Duration::from_secs(60)),
            drain_timeout: Some(Duration::from_secs(60)),
            min_drain_rate: 16 << 10,
            closing_timeout: Some(Duration::from_secs(10)),
            linger_timeout: Some(Duration::from_secs(3)),
        }
    }
}
