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

use crate::{opening::PATIENCE, outside::Outside, traffic::Dialect};
use statesocket_benches::table;
use std::{io, net::TcpListener};

#[derive(Clone, Debug)]
pub struct Server {
    /// The name of its package, except for the floor and for outside servers.
    pub name: String,
    /// `None` if it is one of this package: this program, which runs itself again.
    pub outside: Option<Outside>,
}

/// Serves forever.
type Serve = fn(TcpListener) -> io::Result<()>;

/// The server that all others are compared with.
pub const FLOOR: &str = "tcp";

const BUILT_IN: [(&str, Serve); 8] = [
    ("statesocket", state::serve),
    (FLOOR, tcp::serve),
    ("tungstenite", tungstenite::serve),
    ("fastwebsockets", fastwebsockets::serve),
    ("tokio-websockets", tokio_websockets::serve),
    ("sockudo-ws", sockudo_ws::serve),
    ("wtx", wtx::serve),
    ("yawc", yawc::serve),
];

/// The servers of this package.
pub fn built_in() -> Vec<Server> {
    BUILT_IN.map(|(name, _)| Server::built_in(name)).into()
}

/// The server of this package that is called `name`.
///
/// # Errors
/// There is none; the message lists those that there are.
pub fn find(name: &str) -> Result<Server, String> {
    function(name).map(|_| Server::built_in(name))
}

/// Is the server of this package that is called `name`.
pub fn serve(name: &str, listener: TcpListener) -> io::Result<()> {
    function(name).map_err(io::Error::other)?(listener)
}

fn function(name: &str) -> Result<Serve, String> {
    let entry = BUILT_IN.iter().find(|(known, _)| *known == name);
    entry.map(|(_, serve)| *serve).ok_or_else(|| {
        let names = BUILT_IN.map(|(name, _)| name).join(", ");
        format!("no server is called {name}; there are {names}")
    })
}

impl Server {
    fn built_in(name: &str) -> Self {
        Self { name: name.to_owned(), outside: None }
    }

    /// A server outside this package, from the argument of `--peer`.
    ///
    /// # Errors
    /// The argument is not a name and a command.
    pub fn outside(argument: &str) -> Result<Self, String> {
        match argument.split_once('=') {
            Some((name, command)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), outside: Some(Outside::new(command, PATIENCE)?) })
            }
            _ => Err("it must be NAME='COMMAND {port}'".to_owned()),
        }
    }

    pub fn dialect(&self) -> Dialect {
        if self.outside.is_none() && self.name == FLOOR { Dialect::Bytes } else { Dialect::WebSocket }
    }

    /// The package and its version, or the command.
    pub fn made_with(&self) -> String {
        if let Some(outside) = &self.outside {
            return format!("`{}`", outside.command);
        }
        let package = if self.name == FLOOR { "mio" } else { &self.name };
        format!("{package} {}", table::version(package))
    }
}
