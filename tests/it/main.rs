//! The integration tests: one binary, the public API only.

mod state;
