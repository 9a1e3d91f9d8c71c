//! The example programs, run as a user runs them. `support::process` builds them.

mod client;
mod demo;
#[cfg(target_os = "linux")]
mod descriptors;
mod echo;
mod features;
mod hostile;
mod reconnect;
#[cfg(feature = "serde")]
mod room_server;
mod soak;
#[cfg(unix)]
mod stopped;
mod threads;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
mod tls;
#[cfg(feature = "tokio")]
mod tokio_client;
#[cfg(feature = "tokio")]
mod tokio_echo;

use crate::support::{loopback::RawClient, process::Process};
use std::{fs, net::SocketAddr};

/// Checks that an example is no longer than its original among the examples of another library.
#[track_caller]
fn assert_short(name: &str, most_lines: usize) {
    let source = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    let lines = fs::read_to_string(source).expect("the example can be read").lines().count();
    assert!(lines <= most_lines, "{name} has {lines} lines");
}

/// An echo server on a free port.
struct EchoServer {
    process: Process,
    address: SocketAddr,
}

impl EchoServer {
    fn start(args: &[&str]) -> Self {
        Self::from_process(Process::start("echo", &[&["--listen", "127.0.0.1:0"], args].concat()))
    }

    fn from_process(process: Process) -> Self {
        let first = process.stdout.next().expect("the first line is the address");
        let address = first.strip_prefix("listening on http://").expect("the page's address comes first");
        Self { address: address.parse().expect("an address"), process }
    }

    fn open(&self, target: &str) -> RawClient {
        RawClient::open(self.address, target)
    }

    fn url(&self, target: &str) -> String {
        format!("ws://{}{target}", self.address)
    }
}
