//! A server under thousands of clients that connect, talk, meet in rooms, lag, misbehave and leave at random, and under
//! the commands of a thread. Checks that nothing of them
//! remains (no connection, no timer, no byte of memory), and that every echo was right.
//!
//! ```text
//! cargo run --release --example soak -- --seconds 3600
//! ```
//!
//! The seed decides what the clients do, but not when. Another run with the same seed is similar, not equal.

mod client;
mod crowd;
mod member;
mod plan;
mod room;
mod served;
mod talker;

use clap::Parser;
use crowd::Crowd;
use plan::Dice;
use served::Served;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    error::Error,
    hash::{BuildHasher, RandomState},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How long a stopping server waits for its clients, and how long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes that may stay on the heap for other reasons, such as a buffer of the standard library that grows once.
const SLACK: i64 = 512;

/// The bytes that a server without connections may keep, however many it had: the buffers of its loop, and some tables.
const KEPT: i64 = 1 << 20;

/// Runs a server under a crowd of good and bad clients, and checks that nothing of them remains.
#[derive(Debug, Parser)]
struct Args {
    /// How many seconds it runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The number of clients at a time.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// The seed of what the clients do. Random by default.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seed {seed}, {} clients at a time for {} s", args.connections, args.seconds);
    match soak(&args, seed) {
        Ok(faults) if faults.is_empty() => {
            println!("nothing is left, and every echo was right");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("fault: {fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the faults.
fn soak(args: &Args, seed: u64) -> Result<Vec<String>, Box<dyn Error>> {
    // The first run allocates what the process allocates once.
    run(args.connections.min(100), Duration::from_millis(500), Dice::new(!seed), &mut Vec::new())?;
    let mut faults = Vec::with_capacity(100);
    let before = heap();
    run(args.connections, Duration::from_secs(args.seconds), Dice::new(seed), &mut faults)?;
    let left = heap() - before - faults.iter().map(|fault| fault.capacity() as i64).sum::<i64>();
    println!("heap: {left} bytes more than before");
    if left > SLACK {
        faults.push(format!("{left} bytes are left on the heap"));
    }
    Ok(faults)
}

fn run(connections: u32, time: Duration, dice: Dice, faults: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let before = heap();
    let served = Served::start()?;
    let (handle, ids, commands) = (served.handle.clone(), Arc::clone(&served.ids), dice.clone());
    let commander = thread::spawn(move || room::command(&handle, &ids, commands));
    let mut crowd = Crowd::new(served.address, connections as usize, dice)?;
    crowd.run(time)?;
    served.handle.shutdown(1001, PATIENCE)?;
    crowd.leave(PATIENCE)?;
    let report = crowd.into_report();
    let result = served.wait_for_end(PATIENCE * 2, commander, || heap() - before)?;

    println!("clients: {report}");
    println!("server: {}", result.tally);
    println!("an empty server keeps {} bytes", result.heap);
    faults.extend(report.faults.iter().cloned());
    let mut check = |is_right: bool, what: String| {
        if !is_right {
            faults.push(what);
        }
    };
    let tally = &result.tally;
    check(result.connections == 0, format!("{} connections are left", result.connections));
    check(tally.accepted == tally.total_ended(), format!("the tally does not add up: {tally}"));
    // The last clients may have connected after the listener closed.
    check(tally.accepted <= report.begun, format!("{} begun, but {tally}", report.begun));
    check(report.opened <= result.handlers, format!("{} opened, {} handlers", report.opened, result.handlers));
    check(
        result.handlers == result.told,
        format!("{} handlers, {} calls of on_disconnect", result.handlers, result.told),
    );
    check(result.heap <= KEPT, format!("an empty server keeps {} bytes, more than {KEPT}", result.heap));
    Ok(())
}

/// The bytes in use.
fn heap() -> i64 {
    let stats = HEAP.stats();
    stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
}
