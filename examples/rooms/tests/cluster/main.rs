//! Processes behind nginx and HAProxy that share a Redis, with members, faults and figures.
//!
//! `examples/rooms/cluster` builds it and what it needs, and starts it. Everything is on the loopback. The exit status
//! is 1 if a member misses an acknowledged message, hears one twice or in another order, or if something takes far
//! longer than it should.

mod checks;
mod crowd;
mod faults;
mod member;
mod programs;
mod socket;

use clap::Parser;
use crowd::{Crowd, Pace};
use faults::Seen;
use programs::Cluster;
use rand::random_range;
use std::{error::Error, process::ExitCode, time::Duration};

/// Runs members, faults and load through processes behind nginx and HAProxy, which share a Redis.
#[derive(Debug, Parser)]
struct Args {
    /// How many times the broker and the processes are killed and stopped under members that speak.
    #[arg(long, value_name = "N", default_value_t = 4)]
    runs: u64,
    /// The seed of the first run; each has the next one. Random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seconds 1,000 messages per second last.
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    rate_seconds: u64,
}

/// Members of each balancer.
const MEMBERS: usize = 10;

/// How late a message may be beside a member that never reads. A loaded machine is late, too, so this is far more than
/// what is printed.
const LATE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("not ok - {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut cluster = Cluster::start()?;
    let first = args.seed.unwrap_or_else(|| random_range(0..1_000_000));
    let mut seen = Seen::default();
    for seed in first..first + args.runs {
        seen.add(faults::run(&mut cluster, seed).map_err(|error| format!("seed {seed}: {error}"))?);
    }
    if args.runs > 0 && !seen.is_all() {
        return Err(format!("too few members have seen the faults: {seen:?}").into());
    }
    println!("ok - {}", beside_a_slow_member(&cluster)?);
    println!("ok - {}", at_a_high_rate(&cluster, args.rate_seconds)?);
    cluster.stop()?;
    Ok(())
}

/// Members beside some that do not read: they end with 1013, come back, and have missed nothing; the others hear
/// everything in time.
fn beside_a_slow_member(cluster: &Cluster) -> Result<String, Box<dyn Error>> {
    let pace = Pace { interval: Duration::from_millis(10), text_bytes: 8_000, is_slow: false };
    let slow = Pace { interval: Duration::from_secs(3600), is_slow: true, ..pace };
    let crowd = Crowd::join("alone", &cluster.balancers(), 2, pace)?;
    crowd.speak(Duration::from_secs(3));
    let alone = crowd.finish(cluster.processes[0].port)?.worst();
    let mut crowd = Crowd::join("slow", &cluster.balancers(), 2, pace)?;
    crowd.add(cluster.processes[0].port, slow)?;
    crowd.add(cluster.processes[1].port, slow)?;
    crowd.speak(Duration::from_secs(6));
    let report = crowd.finish(cluster.processes[0].port)?;
    let ends: Vec<_> = report.members.iter().filter(|member| member.is_slow).map(|member| &member.ends).collect();
    if !ends.iter().all(|ends| ends.contains_key(&1013)) {
        return Err(format!("members that do not read ended with {ends:?}, and not with 1013").into());
    }
    let worst = report.worst();
    if worst > LATE {
        return Err(format!("beside a member that does not read, a message came after {worst:?}").into());
    }
    let what = "members that do not read end with 1013, come back and miss nothing";
    Ok(format!("{what}; without them the worst delay is {:.1} ms, beside them {report}", alone.as_secs_f64() * 1e3))
}

fn at_a_high_rate(cluster: &Cluster, seconds: u64) -> Result<String, Box<dyn Error>> {
    let pace = Pace { interval: Duration::from_millis(2 * MEMBERS as u64), text_bytes: 100, is_slow: false };
    let crowd = Crowd::join("rate", &cluster.balancers(), MEMBERS, pace)?;
    crowd.speak(Duration::from_secs(seconds));
    let report = crowd.finish(cluster.processes[0].port)?;
    let per_second = report.acknowledged as u64 / seconds.max(1);
    if report.refused > 0 || per_second < 900 {
        return Err(format!("of 1,000 messages per second, {per_second} were acknowledged: {report}").into());
    }
    Ok(format!("{per_second} messages per second for {seconds} s: {report}"))
}
