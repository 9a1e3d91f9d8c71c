//! Echo servers over the loopback, side by side: this crate's, its peers, and one that only returns bytes.
//!
//! ```text
//! cargo bench -p statesocket-benches --bench loopback [-- OPTIONS]     # --help names them
//! ```
//!
//! It runs itself as each server, in a process and on a CPU of its own, and makes the load on another. Every byte that
//! comes back is compared with what should have, and a wrong one fails the bench. The servers take turns, and begin
//! each round with another one.

mod load;
mod measure;
mod memory;
mod opening;
mod processes;
mod report;
mod servers;
mod traffic;
mod visits;
mod workload;

use clap::Parser;
use measure::measure;
use processes::Cpus;
use report::Samples;
use servers::{FLOOR, Server};
use std::{env, process::ExitCode, time::Duration};
use workload::Workload;

/// Files that a process has open beside its connections.
const OTHER_FILES: u64 = 100;

/// Compares echo servers over the loopback.
#[derive(Debug, Parser)]
struct Args {
    /// How often each server has its turn.
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
    /// How long a turn is; it takes a fifth more to warm up.
    #[arg(long, default_value_t = 0.25)]
    seconds: f64,
    /// Only workloads with this in their names; `memory` is one.
    #[arg(long, value_name = "PART", default_value = "")]
    workload: String,
    /// Only these servers.
    #[arg(long = "server", value_name = "NAME,...", value_delimiter = ',')]
    servers: Vec<String>,
    /// Three servers, one short round: whether every echo is right.
    #[arg(long)]
    quick: bool,
    /// Instead of sizes of messages, numbers of connections.
    #[arg(long)]
    scale: bool,
    /// Connections whose memory is measured.
    #[arg(long, value_name = "N")]
    memory_connections: Option<usize>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, processes::SERVE, name] => processes::serve(name).map_err(|error| format!("server {name}: {error}")),
        _ => compare(Args::parse()),
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn compare(mut args: Args) -> Result<(), String> {
    let files = rlimit::increase_nofile_limit(u64::MAX).map_err(|error| format!("the limit of files: {error}"))?;
    let most = usize::try_from(files - OTHER_FILES).unwrap_or(usize::MAX).min(100_000);
    if args.quick {
        (args.rounds, args.seconds) = (1, 0.05);
        args.memory_connections.get_or_insert(500);
        if args.servers.is_empty() {
            args.servers = ["statesocket", FLOOR, "tungstenite"].map(String::from).into();
        }
    }
    let servers = chosen(&args.servers)?;
    let cpus = Cpus::choose().map_err(|error| format!("the CPU cannot be chosen: {error}"))?;
    let mut workloads = if args.scale { workload::scale(most) } else { workload::sizes() };
    workloads.retain(|workload| workload.to_string().contains(&args.workload));
    let has_memory = "memory".contains(&args.workload);
    if workloads.is_empty() && !has_memory {
        return Err(format!("no workload has {:?} in its name", args.workload));
    }
    report::surroundings(&servers, cpus, args.rounds);
    let mut results = Vec::new();
    for workload in workloads {
        let samples = rounds(&servers, &workload, cpus, &args)?;
        report::details(&workload, &samples);
        results.push((workload, samples));
    }
    if !results.is_empty() {
        report::summary(&results, &servers);
    }
    if has_memory {
        let connections = args.memory_connections.unwrap_or(if args.scale { most } else { 5_000 });
        let measured = servers.iter().map(|server| {
            let memory = memory::measure(server, connections, cpus);
            memory.map_err(|error| format!("{}, memory: {error}", server.name))
        });
        report::memory(connections, &measured.collect::<Result<Vec<_>, _>>()?, &servers);
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Server>, String> {
    if names.is_empty() { Ok(servers::all().collect()) } else { names.iter().map(|name| servers::find(name)).collect() }
}

/// Measures each server once a round, each time with another one first.
fn rounds(servers: &[&'static Server], workload: &Workload, cpus: Cpus, args: &Args) -> Result<Samples, String> {
    let mut samples = Samples::new();
    for round in 0..args.rounds {
        for turn in 0..servers.len() {
            let server = servers[(round + turn) % servers.len()];
            let sample = measure(server, workload, cpus, Duration::from_secs_f64(args.seconds));
            let sample = sample.map_err(|error| format!("{}, {workload}, round {round}: {error}", server.name))?;
            samples.entry(server.name).or_default().push(sample);
        }
    }
    Ok(samples)
}
