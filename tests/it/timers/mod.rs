//! Deadlines, on a clock that the tests set.

mod closing;
mod edges;
mod held;
mod open;
mod opening;
mod stalled;
mod written;
