//! A connection of a member.

use statesocket::{Config, blocking::WebSocket, handshake::Connect};
use std::{io, net::TcpStream, time::Duration};

/// Connects to a port of the loopback, and asks for a WebSocket.
pub fn connect(port: u16, target: &str) -> io::Result<WebSocket<TcpStream>> {
    let connect = Connect::new(&format!("ws://127.0.0.1:{port}{target}")).map_err(io::Error::other)?;
    WebSocket::connect(&connect, Config::default().with(|config| config.opening_timeout = Some(Duration::from_secs(3))))
}
