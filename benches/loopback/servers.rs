//! The servers that are compared. Each echoes every message, on one thread.

mod fastwebsockets;
mod readiness;
mod sockudo_ws;
mod state;
mod tasks;
mod tcp;
mod tcp_room;
mod tokio_websockets;
mod tungstenite;
mod wtx;
mod yawc;

use crate::{command::Command, traffic::Dialect, workload::Task};
use statesocket_benches::table;
use std::{io, net::TcpListener};

#[derive(Clone, Debug)]
pub struct Server {
    /// The name of its package, except for the floor and for outside servers.
    pub name: String,
    pub dialect: Dialect,
    /// The package and its version, or the command.
    pub made_with: String,
    pub command: Command,
    /// The command for a room, if it has one.
    room: Option<Command>,
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

/// The floor of a room.
const ROOM_FLOOR: &str = "tcp-room";

/// The servers of this package.
pub fn built_in() -> Vec<Server> {
    BUILT_IN.map(|(name, _)| Server::built_in(name)).into()
}

/// The server of this package that is called `name`.
///
/// # Errors
/// No server has this name. The message lists the names.
pub fn find(name: &str) -> Result<Server, String> {
    function(name).map(|_| Server::built_in(name))
}

/// Is the server of this package that is called `name`.
pub fn serve(name: &str, listener: TcpListener) -> io::Result<()> {
    function(name).map_err(io::Error::other)?(listener)
}

fn function(name: &str) -> Result<Serve, String> {
    if name == ROOM_FLOOR {
        return Ok(tcp_room::serve);
    }
    let entry = BUILT_IN.iter().find(|(known, _)| *known == name);
    entry.map(|(_, serve)| *serve).ok_or_else(|| {
        let names = BUILT_IN.map(|(name, _)| name).join(", ");
        format!("no server is called {name}; there are {names}")
    })
}

impl Server {
    fn built_in(name: &str) -> Self {
        let (dialect, package) = if name == FLOOR { (Dialect::Bytes, "mio") } else { (Dialect::WebSocket, name) };
        let made_with = format!("{package} {}", table::version(package));
        let room = match name {
            FLOOR => Some(Command::built_in(ROOM_FLOOR)),
            "statesocket" => Some(Command::built_in(name)),
            _ => None,
        };
        Self { name: name.to_owned(), dialect, made_with, command: Command::built_in(name), room }
    }

    /// A server outside this package, from the argument of `--peer`.
    ///
    /// # Errors
    /// The argument is not a name and a command.
    pub fn outside(argument: &str) -> Result<Self, String> {
        let (name, command) = argument.split_once('=').unwrap_or_default();
        if name.is_empty() {
            return Err("it must be NAME='COMMAND {port}'".to_owned());
        }
        let made_with = format!("`{command}`");
        let command = Command::outside(command)?;
        let room = Some(command.clone());
        Ok(Self { name: name.to_owned(), dialect: Dialect::WebSocket, made_with, command, room })
    }

    /// The command for a task, if the server has it.
    pub const fn command(&self, task: Task) -> Option<&Command> {
        match task {
            Task::Echo | Task::Visit => Some(&self.command),
            Task::Room => self.room.as_ref(),
        }
    }
}
