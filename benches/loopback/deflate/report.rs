//! The results, as tables in Markdown.

use super::{MEMORY_SIZES, MESSAGES, Memory, Turn, Turns, workload::Offer};
use crate::{
    report::short,
    servers::{Server, is_peer},
};
use statesocket_benches::{
    table::{self, median},
    wire::size_name,
};

/// Prints everything about one workload, the least CPU time first.
pub fn details(name: &str, turns: &Turns) {
    println!("\n### {name}");
    let columns = ["agreed", "CPU µs", "× best peer", "wire", "in kernel", "messages/s", "p50 µs", "p99 µs"];
    let mut servers: Vec<_> = turns.iter().collect();
    servers.sort_by(|(_, a), (_, b)| cpu(a).total_cmp(&cpu(b)));
    let row = |(name, of_server): (&String, &Vec<Turn>)| {
        let of = |field: fn(&Turn) -> f64| median(of_server.iter().map(field));
        vec![
            name.clone(),
            of_server[0].agreed.to_string(),
            short(cpu(of_server)),
            times_best_peer(of_server, turns).map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            format!("{:.3}", wire(of_server)),
            format!("{:.0} %", 100.0 * of(|it| it.sample.system_part)),
            format!("{:.0}", of(|it| it.sample.messages_per_second)),
            short(of(|it| it.sample.latency[0])),
            short(of(|it| it.sample.latency[1])),
        ]
    };
    table::print("server", &columns, &servers.into_iter().map(row).collect::<Vec<_>>());
}

/// Prints CPU time per message and bytes on the wire: a row per workload, a column per server.
pub fn summary(results: &[(String, Turns)], servers: &[Server]) {
    println!("\n### CPU µs per message (× best peer in the same round), bytes on the wire");
    let row = |(name, turns): &(String, Turns)| {
        let cells = servers.iter().map(|server| {
            let Some(of_server) = turns.get(&server.name) else { return "-".to_owned() };
            let ratio = times_best_peer(of_server, turns).map_or(String::new(), |ratio| format!(" ({ratio:.2})"));
            format!("{}{ratio}, {:.3}", short(cpu(of_server)), wire(of_server))
        });
        [name.clone()].into_iter().chain(cells).collect()
    };
    let names: Vec<_> = servers.iter().map(|server| server.name.as_str()).collect();
    table::print("workload", &names, &results.iter().map(row).collect::<Vec<_>>());
}

/// Prints the memory per connection.
pub fn memory(offer: Offer, connections: usize, results: &[(String, Memory)]) {
    println!("\n### Bytes of memory per connection, of {connections}, {offer}");
    let after = MEMORY_SIZES.map(|len| format!("after {MESSAGES} of {}", size_name(len)));
    let row = |(name, memory): &(String, Memory)| {
        let [first, second] = memory.after.map(|bytes| format!("{bytes:.0}"));
        vec![name.clone(), memory.agreed.to_string(), format!("{:.0}", memory.idle), first, second]
    };
    let columns = ["agreed", "idle", &after[0], &after[1]];
    table::print("server", &columns, &results.iter().map(row).collect::<Vec<_>>());
}

fn cpu(turns: &[Turn]) -> f64 {
    median(turns.iter().map(|it| it.sample.cpu))
}

fn wire(turns: &[Turn]) -> f64 {
    median(turns.iter().map(|it| it.wire))
}

/// CPU time as a multiple of the least of all peers that have agreed on takeover, or on none, as wanted: the median of
/// the ratios in each round, since the speed of the machine varies between rounds.
fn times_best_peer(of_server: &[Turn], turns: &Turns) -> Option<f64> {
    let peers = turns.iter().filter(|(name, of_peer)| is_peer(name) && of_peer[0].is_as_wanted);
    let peers: Vec<_> = peers.map(|(_, of_peer)| of_peer).collect();
    let best = |round: usize| peers.iter().map(|of_peer| of_peer[round].sample.cpu).reduce(f64::min);
    let ratios: Option<Vec<_>> = (0..of_server.len()).map(|n| Some(of_server[n].sample.cpu / best(n)?)).collect();
    ratios.filter(|_| of_server[0].is_as_wanted).map(median)
}
