//! The commands that start servers.

use crate::opening::PATIENCE;
use rustix::process::{Signal, set_parent_process_death_signal};
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    process,
    time::Duration,
};

/// Makes this program be one of its servers.
pub const SERVE: &str = "--serve";

/// Makes this program become another one.
pub const BECOME: &str = "--become";

/// The place of the port in a command.
const PORT: &str = "{port}";

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Command {
    pub text: String,
    /// The arguments of this program.
    arguments: Vec<String>,
    /// How long it may take until the server accepts connections.
    pub patience: Duration,
}

impl Command {
    /// This program as its server `name`.
    pub fn built_in(name: &str) -> Self {
        let arguments = [SERVE, name, PORT];
        Self { text: arguments.join(" "), arguments: arguments.map(String::from).into(), patience: PATIENCE }
    }

    /// Any other program. Its words are split as a shell would, but no shell runs it, so that the process that is
    /// started is the server itself: its id is the one to measure and to end.
    ///
    /// # Errors
    /// The command contains no port, or an open quotation.
    pub fn outside(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or_else(|| format!("`{text}` contains an open quotation"))?;
        if !words.iter().any(|word| word.contains(PORT)) {
            return Err(format!("`{text}` does not contain {PORT}, the port to listen on"));
        }
        let arguments = [BECOME.to_owned()].into_iter().chain(words).collect();
        Ok(Self { text: text.to_owned(), arguments, patience: PATIENCE })
    }

    pub fn text(&self, port: u16) -> String {
        with_port(&self.text, port)
    }

    pub fn arguments(&self, port: u16) -> impl Iterator<Item = String> {
        self.arguments.iter().map(move |argument| with_port(argument, port))
    }
}

fn with_port(text: &str, port: u16) -> String {
    text.replace(PORT, &port.to_string())
}

/// Replaces this program by a server, which ends when the bench ends. Returns only if it fails.
pub fn become_server(program: &str, arguments: &[&str]) -> io::Error {
    // The signal outlasts `exec`.
    match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) => process::Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}

/// An unused port of 127.0.0.1.
pub fn free_port() -> io::Result<u16> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(socket.local_addr()?.as_socket_ipv4().expect("the socket is of IPv4").port())
}

/// Whether a server accepts connections at `address`.
pub fn accepts(address: SocketAddr) -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // From the address of the server the kernel could pick the server's own port, and connect the socket to itself.
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)).into())?;
    match socket.connect(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        result => result.map(|()| true),
    }
}
