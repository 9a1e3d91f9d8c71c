//! A WebSocket over a blocking stream, for programs with a thread per connection.
//!
//! ```
//! use statesocket::{Config, blocking::WebSocket, handshake::{Accept, Connect}};
//! use std::{net::TcpListener, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let url = format!("ws://{}/echo", listener.local_addr()?);
//! let server = thread::spawn(move || {
//!     let (stream, _) = listener.accept().unwrap();
//!     let mut ws = WebSocket::server(stream, Config::default());
//!     let request = ws.request().unwrap();
//!     ws.accept(Accept::new().preferred_by_client(&request, &["chat"])).unwrap();
//!     loop {
//!         match ws.recv() {
//!             Ok(message) => ws.send(message).unwrap(),
//!             Err(end) => return end,
//!         }
//!     }
//! });
//!
//! let mut ws = WebSocket::connect(&Connect::new(&url)?.subprotocol("chat")?, Config::default())?;
//! ws.opened()?;
//! assert_eq!(ws.subprotocol(), Some("chat"));
//! ws.send("hello")?;
//! assert_eq!(ws.recv()?.as_text(), Some("hello"));
//! assert!(ws.close(1000, "bye")?.is_clean);
//! assert_eq!(server.join().unwrap().reason, "bye");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing happens between two calls: no Ping is answered, and no timer runs out. A thread that is mostly in
//! [`recv`](WebSocket::recv) answers in time, and so does one that sends between calls of
//! [`recv_timeout`](WebSocket::recv_timeout). For many connections on one thread, and for sessions that other threads
//! reach, there is the module `server`.
//!
//! Two ends that send each other more than the buffers of the system hold, while neither receives, wait for each other
//! until [`Config::write_timeout`](crate::Config::write_timeout) or
//! [`Config::drain_timeout`](crate::Config::drain_timeout) ends one of them.

#![expect(clippy::result_large_err, reason = "a connection ends once, so the size of its end costs nothing")]

mod driver;
mod reconnecting;
mod socket;
mod stream;

pub use crate::reconnect::OpenError;
pub use reconnecting::Reconnecting;
pub use socket::WebSocket;
pub use stream::Stream;
