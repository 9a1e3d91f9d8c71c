//! WebSockets of [`statesocket`] in programs on axum and hyper. Copy the module [`upgrade`] into your program.

pub mod upgrade;
