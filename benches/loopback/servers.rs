//! The servers that are compared: each returns every message, on one thread.

mod readiness;
mod state;
mod tcp;
mod tungstenite;

use crate::traffic::Dialect;
use std::{io, net::TcpListener};

pub struct Server {
    pub name: &'static str,
    /// The package that it is made with.
    pub package: &'static str,
    pub dialect: Dialect,
    pub serve: fn(TcpListener) -> io::Result<()>,
}

/// What all others are compared with.
pub const FLOOR: &str = "tcp";

pub const ALL: &[Server] = &[
    Server { name: "statesocket", package: "statesocket", dialect: Dialect::WebSocket, serve: state::serve },
    Server { name: FLOOR, package: "mio", dialect: Dialect::Bytes, serve: tcp::serve },
    Server { name: "tungstenite", package: "tungstenite", dialect: Dialect::WebSocket, serve: tungstenite::serve },
];

pub fn find(name: &str) -> Option<&'static Server> {
    ALL.iter().find(|server| server.name == name)
}
