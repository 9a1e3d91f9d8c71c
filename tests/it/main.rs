//! The integration tests: one binary, the public API only.

mod layers;
mod readme;
mod reconnect;
mod state;
