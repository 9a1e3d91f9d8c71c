//! Both ends of a connection over a network that delays, stalls, cuts and resets, on a virtual clock.
//!
//! One number, the seed, decides everything. `SIMULATION_SEED=123 cargo test --test it simulation` repeats a run and
//! prints its log. `PROPTEST_CASES`, 256 by default, sets the number of runs.

mod application;
mod endpoint;
mod latest_ping;
mod lossless;
mod network;
mod plan;
mod random;
mod record;
mod rules;
mod runs;
mod script;
mod settings;
mod statistics;
mod wire;
mod world;

/// Microseconds since the start of a run.
type Time = u64;

/// The index of an end.
const CLIENT: usize = 0;
const SERVER: usize = 1;
