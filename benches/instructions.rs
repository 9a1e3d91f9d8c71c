//! Counts the instructions of every workload with callgrind, and compares them with `baseline.txt`:
//!
//! ```text
//! cargo bench -p statesocket-benches --bench instructions [-- [--update] [PART]]
//! ```
//!
//! Every workload is checked first. It fails if a count is 3 % over its baseline, and asks for a new baseline if one is
//! 3 % under it; `--update` writes the baseline. With PART, only workloads with this in their names are counted.

use statesocket::Role::{self, Client, Server};
#[cfg(feature = "deflate")]
use statesocket_benches::compressed::CompressedEcho;
use statesocket_benches::{
    Bench, callgrind,
    codec::{Header, Unmask, Utf8},
    control::{Answer, Ask, Close, Closing, Deadline},
    exchange::{Job, Reads, Receive, Send, SendFragments},
    opening::{ClientOpening, ServerClosing, ServerOpening, Transitions, WholeServer},
    wire::{Kind, size_name},
};
use std::{collections::BTreeMap, env, fs, process::ExitCode};

const TOLERANCE: f64 = 0.03;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");

/// The names of workloads that need the feature `deflate` begin with this.
const COMPRESSED: &str = "compressed echo";

const ROLES: [(&str, Role); 2] = [("server", Server), ("client", Client)];

fn main() -> ExitCode {
    if callgrind::has_run_one(benches) {
        return ExitCode::SUCCESS;
    }
    let mut arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut take = |flag| {
        let before = arguments.len();
        arguments.retain(|argument| argument != flag);
        arguments.len() < before
    };
    let update = take("--update");
    let filter = arguments.first().map_or("", String::as_str);
    let counts = count_all(filter);
    if update {
        write_baseline(&counts, filter);
        return ExitCode::SUCCESS;
    }
    if compare(&counts, filter) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn benches() -> Vec<Bench> {
    let mut all = vec![
        Bench::new("transition", || Transitions),
        Bench::new("opening server", ServerOpening::new),
        Bench::new("opening client", ClientOpening::new),
        Bench::new("closing server", ServerClosing::new),
        Bench::new("whole connection server", WholeServer::new),
    ];
    codec(&mut all);
    control(&mut all);
    sizes(&mut all);
    reads(&mut all);
    #[cfg(feature = "deflate")]
    for (name, has_takeover) in [("takeover", true), ("no takeover", false)] {
        let name = format!("{COMPRESSED} server text 1 KiB, one a read, {name}");
        all.push(Bench::new(name, move || CompressedEcho::new(has_takeover)));
    }
    all
}

fn codec(all: &mut Vec<Bench>) {
    for (role, local) in ROLES {
        for len in [16, 125, 126, 64 << 10] {
            all.push(Bench::new(format!("header {role} {}", size_name(len)), move || Header::new(len, local)));
        }
    }
    for len in [4, 16, 125, 1 << 10, 16 << 10, 64 << 10] {
        all.push(Bench::new(format!("unmask {}", size_name(len)), move || Unmask::new(len)));
    }
    for kind in [Kind::Text, Kind::Mixed] {
        for len in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
            let kind_name = format!("{kind:?}").to_lowercase();
            all.push(Bench::new(format!("utf8 {kind_name} {}", size_name(len)), move || Utf8::new(kind, len)));
        }
    }
}

fn control(all: &mut Vec<Bench>) {
    all.push(Bench::new("deadline", Deadline::new));
    for (role, local) in ROLES {
        for len in [4, 125] {
            all.push(Bench::new(format!("pong {role} {}", size_name(len)), move || Answer::new(local, len)));
        }
        all.push(Bench::new(format!("ping {role} 4 B"), move || Ask::new(local)));
        for (name, closing) in
            [("established", Closing::Not), ("close by us", Closing::Ours), ("close by the peer", Closing::Theirs)]
        {
            all.push(Bench::new(format!("{name}, {role}"), move || Close::new(local, closing)));
        }
    }
}

/// Messages of every size, as many as fit into one read.
fn sizes(all: &mut Vec<Bench>) {
    for role in [Server, Client] {
        for kind in [Kind::Binary, Kind::Text] {
            for len in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
                add(all, Job { role, ..Job::batch(kind, len) });
            }
        }
    }
    for len in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
        add_receive(all, Job::batch(Kind::Mixed, len), "");
    }
    for len in [1 << 10, 64 << 10] {
        add_echo(all, Job::batch(Kind::Mixed, len), "");
    }
}

/// Messages that are read or sent in other ways.
fn reads(all: &mut Vec<Bench>) {
    for kind in [Kind::Binary, Kind::Text] {
        for len in [16, 1 << 10, 16 << 10] {
            let job = Job { reads: Reads::Message, count: 100, ..Job::batch(kind, len) };
            add_echo(all, job, ", one a read");
        }
        for (len, read) in [(16, 1_000), (1 << 10, 1_000), (64 << 10, 16 << 10), (1 << 20, 128 << 10)] {
            let job = Job { reads: Reads::Bytes(read), ..Job::batch(kind, len) };
            add_echo(all, job, &format!(", reads of {read} bytes"));
        }
        for len in [1 << 10, 64 << 10] {
            add_echo(all, Job { fragments: 16, ..Job::batch(kind, len) }, ", 16 fragments");
        }
    }
    for (role, kind) in [(Server, Kind::Binary), (Server, Kind::Mixed), (Client, Kind::Binary)] {
        let straddling = [(16, 1), (16, 7), (125, 1_000), (1 << 10, 100), (16 << 10, 1_000), (16 << 10, 20_000)];
        for (len, read) in straddling.into_iter().chain([(64 << 10, 1_000), (64 << 10, 16 << 10), (1 << 20, 128 << 10)])
        {
            let job = Job { role, reads: Reads::Bytes(read), ..Job::batch(kind, len) };
            // Small reads need few messages.
            let job = Job { count: job.count.min(100), ..job };
            add_receive(all, job, &format!(", reads of {read} bytes"));
        }
        for len in [1 << 10, 64 << 10, 1 << 20] {
            add_receive(all, Job { role, fragments: 16, ..Job::batch(kind, len) }, ", 16 fragments");
        }
    }
    for len in [1 << 10, 64 << 10, 1 << 20] {
        let job = Job { fragments: 16, ..Job::batch(Kind::Binary, len) };
        all.push(Bench::new(name("send", &job, ", 16 fragments"), move || SendFragments::new(job)));
    }
}

fn add(all: &mut Vec<Bench>, job: Job) {
    add_receive(all, job, "");
    all.push(Bench::new(name("send", &job, ""), move || Send::new(job)));
    add_echo(all, job, "");
}

fn add_receive(all: &mut Vec<Bench>, job: Job, how: &str) {
    all.push(Bench::new(name("receive", &job, how), move || Receive::<false>::new(job)));
}

fn add_echo(all: &mut Vec<Bench>, job: Job, how: &str) {
    all.push(Bench::new(name("echo", &job, how), move || Receive::<true>::new(job)));
}

fn name(action: &str, job: &Job, how: &str) -> String {
    let of = format!("{:?} {:?}", job.role, job.kind).to_lowercase();
    format!("{action} {of} {}{how}", size_name(job.len))
}

/// The instructions per unit of each workload with `filter` in its name.
fn count_all(filter: &str) -> Vec<(String, f64)> {
    let folder = callgrind::folder(env!("CARGO_TARGET_TMPDIR"));
    let names = benches().into_iter().map(|bench| bench.name).filter(|name| name.contains(filter));
    names.map(|name| (name.clone(), callgrind::count(&name, &folder, None))).collect()
}

fn write_baseline(counts: &[(String, f64)], filter: &str) {
    let mut baseline = read_baseline();
    baseline.retain(|name, _| !name.contains(filter));
    baseline.extend(counts.iter().cloned());
    let lines: String = baseline.iter().map(|(name, count)| format!("{count:>12.1}  {name}\n")).collect();
    fs::write(BASELINE, format!("# {}\n{lines}", callgrind::tools())).expect("the baseline can be written");
    println!("{BASELINE}: {} written", counts.len());
}

fn read_baseline() -> BTreeMap<String, f64> {
    let text = fs::read_to_string(BASELINE).unwrap_or_default();
    let entry = |line: &str| {
        let (count, name) = line.trim_start().split_once("  ")?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    let counts = text.lines().filter(|line| !line.starts_with('#'));
    counts.map(|line| entry(line).expect("every line of the baseline has a count and a name")).collect()
}

/// Prints the counts beside the baseline. Returns whether none exceeds it.
fn compare(counts: &[(String, f64)], filter: &str) -> bool {
    let mut baseline = read_baseline();
    baseline.retain(|name, _| cfg!(feature = "deflate") || !name.starts_with(COMPRESSED));
    let (mut worse, mut better) = (0, 0);
    let tools = callgrind::tools();
    if !fs::read_to_string(BASELINE).unwrap_or_default().contains(&tools) {
        println!("the baseline was not made with {tools}");
    }
    println!("{:>12}  {:>12}  {:>8}", "instructions", "baseline", "change");
    for (name, count) in counts {
        let Some(base) = baseline.remove(name) else {
            worse += 1;
            println!("{count:>12.1}  {:>12}  {:>8}  {name}  NO BASELINE", "-", "-");
            continue;
        };
        let change = count / base - 1.0;
        let verdict = if change > TOLERANCE {
            worse += 1;
            "  SLOWER"
        } else if change < -TOLERANCE {
            better += 1;
            "  faster"
        } else {
            ""
        };
        println!("{count:>12.1}  {base:>12.1}  {:>+7.1}%  {name}{verdict}", 100.0 * change);
    }
    for name in baseline.keys().filter(|name| name.contains(filter)) {
        worse += 1;
        println!("{:>12}  {:>12}  {:>8}  {name}  GONE", "-", baseline[name], "-");
    }
    println!("\n{} counted, {worse} to explain or fix, {better} faster", counts.len());
    if worse + better > 0 {
        println!("if the changes are intended, run the same command with `--update` to write the new baseline");
    }
    worse == 0
}
