//! The integration tests: one binary, the public API only.

#[cfg(feature = "server")]
mod examples_reconnect;
mod layers;
mod readme;
mod reconnect;
mod state;
