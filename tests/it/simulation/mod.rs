//! Both ends of a connection over a network that delays, stalls, cuts and resets, with a clock of their own.
//!
//! One number decides everything. A run whose number is known is repeated, and its log printed, with
//! `SIMULATION_SEED=123 cargo test --test it simulation`. `PROPTEST_CASES`, 256 by default, says how many are run.

mod application;
mod endpoint;
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

/// Microseconds since the beginning of a run.
type Time = u64;

/// The index of an end.
const CLIENT: usize = 0;
const SERVER: usize = 1;
