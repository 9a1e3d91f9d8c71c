//! Servers outside this package, which `--peer` adds to the comparison.

use rustix::process::{Signal, set_parent_process_death_signal};
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    process::Command,
    time::Duration,
};

/// Makes this program become the command of an outside server.
pub const BECOME: &str = "--become";

/// What stands for the port in a command.
const PORT: &str = "{port}";

/// The command of a server.
#[derive(Clone, Debug)]
pub struct Outside {
    pub command: String,
    words: Vec<String>,
    /// The time between its start and its first accepted connection is at most this.
    pub patience: Duration,
}

impl Outside {
    /// Splits `command` into words as a shell would. No shell runs it, so that the process that is started is the
    /// server itself: its id is the one to measure and to end.
    ///
    /// # Errors
    /// The command has no words, no port, or an open quotation.
    pub fn new(command: &str, patience: Duration) -> Result<Self, String> {
        let words = shlex::split(command).ok_or_else(|| format!("`{command}` has an open quotation"))?;
        if !words.iter().any(|word| word.contains(PORT)) {
            return Err(format!("`{command}` does not contain {PORT}, the port to listen on"));
        }
        Ok(Self { command: command.to_owned(), words, patience })
    }

    /// The command with its port.
    pub fn command_with(&self, port: u16) -> String {
        self.command.replace(PORT, &port.to_string())
    }

    /// The arguments that make this program become the server.
    pub fn arguments(&self, port: u16) -> impl Iterator<Item = String> {
        let port = port.to_string();
        let words = self.words.iter().map(move |word| word.replace(PORT, &port));
        [BECOME.to_owned()].into_iter().chain(words)
    }
}

/// Replaces this program by a server, which ends when the bench ends. Returns only the reason why it could not.
pub fn become_server(program: &str, arguments: &[&str]) -> io::Error {
    // The signal outlasts `exec`.
    match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}

/// A port of 127.0.0.1 that nobody uses.
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
