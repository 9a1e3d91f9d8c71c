//! Both roles over real sockets on the loopback interface. No wait is longer than [`PATIENCE`].

mod client;
#[cfg(feature = "server")]
mod neighbours;
#[cfg(feature = "server")]
mod raw_client;
#[cfg(feature = "server")]
mod served;
#[cfg(feature = "server")]
pub(crate) mod stops;
#[cfg(feature = "server")]
pub(crate) mod turns;

#[cfg(feature = "server")]
pub(crate) use super::{Call, Calls, End, Witness};
pub(crate) use client::Client;
#[cfg(feature = "server")]
pub(crate) use neighbours::{Neighbours, beside_an_echo};
#[cfg(feature = "server")]
pub(crate) use raw_client::RawClient;
#[cfg(feature = "server")]
pub(crate) use served::Served;

use statesocket::{Action, Party, Transition};
use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The longest wait of any test. It makes a test fail that would hang, and says nothing about speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A timeout that no test reaches.
#[cfg(feature = "server")]
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A blocking socket that is connected to `address`.
pub(crate) fn dial(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect(address).expect("the server is listening"))
}

/// The same socket, with bounded waits.
pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

/// The party and the action of each transition, in order.
pub(crate) fn transitions(history: &[Transition]) -> Vec<(Party, Action)> {
    history.iter().map(|row| (row.party, row.action)).collect()
}

/// The number of connections, with both ends in this process, that a test may open beside the other tests: a quarter of
/// the allowed descriptors, and at most `most`.
#[cfg(feature = "server")]
pub(crate) fn allowed_connections(most: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = open_files.and_then(|line| line.split_whitespace().next()).unwrap_or("1024");
    soft.parse().map_or(most, |soft: usize| (soft / 4).min(most))
}
