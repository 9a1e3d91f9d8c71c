//! The opening handshake: RFC 6455 sections 3, 4 and 9.

mod by_library;
mod client;
#[cfg(feature = "deflate")]
mod deflate;
mod elsewhere;
mod negotiation;
mod opaque;
mod reason;
mod server;
