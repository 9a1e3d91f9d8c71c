//! A network that is cut: nothing arrives any more, not even a FIN or an RST.

#![cfg(target_os = "linux")]

use crate::support::process::{FaultServer, Process, path_of};
use std::{
    io,
    process::{Command, Stdio},
};

/// Two network namespaces and a wire between them, invisible from outside. Dropping this deletes them.
struct Wire {
    names: [String; 2],
}

const SERVER: &str = "10.255.7.1";

impl Wire {
    /// Fails without root or without `ip`.
    fn lay() -> io::Result<Self> {
        let wire = Self { names: ["server", "client"].map(|end| format!("faults-{}-{end}", std::process::id())) };
        let [server, client] = &wire.names;
        for args in [
            &["netns", "add", server][..],
            &["netns", "add", client],
            &["-n", server, "link", "set", "lo", "up"],
            &["-n", server, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", client],
            &["-n", server, "address", "add", &format!("{SERVER}/30"), "dev", "wire"],
            &["-n", client, "address", "add", "10.255.7.2/30", "dev", "wire"],
            &["-n", server, "link", "set", "wire", "up"],
            &["-n", client, "link", "set", "wire", "up"],
        ] {
            ip(args)?;
        }
        Ok(wire)
    }

    fn cut(&self) {
        ip(&["-n", &self.names[1], "link", "set", "wire", "down"]).expect("root can cut the wire");
    }

    /// The example `name`, run at one end.
    fn at(&self, end: usize, name: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[end]]).arg(path_of(name));
        command
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for name in &self.names {
            // The namespace may not exist.
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(args: &[&str]) -> io::Result<()> {
    let status = Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("ip {args:?}: {status}"))) }
}

/// Where there are no namespaces, [a stopped peer](super::processes) comes closest.
#[test]
fn a_cut_network_is_found_by_the_keepalive() {
    let wire = match Wire::lay() {
        Ok(wire) => wire,
        Err(error) => return eprintln!("not tested, since there are no network namespaces: {error}"),
    };
    let mut command = wire.at(0, "faults");
    command.args(["--serve", "--listen", "0.0.0.0:0", "--ping-ms", "200", "--pong-ms", "3000"]);
    let server = FaultServer::spawn(&mut command);
    let port = server.address.port();
    let near = Process::spawn(wire.at(0, "client").arg(format!("ws://127.0.0.1:{port}/echo")));
    let far = Process::spawn(wire.at(1, "client").arg(format!("ws://{SERVER}:{port}/echo")));
    let far = far.greeted();

    wire.cut();
    let near = near.greeted();
    let end = server.process.stdout.find("disconnect ");
    assert_eq!(end, "disconnect 1006 (timed out: sign of life after a ping, not clean)");
    let near = near.greeted();
    let report = server.stop();
    assert_eq!((report.count("timed out"), report.count("aborted")), (1, 1), "{report:?}");
    drop((near, far));
}
