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
use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
};

pub struct Server {
    /// That of the package it is made with, but for the floor.
    pub name: &'static str,
    program: Program,
}

enum Program {
    /// This one.
    This(fn(TcpListener) -> io::Result<()>),
    /// What `benches/uwebsockets/build` has built, if it has. It looks at no mask bit, checks UTF-8, reserved bits, and
    /// the limit that it is given; what comes in one read leaves in one write.
    UWebSockets,
}

/// What all others are compared with.
pub const FLOOR: &str = "tcp";

const ALL: &[Server] = &[
    Server::this("statesocket", state::serve),
    Server::this(FLOOR, tcp::serve),
    Server { name: "uWebSockets", program: Program::UWebSockets },
    Server::this("tungstenite", tungstenite::serve),
    Server::this("fastwebsockets", fastwebsockets::serve),
    Server::this("tokio-websockets", tokio_websockets::serve),
    Server::this("sockudo-ws", sockudo_ws::serve),
    Server::this("wtx", wtx::serve),
    Server::this("yawc", yawc::serve),
];

/// Those that can be run here.
pub fn all() -> impl Iterator<Item = &'static Server> {
    ALL.iter().filter(|server| server.executable().is_none_or(|path| path.exists()))
}

/// The server with this name.
///
/// # Errors
/// Which there are.
pub fn find(name: &str) -> Result<&'static Server, String> {
    let names = || all().map(|server| server.name).collect::<Vec<_>>().join(", ");
    all().find(|server| server.name == name).ok_or_else(|| format!("no server is called {name}; there are {}", names()))
}

impl Server {
    const fn this(name: &'static str, serve: fn(TcpListener) -> io::Result<()>) -> Self {
        Self { name, program: Program::This(serve) }
    }

    pub fn dialect(&self) -> Dialect {
        if self.name == FLOOR { Dialect::Bytes } else { Dialect::WebSocket }
    }

    /// The program that it is, if it is not this one.
    pub fn executable(&self) -> Option<PathBuf> {
        match self.program {
            Program::This(_) => None,
            Program::UWebSockets => Some(built().join("echo")),
        }
    }

    /// Serves for ever.
    pub fn serve(&self, listener: TcpListener) -> io::Result<()> {
        match self.program {
            Program::This(serve) => serve(listener),
            Program::UWebSockets => Err(io::Error::other("it is a program of its own")),
        }
    }

    /// What it is made with. `lock` is the lock file of this program; if it has several versions, the newest was meant.
    pub fn made_with(&self, lock: &str) -> String {
        let package = if self.name == FLOOR { "mio" } else { self.name };
        let entry = format!("name = \"{package}\"\nversion = \"");
        let locked = || lock.split(&entry).skip(1).filter_map(|rest| rest.split('"').next()).last().map(str::to_owned);
        let version = match self.program {
            Program::This(_) => locked(),
            Program::UWebSockets => fs::read_to_string(built().join("version")).ok(),
        };
        format!("{package} {}", version.as_deref().unwrap_or("of no version").trim_end())
    }
}

/// Where the program of uWebSockets is built.
fn built() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("uwebsockets")
}
