//! What was found, as tables in markdown.

use crate::{
    measure::Sample,
    memory::{MESSAGE, Memory},
    processes::Cpus,
    servers::{FLOOR, Server},
    workload::Workload,
};
use statesocket_benches::wire::size_name;
use std::{collections::BTreeMap, fs, process::Command};

/// Written when this program is built.
const LOCK: &str = include_str!("../../Cargo.lock");

/// What was found of each server, one sample a round.
pub type Samples = BTreeMap<String, Vec<Sample>>;

/// Where and with what this was measured.
pub fn surroundings(servers: &[Server], cpus: Cpus, rounds: usize) {
    let Cpus { server, load } = cpus;
    println!("{}, {}", command("date", &["-u", "+%Y-%m-%d"]), machine());
    println!("medians of {rounds} rounds, server on CPU {server}, load on CPU {load}\n");
    if server == load {
        println!("There is only one CPU: the times say little.\n");
    }
    println!("| server | made with |\n|---|---|");
    for server in servers {
        println!("| {} | {} |", server.name, server.made_with(LOCK));
    }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let model = model.unwrap_or("a processor without a name");
    format!("{model}, {}, {}", command("uname", &["-sr"]), command("rustc", &["--version"]))
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|error| error.to_string(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// All about one workload, the least CPU time first.
pub fn details(workload: &Workload, samples: &Samples) {
    println!("\n### {workload}\n");
    print!("| server | CPU µs | least | × {FLOOR} | least | in kernel ");
    println!("| messages/s | p50 µs | p99 µs | p99.9 µs | RSS MiB |\n{}|", "|---".repeat(11));
    let mut servers: Vec<_> = samples.iter().collect();
    servers.sort_by(|(_, a), (_, b)| cpu(a).total_cmp(&cpu(b)));
    for (name, samples_of) in servers {
        let of = |field: fn(&Sample) -> f64| median(samples_of.iter().map(field));
        let (ratio, least_ratio) = ratios(name, samples).unwrap_or(("-".into(), "-".into()));
        println!(
            "| {name} | {} | {} | {ratio} | {least_ratio} | {:.0} % | {:.0} | {} | {} | {} | {:.1} |",
            short(cpu(samples_of)),
            short(least_cpu(samples_of)),
            100.0 * of(|it| it.system_part),
            of(|it| it.messages_per_second),
            short(of(|it| it.latency[0])),
            short(of(|it| it.latency[1])),
            short(of(|it| it.latency[2])),
            of(|it| it.resident) / f64::from(1 << 20),
        );
    }
}

fn cpu(samples: &[Sample]) -> f64 {
    median(samples.iter().map(|it| it.cpu))
}

/// What it takes when nothing else on the machine is in the way.
fn least_cpu(samples: &[Sample]) -> f64 {
    samples.iter().map(|it| it.cpu).fold(f64::INFINITY, f64::min)
}

/// CPU time as a multiple of the floor's: the median over the rounds, since the machine is not as fast in every round,
/// and the least of all rounds over the floor's least.
fn ratios(name: &str, samples: &Samples) -> Option<(String, String)> {
    let floor = samples.get(FLOOR)?;
    let each_round = samples[name].iter().zip(floor).map(|(it, floor)| it.cpu / floor.cpu);
    let least = least_cpu(&samples[name]) / least_cpu(floor);
    Some((format!("{:.2}", median(each_round)), format!("{least:.2}")))
}

/// CPU time a message: one row a workload, one column a server.
pub fn summary(results: &[(Workload, Samples)], servers: &[Server]) {
    println!("\n### CPU µs a message (× {FLOOR}, × {FLOOR} of the least)\n");
    heading("workload", servers);
    for (workload, samples) in results {
        let cells = servers.iter().map(|server| {
            let ratios = ratios(&server.name, samples).map(|(ratio, least)| format!(" ({ratio}, {least})"));
            short(cpu(&samples[&server.name])) + &ratios.unwrap_or_default()
        });
        println!("| {workload} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// Of so many connections; one result a server.
pub fn memory(connections: usize, results: &[Memory], servers: &[Server]) {
    println!("\n### Bytes of memory a connection, of {connections}\n");
    heading("", servers);
    let row = |name: &str, field: fn(&Memory) -> f64| {
        let cells: Vec<_> = results.iter().map(|result| format!("{:.0}", field(result))).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    row("idle", |it| it.idle);
    row(&format!("after one echo of {}", size_name(MESSAGE)), |it| it.after_echo);
}

fn heading(first: &str, servers: &[Server]) {
    let names: Vec<_> = servers.iter().map(|server| server.name.as_str()).collect();
    println!("| {first} | {} |\n|{}", names.join(" | "), "---|".repeat(names.len() + 1));
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1].midpoint(values[middle]) }
}

/// With three digits.
fn short(value: f64) -> String {
    match value {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
