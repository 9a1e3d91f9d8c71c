//! The servers that are compared. Each echoes every message, on one thread.

mod fastwebsockets;
mod on_tokio;
mod readiness;
#[cfg(feature = "tls")]
mod secure;
mod sockudo_ws;
mod state;
mod tasks;
mod tcp;
mod tcp_room;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;
mod wtx;
mod yawc;
#[cfg(feature = "deflate")]
mod zlib_rs;

use crate::{command::Command, traffic::Dialect, workload::Task};
#[cfg(feature = "tls")]
pub use secure::CERTIFICATE;
use statesocket::server::Loops;
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

/// The servers of the comparison on tokio, with their packages.
const ON_TOKIO: [(&str, &str, Serve); 8] = [
    ("tokio recv+send", "statesocket", on_tokio::serve_sending),
    ("tokio recv+feed", "statesocket", on_tokio::serve_feeding),
    ("tokio drive", "statesocket", on_tokio::serve_lent),
    ("statesocket", "statesocket", state::serve),
    (FLOOR, "mio", tcp::serve),
    ("fastwebsockets", "fastwebsockets", fastwebsockets::serve),
    ("tokio-websockets", "tokio-websockets", tokio_websockets::serve),
    ("tokio-tungstenite", "tokio-tungstenite", tokio_tungstenite::serve),
];

/// The servers with TLS, with their packages.
#[cfg(feature = "tls")]
const SECURE: [(&str, &str, Serve); 4] = [
    ("statesocket TLS", "statesocket", secure::serve_state),
    ("tokio drive TLS", "statesocket", secure::serve_on_tokio),
    ("fastwebsockets TLS", "fastwebsockets", secure::serve_fastwebsockets),
    ("tokio-tungstenite TLS", "tokio-tungstenite", secure::serve_tokio_tungstenite),
];

#[cfg(not(feature = "tls"))]
const SECURE: [(&str, &str, Serve); 0] = [];

/// The servers that compress, with their packages. The floors are one engine for all connections, and nothing else.
#[cfg(feature = "deflate")]
const COMPRESSING: [(&str, &str, Serve); 6] = [
    ("statesocket level 6", "statesocket", state::serve_compressed::<6>),
    ("statesocket level 1", "statesocket", state::serve_compressed::<1>),
    ("floor level 6", "zlib-rs", zlib_rs::serve::<6>),
    ("floor level 1", "zlib-rs", zlib_rs::serve::<1>),
    ("sockudo-ws level 6", "sockudo-ws", sockudo_ws::serve_compressed),
    ("yawc level 6", "yawc", yawc::serve_compressed),
];

#[cfg(not(feature = "deflate"))]
const COMPRESSING: [(&str, &str, Serve); 0] = [];

/// The name of the server of this crate.
pub const OURS: &str = "statesocket";

/// The same server with several loops, all on the one CPU.
const CLUSTERS: [(&str, usize); 3] =
    [("statesocket 1 loop", 1), ("statesocket 2 loops", 2), ("statesocket 4 loops", 4)];

/// The floor of a room.
const ROOM_FLOOR: &str = "tcp-room";

/// The servers of this package.
pub fn built_in() -> Vec<Server> {
    BUILT_IN.map(|(name, _)| Server::built_in(name)).into()
}

/// The server of this crate, and with several loops.
pub fn clusters() -> Vec<Server> {
    [OURS].into_iter().chain(CLUSTERS.map(|(name, _)| name)).map(Server::built_in).collect()
}

/// The servers of this package that show what tasks of tokio cost.
pub fn on_tokio() -> Vec<Server> {
    ON_TOKIO.map(|(name, ..)| Server::built_in(name)).into()
}

/// The servers of this package with TLS.
pub fn secure() -> Vec<Server> {
    SECURE.iter().map(|(name, ..)| Server::built_in(name)).collect()
}

/// The servers of this package that compress, and the floor of their rooms.
pub fn compressing() -> Vec<Server> {
    let names = COMPRESSING.iter().map(|(name, ..)| *name);
    names.chain([FLOOR]).map(Server::built_in).collect()
}

/// Whether a server is neither ours nor a floor.
pub fn is_peer(name: &str) -> bool {
    name != FLOOR && !["statesocket", "zlib-rs"].contains(&package(name))
}

/// The package of a server, if it is one of these; else its name.
fn package(name: &str) -> &str {
    if loops(name).is_some() {
        return OURS;
    }
    named_otherwise().find(|(known, ..)| *known == name).map_or(name, |(_, package, _)| *package)
}

/// The server of this package that is called `name`.
///
/// # Errors
/// No server has this name. The message lists the names.
pub fn find(name: &str) -> Result<Server, String> {
    if loops(name).is_some() { Ok(Server::built_in(name)) } else { function(name).map(|_| Server::built_in(name)) }
}

/// Is the server of this package that is called `name`.
pub fn serve(name: &str, listener: TcpListener) -> io::Result<()> {
    function(name).map_err(io::Error::other)?(listener)
}

/// Is the server of several loops that is called `name`, if there is one. It listens by itself.
pub fn serve_loops(name: &str, port: u16) -> Option<io::Result<()>> {
    loops(name).map(|loops| state::serve_loops(port, loops))
}

fn loops(name: &str) -> Option<Loops> {
    CLUSTERS.iter().find(|(known, _)| *known == name).map(|(_, count)| Loops::new(*count))
}

fn function(name: &str) -> Result<Serve, String> {
    if name == ROOM_FLOOR {
        return Ok(tcp_room::serve);
    }
    let mut all = BUILT_IN.to_vec();
    for (name, _, serve) in named_otherwise() {
        if !all.iter().any(|(known, _)| known == name) {
            all.push((name, *serve));
        }
    }
    all.iter().find(|(known, _)| *known == name).map(|(_, serve)| *serve).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).chain(CLUSTERS.map(|(name, _)| name)).collect();
        format!("no server is called {name}; there are {}", names.join(", "))
    })
}

/// The servers whose names are not those of their packages.
fn named_otherwise() -> impl Iterator<Item = &'static (&'static str, &'static str, Serve)> {
    ON_TOKIO.iter().chain(&SECURE).chain(&COMPRESSING)
}

impl Server {
    fn built_in(name: &str) -> Self {
        let dialect = match name {
            FLOOR => Dialect::Bytes,
            #[cfg(feature = "tls")]
            _ if SECURE.iter().any(|(known, ..)| *known == name) => Dialect::Secure,
            _ => Dialect::WebSocket,
        };
        let package = package(name);
        let made_with = format!("{package} {}", table::version(package));
        let room = match name {
            FLOOR => Some(Command::built_in(ROOM_FLOOR)),
            _ if package == OURS && !ON_TOKIO[..3].iter().chain(&SECURE).any(|(known, ..)| *known == name) => {
                Some(Command::built_in(name))
            }
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
