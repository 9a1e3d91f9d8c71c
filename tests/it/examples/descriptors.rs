//! A server that runs out of file descriptors.

use super::EchoServer;
use crate::support::{
    loopback::dial,
    process::{Process, path_of},
};
use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The processor time of `pid`. The kernel reports hundredths of a second, whatever its own clock.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process exists");
    // The second field is a name in brackets with any content; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

#[test]
fn running_out_of_descriptors_does_not_make_the_server_spin() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40 && exec \"$0\" --listen 127.0.0.1:0"]).arg(path_of("echo"));
    let server = EchoServer::from_process(Process::spawn(&mut shell));
    let mut first = server.open("/echo");
    first.echo("before");

    let crowd: Vec<_> = (0..100).map(|_| dial(server.address)).collect();
    server.process.stderr.find("cannot accept");
    let (begin, used) = (Instant::now(), processor_time(server.process.id()));
    // The time for which it is watched.
    thread::sleep(Duration::from_secs(1));
    let used = processor_time(server.process.id()) - used;
    assert!(used < begin.elapsed() / 2, "it spins: {used:?} in {:?}", begin.elapsed());
    first.echo("without a free descriptor");

    drop(crowd);
    server.open("/echo").echo("after");
    first.echo("after");
}
