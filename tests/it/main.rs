//! The integration tests: one binary, the public API only. `tests/README.md` has the place of each subject.

mod advisories;
mod blocking;
mod closing;
mod corpus;
mod debug;
#[cfg(feature = "deflate")]
mod deflate;
mod differential;
mod errors;
#[cfg(feature = "server")]
mod examples;
mod exploration;
#[cfg(feature = "server")]
mod faults;
mod flow;
mod framing;
mod handshake;
mod interop;
mod layers;
mod proof;
mod properties;
mod readme;
mod reconnect;
mod rows;
mod security;
#[cfg(feature = "server")]
mod server;
mod simulation;
mod starlette;
mod state;
mod support;
#[cfg(all(feature = "server", feature = "testing"))]
mod testing;
mod timers;
#[cfg(feature = "tokio")]
mod tokio;
