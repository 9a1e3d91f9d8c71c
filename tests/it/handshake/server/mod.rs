//! The server: the requests that it reads and refuses, and its answers.

mod answer;
mod cookies;
mod date;
mod limits;
mod other_protocols;
mod plain;
mod request;
mod set_config;
mod target;

use crate::support::{handshake::refusal, request_head};
use statesocket::{Config, HandshakeError};

/// The error with which a server refuses the request of RFC 6455 with `changes`.
#[track_caller]
fn why(changes: &[(&str, &str)]) -> HandshakeError {
    refusal(Config::default(), &request_head("/chat", changes)).0
}
