//! A server in memory: a handler's whole life in a unit test, without a socket, a thread or a real wait.
//!
//! A [`TestServer`] is a [`Server`] with the same routes, handlers, limits and rooms. Only the system below it is
//! another one: pipes in memory instead of sockets, and a clock that moves when the test says so. A [`Client`] is the
//! other end: it sends, receives, and shows the states of both parties.
//!
//! ```
//! use statesocket::{CloseCode, Config, Message, Phase, SharedMessage, handshake::{Accept, Request}};
//! use statesocket::{server::{Handler, RouteError, Server, Session}, testing::TestServer};
//! use std::time::Duration;
//!
//! /// Members of a chat. Whoever says nothing for a minute is sent away.
//! struct Member;
//!
//! const SILENCE: Duration = Duration::from_secs(60);
//!
//! impl Handler for Member {
//!     fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
//!         session.accept(Accept::new()).expect("the request has just come");
//!         session.join("chat").expect("the session is open");
//!         session.set_timer(SILENCE, 0);
//!     }
//!
//!     fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
//!         session.publish_to_others("chat", &SharedMessage::from(&message));
//!         session.set_timer(SILENCE, 0);
//!     }
//!
//!     fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
//!         session.ensure_closed(4000, "say something");
//!     }
//! }
//!
//! fn routes(server: &mut Server) -> Result<(), RouteError> {
//!     server.route("/chat", || Member)
//! }
//!
//! // In a `#[test]`:
//! let mut server = TestServer::new(Config::default())?;
//! routes(&mut server)?;
//! let (mut anna, mut berta) = (server.connect("/chat"), server.connect("/chat"));
//!
//! // A broadcast reaches the others.
//! server.advance(SILENCE / 2);
//! anna.send_text("hello")?;
//! server.settle();
//! assert_eq!(berta.receive_text(), "hello");
//! assert_eq!(anna.receive(), None);
//!
//! // A minute passes at once. Anna has spoken half a minute ago, and stays.
//! server.advance(SILENCE / 2);
//! let end = berta.receive_end();
//! assert_eq!((end.code, &*end.reason), (CloseCode::from(4000), "say something"));
//! assert_eq!((berta.phase(), anna.phase()), (Phase::Closed, Phase::Open));
//!
//! // Anna closes, and the server answers with her code.
//! anna.close(CloseCode::GOING_AWAY, "")?;
//! server.settle();
//! assert_eq!(anna.receive_end().code, CloseCode::GOING_AWAY);
//! assert_eq!(server.connections(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What moves what
//!
//! A call of a [`Client`] puts bytes into its pipe, and nothing else happens. [`TestServer::settle`] runs the server
//! and its clients until all have come to rest; [`TestServer::advance`] lets time pass. So a test decides what happens
//! together: two messages before one `settle` come in one turn.
//!
//! The methods of [`Server`] are at hand by [`Deref`](std::ops::Deref). Of these, [`turn`](Server::turn) and
//! [`run`](Server::run) drive the server alone. They never block: a wait moves the clock, and one that nothing can end
//! fails with [`Deadlock`](std::io::ErrorKind::Deadlock).
//!
//! # What differs from sockets
//!
//! * A pipe holds an exact number of bytes in each direction, [`ClientOptions::pipe_bytes`]. A system buffers more or
//!   less as it sees fit.
//! * The clock stands still while code runs, unless the code [stalls](Clock::stall), and the `Date` of responses is
//!   always the first of January 2000, unless [`Config::date`](crate::Config::date) has another clock.
//! * No limit of open files applies, and every client has a port of its own.

mod client;
mod clock;
mod endpoint;
mod server;

pub use client::{Client, ClientOptions};
pub use clock::Clock;
pub use server::TestServer;

#[cfg(doc)]
use crate::server::Server;
