//! The servers that are compared: each returns every message, on one thread.

mod fastwebsockets;
mod readiness;
mod sockudo_ws;
mod state;
mod tasks;
mod tcp;
mod tokio_websockets;
mod tungstenite;
mod wtx;
mod yawc;

use crate::traffic::Dialect;
use std::{io, net::TcpListener};

pub struct Server {
    /// That of the package it is made with, but for the floor.
    pub name: &'static str,
    pub serve: fn(TcpListener) -> io::Result<()>,
}

/// What all others are compared with.
pub const FLOOR: &str = "tcp";

pub const ALL: &[Server] = &[
    Server { name: "statesocket", serve: state::serve },
    Server { name: FLOOR, serve: tcp::serve },
    Server { name: "tungstenite", serve: tungstenite::serve },
    Server { name: "fastwebsockets", serve: fastwebsockets::serve },
    Server { name: "tokio-websockets", serve: tokio_websockets::serve },
    Server { name: "sockudo-ws", serve: sockudo_ws::serve },
    Server { name: "wtx", serve: wtx::serve },
    Server { name: "yawc", serve: yawc::serve },
];

pub fn find(name: &str) -> Option<&'static Server> {
    ALL.iter().find(|server| server.name == name)
}

impl Server {
    /// The package that it is made with.
    pub fn package(&self) -> &'static str {
        if self.name == FLOOR { "mio" } else { self.name }
    }

    pub fn dialect(&self) -> Dialect {
        if self.name == FLOOR { Dialect::Bytes } else { Dialect::WebSocket }
    }
}
