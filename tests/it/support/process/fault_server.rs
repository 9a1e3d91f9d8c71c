use super::{Process, path_of};
use crate::support::loopback::RawClient;
use std::{net::SocketAddr, process::Command};

/// The server of `tests/tools/faults`, in a process of its own: its heap is nobody else's.
#[derive(Debug)]
pub(crate) struct FaultServer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What it says at its end.
#[derive(Debug)]
pub(crate) struct Report(Vec<String>);

impl FaultServer {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(Command::new(path_of("faults")).arg("--serve").args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let first = process.stdout.next().expect("it says where it listens");
        let address = first.strip_prefix("listening on ").expect("an address").parse().expect("an address");
        Self { process, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    pub(crate) fn open(&self) -> RawClient {
        RawClient::open(self.address, "/echo")
    }

    /// Stops it. Every connection that came has ended, and nothing is left of it.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Report {
        self.process.end_input();
        let (status, stdout, stderr) = self.process.wait();
        assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]));
        let report = Report(stdout);
        let causes = ["peer closed", "local closed", "rejected", "handshake failed", "protocol violation"];
        let causes = causes.into_iter().chain(["transport lost", "timed out", "aborted", "dropped"]);
        assert_eq!(report.count("accepted"), causes.map(|cause| report.count(cause)).sum::<u64>(), "{report:?}");
        // What the first use of standard output and the like allocate for good.
        assert!(report.count("heap left") < 16 << 10, "{report:?}");
        report
    }
}

impl Report {
    /// The number behind `name`; 0 if it is not there.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let number = self.0.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        number.map_or(0, |number| number.parse().expect("a number"))
    }

    /// What the connections held on the heap at the peak, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.count("heap at the peak")
    }
}
