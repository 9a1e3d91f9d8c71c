//! WebSockets for tasks of [tokio]: a [`Connection`](crate::Connection) over anything that is [`AsyncRead`]
//! and [`AsyncWrite`], such as a TCP stream, a TLS stream, or a stream of HTTP/2.
//!
//! ```
//! use statesocket::{Config, handshake::{Accept, Connect}, tokio::WebSocket};
//! # use tokio::net::TcpListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("ws://{}/echo", listener.local_addr()?);
//! let server = tokio::spawn(async move {
//!     let (stream, _) = listener.accept().await.unwrap();
//!     let mut ws = WebSocket::server(stream, Config::default());
//!     let request = ws.request().await.unwrap();
//!     ws.accept(Accept::new().preferred_by_client(&request, &["chat"])).unwrap();
//!     loop {
//!         match ws.recv().await {
//!             // What is fed leaves with the next wait, so the answers to one read leave with one write.
//!             Ok(message) => ws.feed(message).await.unwrap(),
//!             Err(end) => return end,
//!         }
//!     }
//! });
//!
//! let mut ws = WebSocket::connect(&Connect::new(&url)?.subprotocol("chat")?, Config::default()).await?;
//! ws.opened().await?;
//! assert_eq!(ws.subprotocol(), Some("chat"));
//! ws.send("hello").await?;
//! assert_eq!(ws.recv().await?.as_text(), Some("hello"));
//! assert!(ws.close(1000, "bye").await?.is_clean);
//! assert_eq!(server.await?.reason, "bye");
//! # Ok(())
//! # }
//! ```
//!
//! Three layers:
//!
//! * [`WebSocket`] for one task. Nothing happens while nobody awaits one of its methods: no byte leaves, no Ping is
//!   answered, no timer expires. A task that is mostly in [`recv`](WebSocket::recv) answers in time.
//! * [`WebSocket::split`] for two or more tasks: one [`Reader`], and any number of [`Writer`]s.
//! * [`WebSocket::spawn`] gives the connection to a task of its own, which answers Pings and keeps the timers whatever
//!   your tasks do.
//!
//! Every future of this module can be dropped at any time, as `tokio::select!` does. A dropped `recv` has taken no
//! message, and a dropped `send` has sent all of its message or nothing.
//!
//! The timers run on the clock of tokio, so a test with `start_paused = true` waits for no timeout. The methods need a
//! runtime with the time driver ([`enable_time`](::tokio::runtime::Builder::enable_time)).
//!
//! Two ends that send each other more than the buffers on their way hold, while neither receives, wait for each other
//! until [`Config::write_timeout`](crate::Config::write_timeout) or
//! [`Config::drain_timeout`](crate::Config::drain_timeout) ends one of them. [`split`](WebSocket::split) the one that
//! sends without receiving.
//!
//! [`AsyncRead`]: ::tokio::io::AsyncRead
//! [`AsyncWrite`]: ::tokio::io::AsyncWrite

mod adapter;
mod alarm;
mod dial;
mod driver;
mod lent;
mod reconnecting;
mod shared;
mod socket;
mod spawn;
mod split;
mod stream;

pub use crate::reconnect::OpenError;
pub use reconnecting::Reconnecting;
pub use socket::WebSocket;
pub use spawn::Receiver;
pub use split::{Reader, Writer};
