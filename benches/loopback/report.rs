//! What was found, as tables in markdown.

use crate::{
    measure::Sample,
    memory::{MESSAGE, Memory},
    servers::{FLOOR, Server},
    workload::{Workload, size_name},
};
use std::{collections::BTreeMap, fs, process::Command};

/// Written when this program is built.
const LOCK: &str = include_str!("../../Cargo.lock");

/// What was found of each server, one sample a round.
pub type Samples = BTreeMap<&'static str, Vec<Sample>>;

/// Where and with what this was measured.
pub fn surroundings(servers: &[&Server], rounds: usize) {
    println!("{}, {}; medians of {rounds} rounds\n", command("date", &["-u", "+%Y-%m-%d"]), machine());
    println!("| server | made with |\n|---|---|");
    for server in servers {
        println!("| {} | {} {} |", server.name, server.package(), version(server.package()).unwrap_or_default());
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

/// The version of a package: the newest, if several were built.
fn version(package: &str) -> Option<&'static str> {
    let entry = format!("name = \"{package}\"\nversion = \"");
    LOCK.split(&entry).skip(1).filter_map(|rest| rest.split('"').next()).last()
}

/// All about one workload, the least CPU time first.
pub fn details(workload: &Workload, samples: &Samples) {
    println!("\n### {workload}\n");
    println!("| server | CPU µs | × {FLOOR} | in kernel | messages/s | p50 µs | p99 µs | p99.9 µs | RSS MiB |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let cpu = |samples: &[Sample]| median(samples.iter().map(|it| it.cpu));
    let mut servers: Vec<_> = samples.iter().collect();
    servers.sort_by(|(_, a), (_, b)| cpu(a).total_cmp(&cpu(b)));
    for (name, samples_of) in servers {
        let of = |field: fn(&Sample) -> f64| median(samples_of.iter().map(field));
        println!(
            "| {name} | {} | {} | {:.0} % | {:.0} | {} | {} | {} | {:.1} |",
            short(of(|it| it.cpu)),
            ratio(name, samples),
            100.0 * of(|it| it.system_part),
            of(|it| it.messages_per_second),
            short(of(|it| it.latency[0])),
            short(of(|it| it.latency[1])),
            short(of(|it| it.latency[2])),
            of(|it| it.resident) / f64::from(1 << 20),
        );
    }
}

/// The median of the ratios in each round: the machine is not as fast in every round.
fn ratio(name: &str, samples: &Samples) -> String {
    let Some(floor) = samples.get(FLOOR) else { return "-".into() };
    let ratios = samples[name].iter().zip(floor).map(|(it, floor)| it.cpu / floor.cpu);
    format!("{:.2}", median(ratios))
}

/// CPU time a message: one row a workload, one column a server.
pub fn summary(results: &[(Workload, Samples)], servers: &[&Server]) {
    println!("\n### CPU µs a message (× {FLOOR})\n");
    heading("workload", servers);
    for (workload, samples) in results {
        let cells = servers.iter().map(|server| {
            let cpu = short(median(samples[server.name].iter().map(|it| it.cpu)));
            format!("{cpu} ({})", ratio(server.name, samples))
        });
        println!("| {workload} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

pub fn memory(connections: usize, results: &BTreeMap<&str, Vec<Memory>>, servers: &[&Server]) {
    println!("\n### Bytes of memory a connection, of {connections}\n");
    heading("", servers);
    let row = |name: &str, field: fn(&Memory) -> f64| {
        let cells = servers.iter().map(|server| median(results[server.name].iter().map(field)));
        println!("| {name} | {} |", cells.map(|bytes| format!("{bytes:.0}")).collect::<Vec<_>>().join(" | "));
    };
    row("idle", |it| it.idle);
    row(&format!("after one echo of {}", size_name(MESSAGE)), |it| it.after_echo);
}

fn heading(first: &str, servers: &[&Server]) {
    let names: Vec<_> = servers.iter().map(|server| server.name).collect();
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
