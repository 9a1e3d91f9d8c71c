//! The results, as tables in Markdown.

use crate::{
    measure::Sample,
    memory::{MESSAGE, Memory},
    processes::Cpus,
    servers::{Server, is_peer},
    workload::Workload,
};
use statesocket_benches::{
    table::{self, median},
    wire::size_name,
};
use std::{collections::BTreeMap, fs, process::Command};

/// The samples of each server, one per round.
pub type Samples = BTreeMap<String, Vec<Sample>>;

/// Prints the date, the machine, and the versions.
pub fn surroundings(servers: &[Server], cpus: Cpus, rounds: usize) {
    let Cpus { server, load } = cpus;
    println!("{}, {}", command("date", &["-u", "+%Y-%m-%d"]), machine());
    println!("medians of {rounds} rounds, server on CPU {server}, load on CPU {load}");
    if server == load {
        println!("There is only one CPU: the times say little.");
    }
    let rows: Vec<_> = servers.iter().map(|server| vec![server.name.clone(), server.made_with.clone()]).collect();
    table::print("server", &["made with"], &rows);
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

/// Prints everything about one workload, the least CPU time first. `floor` is the server that the others are compared
/// with.
pub fn details(workload: &Workload, samples: &Samples, floor: &str) {
    println!("\n### {workload}");
    let times_floor = format!("× {floor}");
    let columns = ["CPU µs", "least", &times_floor, "least", "in kernel", "messages/s"];
    let columns: Vec<_> = columns.into_iter().chain(["p50 µs", "p99 µs", "p99.9 µs", "RSS MiB"]).collect();
    let mut servers: Vec<_> = samples.iter().collect();
    servers.sort_by(|(_, a), (_, b)| cpu(a).total_cmp(&cpu(b)));
    let row = |(name, samples_of): (&String, &Vec<Sample>)| {
        let of = |field: fn(&Sample) -> f64| median(samples_of.iter().map(field));
        let (ratio, least_ratio) = ratios(name, samples, floor).unwrap_or(("-".into(), "-".into()));
        vec![
            name.clone(),
            short(cpu(samples_of)),
            short(least_cpu(samples_of)),
            ratio,
            least_ratio,
            format!("{:.0} %", 100.0 * of(|it| it.system_part)),
            format!("{:.0}", of(|it| it.messages_per_second)),
            short(of(|it| it.latency[0])),
            short(of(|it| it.latency[1])),
            short(of(|it| it.latency[2])),
            format!("{:.1}", of(|it| it.resident) / f64::from(1 << 20)),
        ]
    };
    table::print("server", &columns, &servers.into_iter().map(row).collect::<Vec<_>>());
}

fn cpu(samples: &[Sample]) -> f64 {
    median(samples.iter().map(|it| it.cpu))
}

/// The CPU time when nothing else on the machine interferes.
fn least_cpu(samples: &[Sample]) -> f64 {
    samples.iter().map(|it| it.cpu).fold(f64::INFINITY, f64::min)
}

/// The name of the floor that is the best peer of each round.
pub const BEST_PEER: &str = "best peer";

/// The CPU times of the floor, one per round.
fn floor_times(samples: &Samples, floor: &str) -> Option<Vec<f64>> {
    if floor != BEST_PEER {
        return Some(samples.get(floor)?.iter().map(|it| it.cpu).collect());
    }
    let peers: Vec<_> = samples.iter().filter(|(name, _)| is_peer(name)).map(|(_, samples)| samples).collect();
    let rounds = peers.iter().map(|samples| samples.len()).min()?;
    let best = |round: usize| peers.iter().map(|samples| samples[round].cpu).fold(f64::INFINITY, f64::min);
    Some((0..rounds).map(best).collect())
}

/// CPU time as a multiple of the floor's. The first is the median of the ratios in each round, since the speed of the
/// machine varies between rounds; the second is the least of all rounds over the floor's least.
fn ratios(name: &str, samples: &Samples, floor: &str) -> Option<(String, String)> {
    let floor = floor_times(samples, floor)?;
    let least = least_cpu(&samples[name]) / floor.iter().copied().reduce(f64::min)?;
    let in_each_round = samples[name].iter().zip(floor).map(|(it, floor)| it.cpu / floor);
    Some((format!("{:.2}", median(in_each_round)), format!("{least:.2}")))
}

/// Prints CPU time per message: a row per workload, a column per server.
pub fn summary(results: &[(Workload, Samples)], servers: &[Server], floor: &str) {
    println!("\n### CPU µs per message (× {floor}, × {floor} of the least)");
    let row = |(workload, samples): &(Workload, Samples)| {
        let cells = servers.iter().map(|server| {
            let Some(samples_of) = samples.get(&server.name) else { return "-".to_owned() };
            let ratios = ratios(&server.name, samples, floor).map(|(ratio, least)| format!(" ({ratio}, {least})"));
            short(cpu(samples_of)) + &ratios.unwrap_or_default()
        });
        [workload.to_string()].into_iter().chain(cells).collect()
    };
    table::print("workload", &names(servers), &results.iter().map(row).collect::<Vec<_>>());
}

/// Prints the memory per connection, one result per server.
pub fn memory(connections: usize, results: &[Memory], servers: &[Server]) {
    println!("\n### Bytes of memory per connection, of {connections}");
    let row = |name: &str, field: fn(&Memory) -> f64| {
        let cells = results.iter().map(|result| format!("{:.0}", field(result)));
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let after_echo = format!("after one echo of {}", size_name(MESSAGE));
    table::print("", &names(servers), &[row("idle", |it| it.idle), row(&after_echo, |it| it.after_echo)]);
}

fn names(servers: &[Server]) -> Vec<&str> {
    servers.iter().map(|server| server.name.as_str()).collect()
}

/// Three digits.
pub fn short(value: f64) -> String {
    match value {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
