//! The example programs, run as a user runs them. `support::process` builds them.

mod client;
#[cfg(target_os = "linux")]
mod descriptors;
mod echo;
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
mod tokio_echo;

use crate::support::{
    loopback::RawClient,
    process::{FEATURES, Process},
};
use std::{collections::BTreeSet, net::SocketAddr};

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

#[test]
fn the_examples_are_built_with_every_feature_of_the_tests() {
    let manifest = include_str!("../../../Cargo.toml");
    let (_, rest) = manifest.split_once("[features]\n").expect("the manifest has features");
    let (section, _) = rest.split_once("\n[").expect("other sections follow");
    let names =
        section.lines().filter_map(|line| Some(line.split_once(" = ")?.0).filter(|name| !name.starts_with('#')));
    // The dev-dependency of the crate on itself has it.
    let names: BTreeSet<_> = names.filter(|name| *name != "testing").collect();
    assert_eq!(FEATURES.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), names);
}
