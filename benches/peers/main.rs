//! The same bytes through this crate and through other implementations that can be called without a socket:
//!
//! ```text
//! cargo bench -p statesocket-benches --bench peers [-- [--check | --count | --time] [PART]]
//! ```
//!
//! Every byte is checked before anything is measured; `--check` does no more. `--count` counts instructions, `--time`
//! measures times; without either, both are done, for the jobs with PART in their names. The tables are in Markdown.

mod driver;
mod exchange;
mod faults;
mod frames;
mod implementations;
mod messages;
mod ours;
mod polled;
mod socket;
mod time;

use exchange::{Action, Arrival, Exchange, Job};
use implementations::{ALL, Implementation};
use statesocket_benches::{Bench, Work, callgrind, table, wire::Kind};
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
    println!("{checked} exchanges are right, byte for byte");
    if has("--check") {
        faults::rows();
        return;
    }
    table::print("implementation", &["version", "what is called"], &versions());
    print_for_all("answer to", &faults::rows());
    print_for_all("writes", &[writes()]);
    if !has("--time") {
        print_for_all("instructions per message", &counts(&jobs));
    }
    if !has("--count") {
        print_for_all("nanoseconds per message (as a multiple of statesocket)", &time::rows(&jobs));
    }
}

/// A table with a column per implementation.
fn print_for_all(first: &str, rows: &[Vec<String>]) {
    table::print(first, &ALL.each_ref().map(|implementation| implementation.name), rows);
}

fn benches() -> Vec<Bench> {
    let of_job = |job: Job| ALL.iter().map(move |implementation| job.bench(implementation));
    Job::all().into_iter().flat_map(of_job).collect()
}

/// Has every implementation do every job twice. Returns the number of exchanges.
fn check(jobs: &[Job]) -> usize {
    for job in jobs {
        for implementation in &ALL {
            let mut exchange = Exchange::new(*job, implementation);
            exchange.check();
            exchange.check();
        }
    }
    2 * jobs.len() * ALL.len()
}

fn versions() -> Vec<Vec<String>> {
    let row = |Implementation { name, what, .. }: &Implementation| {
        vec![(*name).to_owned(), table::version(name).to_owned(), (*what).to_owned()]
    };
    ALL.iter().map(row).collect()
}

/// The number of writes for messages that arrive in one batch. They cost nothing here, and much in a server.
fn writes() -> Vec<String> {
    let job = Job { action: Action::Echo, kind: Kind::Binary, len: 1 << 10, arrival: Arrival::Batch };
    let writes = ALL.iter().map(|implementation| Exchange::new(job, implementation).watch().writes.to_string());
    [format!("writes for {} echoes of 1 KiB", Exchange::new(job, &ALL[0]).units())].into_iter().chain(writes).collect()
}

fn counts(jobs: &[Job]) -> Vec<Vec<String>> {
    let folder = callgrind::folder(env!("CARGO_TARGET_TMPDIR"));
    let count = |job: &Job, implementation: &'static Implementation| {
        let count = callgrind::count(&job.bench(implementation).name, &folder, Some(socket::KERNEL));
        table::number(count)
    };
    let row = |job: &Job| {
        [job.to_string()].into_iter().chain(ALL.iter().map(|implementation| count(job, implementation))).collect()
    };
    jobs.iter().map(row).collect()
}
