//! Echo servers over the loopback, side by side: this crate's, others, and one that only returns bytes.
//!
//! ```text
//! cargo bench -p statesocket-benches --bench loopback [-- OPTIONS]     # --help lists them
//! ```
//!
//! The program runs itself again as each server, in a process on a CPU of its own, and makes the load on another CPU.
//! Every byte of every echo is compared; a wrong one fails the bench. The servers take turns, and each round begins
//! with another one.

mod balance;
mod check;
mod command;
#[cfg(feature = "deflate")]
mod deflate;
mod load;
mod measure;
mod memory;
mod opening;
mod processes;
mod report;
mod room;
mod servers;
mod stream;
mod traffic;
mod visits;
mod workload;

use clap::Parser;
use measure::measure;
use processes::Cpus;
use report::{BEST_PEER, Samples};
use servers::{FLOOR, OURS, Server};
use std::{env, process::ExitCode, time::Duration};
use workload::Workload;

/// Files that a process has open beside its connections.
const OTHER_FILES: u64 = 100;

/// The members of a room in a quick check, at most.
const QUICK_MEMBERS: usize = 200;

/// Compares echo servers over the loopback.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds; each server has one turn per round.
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
    /// The length of a turn, after a fifth of it to warm up.
    #[arg(long, default_value_t = 0.25)]
    seconds: f64,
    /// Only workloads with this in their names; `memory` is one, with `--loops` `balance`.
    #[arg(long, value_name = "PART", default_value = "")]
    workload: String,
    /// Of the servers of this package only these.
    #[arg(long = "server", value_name = "NAME,...", value_delimiter = ',')]
    servers: Vec<String>,
    /// Adds a server from outside this package: a command that listens on 127.0.0.1:{port}, accepts `GET /echo`, and
    /// returns each message in one frame; for `--rooms`, it accepts `GET /room` and returns each message to all of
    /// these connections. The process that it starts must itself be the server. May be repeated.
    #[arg(long = "peer", value_name = "NAME='COMMAND {port}'", value_parser = Server::outside)]
    peers: Vec<Server>,
    /// Checks every echo of a few servers in one short round, and `--peer` itself.
    #[arg(long)]
    quick: bool,
    /// Varies the number of connections instead of the size of messages.
    #[arg(long, conflicts_with = "rooms")]
    scale: bool,
    /// Sends each message to all members of a room.
    #[arg(long)]
    rooms: bool,
    /// Compares one loop with several, on one CPU, and shows how evenly the connections are shared out.
    #[arg(long, conflicts_with_all = ["scale", "rooms", "deflate"])]
    loops: bool,
    /// Compares this crate's tasks of tokio with others, and with its event loop.
    #[arg(long, conflicts_with_all = ["scale", "rooms", "loops", "deflate"])]
    tokio: bool,
    /// Compares servers with TLS. It needs a build with the feature `tls`.
    #[arg(long, conflicts_with_all = ["scale", "rooms", "loops", "tokio", "deflate", "peers"])]
    tls: bool,
    /// Compares servers that compress (permessage-deflate). It needs a build with the feature `deflate`. A server from
    /// outside must compress, and for the rooms, too.
    #[arg(long, conflicts_with_all = ["scale", "rooms"])]
    deflate: bool,
    /// The number of connections whose memory is measured.
    #[arg(long, value_name = "N")]
    memory_connections: Option<usize>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, command::SERVE, name, port] => serve(name, port),
        [_, command::BECOME, program, ref arguments @ ..] => {
            let error = command::become_server(program, arguments);
            Err(format!("{program} cannot be run: {error}"))
        }
        _ => compare(Args::parse()),
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn serve(name: &str, port: &str) -> Result<(), String> {
    let port = port.parse().map_err(|error| format!("port {port}: {error}"))?;
    processes::serve(name, port).map_err(|error| format!("server {name}: {error}"))
}

fn compare(mut args: Args) -> Result<(), String> {
    let files = rlimit::increase_nofile_limit(u64::MAX).map_err(|error| format!("the limit of files: {error}"))?;
    let most = usize::try_from(files - OTHER_FILES).unwrap_or(usize::MAX).min(100_000);
    if args.quick {
        (args.rounds, args.seconds) = (1, 0.05);
        args.memory_connections.get_or_insert(if args.deflate { 50 } else { 500 });
    }
    if args.deflate {
        return compare_compressed(args, most);
    }
    let checks_peers = args.quick && !args.tokio && !args.tls;
    if checks_peers {
        args.peers.push(check::outside()?);
        if args.servers.is_empty() {
            args.servers = [OURS, FLOOR, "tungstenite", "statesocket 2 loops"].map(String::from).into();
        }
    }
    let servers = chosen(&args)?;
    if servers.is_empty() {
        return Err("`--tls` needs a build with the feature `tls`: `cargo bench --features tls ...`".to_owned());
    }
    let cpus = Cpus::choose().map_err(|error| format!("no CPU can be chosen: {error}"))?;
    if checks_peers {
        check::failures(cpus)?;
    }
    let mut workloads = match &args {
        Args { scale: true, .. } => workload::scale(most),
        Args { rooms: true, .. } => workload::rooms(most),
        Args { loops: true, .. } => workload::loops(most),
        Args { tokio: true, .. } => workload::small(),
        Args { tls: true, .. } => workload::secure(),
        _ => workload::sizes(),
    };
    if checks_peers {
        workloads.extend(workload::rooms(QUICK_MEMBERS));
    }
    workloads.retain(|workload| workload.to_string().contains(&args.workload));
    let has_memory = "memory".contains(&args.workload) && !args.rooms && !args.loops;
    let has_balance = args.loops && "balance".contains(&args.workload);
    if workloads.is_empty() && !has_memory && !has_balance {
        return Err(format!("no workload has {:?} in its name", args.workload));
    }
    report::surroundings(&servers, cpus, args.rounds);
    let floor = match &args {
        Args { loops: true, .. } => OURS,
        Args { tls: true, .. } => BEST_PEER,
        _ => FLOOR,
    };
    let mut results = Vec::new();
    for workload in workloads {
        let samples = rounds(&servers, &workload, cpus, &args)?;
        report::details(&workload, &samples, floor);
        results.push((workload, samples));
    }
    if !results.is_empty() {
        report::summary(&results, &servers, floor);
    }
    if has_balance {
        balance::print(args.rounds, most)?;
    }
    if has_memory {
        let connections = args.memory_connections.unwrap_or(match &args {
            Args { scale: true, .. } => most,
            // Many handshakes of TLS take longer than a server waits for a Pong.
            Args { tls: true, .. } => 1_000,
            _ => 5_000,
        });
        let measured = servers.iter().map(|server| {
            let memory = memory::measure(server, connections, cpus);
            memory.map_err(|error| format!("{}, memory: {error}", server.name))
        });
        report::memory(connections, &measured.collect::<Result<Vec<_>, _>>()?, &servers);
    }
    Ok(())
}

#[cfg(feature = "deflate")]
fn compare_compressed(args: Args, most: usize) -> Result<(), String> {
    deflate::compare(&deflate::Choice {
        servers: chosen(&args)?,
        rounds: args.rounds,
        time: Duration::from_secs_f64(args.seconds),
        part: &args.workload,
        most: if args.quick { QUICK_MEMBERS } else { most },
        memory_connections: args.memory_connections.unwrap_or(1_000),
    })
}

#[cfg(not(feature = "deflate"))]
fn compare_compressed(_: Args, _: usize) -> Result<(), String> {
    Err("`--deflate` needs a build with the feature `deflate`: `cargo bench --features deflate ...`".to_owned())
}

fn chosen(args: &Args) -> Result<Vec<Server>, String> {
    let mut servers = match args.servers.as_slice() {
        [] if args.deflate => servers::compressing(),
        [] if args.loops => servers::clusters(),
        [] if args.tokio => servers::on_tokio(),
        [] if args.tls => servers::secure(),
        [] => servers::built_in(),
        names => names.iter().map(|name| servers::find(name)).collect::<Result<_, _>>()?,
    };
    servers.extend(args.peers.iter().cloned());
    for (n, server) in servers.iter().enumerate() {
        if servers[..n].iter().any(|other| other.name == server.name) {
            return Err(format!("two servers are called {}", server.name));
        }
    }
    Ok(servers)
}

/// Measures each server once per round, each time with another one first.
fn rounds(servers: &[Server], workload: &Workload, cpus: Cpus, args: &Args) -> Result<Samples, String> {
    let mut samples = Samples::new();
    let servers: Vec<_> = servers.iter().filter(|server| server.command(workload.task).is_some()).collect();
    for round in 0..args.rounds {
        for turn in 0..servers.len() {
            let server = servers[(round + turn) % servers.len()];
            let sample = measure(server, workload, cpus, Duration::from_secs_f64(args.seconds));
            let sample = sample.map_err(|error| format!("{}, {workload}, round {round}: {error}", server.name))?;
            samples.entry(server.name.clone()).or_default().push(sample);
        }
    }
    Ok(samples)
}
