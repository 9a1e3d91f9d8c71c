//! The same bytes through ours and through the peers that can be called without a socket, side by side:
//!
//! ```text
//! cargo bench -p statesocket-benches --bench peers [-- [--check | --count | --time] [PART OF A NAME]]
//! ```
//!
//! Every byte of everybody is checked before anything is measured; `--check` does no more. `--count` counts instructions,
//! `--time` takes times; without either, both. It writes tables in Markdown.

mod exchange;
mod faults;
mod frames;
mod messages;
mod ours;
mod peer;
mod polled;
mod socket;
mod table;
mod time;

use exchange::{Action, Arrival, Exchange, Job};
use statesocket_benches::{Bench, Work, callgrind, wire::Kind};
use std::env;

fn main() {
    if callgrind::has_run_one(benches) {
        return;
    }
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let has = |flag| arguments.iter().any(|argument| argument == flag);
    let filter = arguments.iter().find(|argument| !argument.starts_with("--")).map_or("", String::as_str);
    let jobs: Vec<Job> = Job::all().into_iter().filter(|job| job.to_string().contains(filter)).collect();

    let checked = check(&jobs);
    println!("{checked} exchanges are right, to the byte");
    if has("--check") {
        faults::rows();
        return;
    }
    table::print("who", &["version", "what is called"], who());
    table::print_for_all("what is done about", faults::rows());
    table::print_for_all("writes", vec![writes()]);
    if !has("--time") {
        table::print_for_all("instructions a message", counts(&jobs));
    }
    if !has("--count") {
        table::print_for_all("nanoseconds a message (as a multiple of ours)", time::rows(&jobs));
    }
}

fn benches() -> Vec<Bench> {
    let of_job = |job: Job| peer::ALL.iter().map(move |peer| job.bench(peer));
    Job::all().into_iter().flat_map(of_job).collect()
}

/// Has everybody do every job twice. Returns how many exchanges that were.
fn check(jobs: &[Job]) -> usize {
    for job in jobs {
        for peer in &peer::ALL {
            let mut exchange = Exchange::new(*job, peer);
            exchange.check();
            exchange.check();
        }
    }
    2 * jobs.len() * peer::ALL.len()
}

fn who() -> Vec<Vec<String>> {
    let row = |peer: &peer::Kind| vec![peer.name.to_owned(), table::version(peer.name), peer.what.to_owned()];
    peer::ALL.iter().map(row).collect()
}

/// How often everybody writes for a hundred messages that came together: here it costs nothing, in a server a lot.
fn writes() -> Vec<String> {
    let job = Job { action: Action::Echo, kind: Kind::Binary, len: 1 << 10, arrival: Arrival::Batch };
    let writes = peer::ALL.iter().map(|peer| Exchange::new(job, peer).watch().writes.to_string());
    [format!("writes for {} echoes of 1 KiB", Exchange::new(job, &peer::ALL[0]).units())]
        .into_iter()
        .chain(writes)
        .collect()
}

fn counts(jobs: &[Job]) -> Vec<Vec<String>> {
    let folder = callgrind::folder(env!("CARGO_TARGET_TMPDIR"));
    let count = |job: &Job, peer: &'static peer::Kind| {
        let count = callgrind::count(&job.bench(peer).name, &folder, Some(socket::KERNEL));
        table::number(count)
    };
    let row = |job: &Job| [job.to_string()].into_iter().chain(peer::ALL.iter().map(|peer| count(job, peer))).collect();
    jobs.iter().map(row).collect()
}
