use super::{Process, path_of};
use crate::support::loopback::RawClient;
use std::{net::SocketAddr, process::Command};

/// The server of `tests/tools/faults`, in a process with a heap of its own.
#[derive(Debug)]
pub(crate) struct FaultServer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// The figures that it prints at its end.
#[derive(Debug)]
pub(crate) struct Report(Vec<String>);

impl FaultServer {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(Command::new(path_of("faults")).arg("--serve").args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let first = process.stdout.next().expect("the first line is the address");
        let address = first.strip_prefix("listening on ").expect("an address").parse().expect("an address");
        Self { process, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    pub(crate) fn open(&self) -> RawClient {
        RawClient::open(self.address, "/echo")
    }

    /// Stops it. Checks that every connection has ended and that nothing of them is left.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Report {
        self.process.end_input();
        let (status, stdout, stderr) = self.process.wait();
        assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]));
        let report = Report(stdout);
        let causes = ["peer closed", "closed locally", "rejected", "handshake failed", "protocol violation"];
        let causes = causes.into_iter().chain(["transport lost", "timed out", "aborted", "dropped"]);
        assert_eq!(report.count("accepted"), causes.map(|cause| report.count(cause)).sum::<u64>(), "{report:?}");
        // The first use of standard output, for example, allocates for good.
        assert!(report.count("heap left") < 16 << 10, "{report:?}");
        report
    }
}

impl Report {
    /// The number behind `name`; 0 if there is none.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let number = self.0.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        number.map_or(0, |number| number.parse().expect("a number"))
    }

    /// The bytes on the heap that the connections held at the peak.
    pub(crate) fn peak(&self) -> u64 {
        self.count("heap at the peak")
    }
}
