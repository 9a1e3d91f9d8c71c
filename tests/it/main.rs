//! The integration tests: one binary, the public API only.

mod layers;
mod readme;
mod state;
