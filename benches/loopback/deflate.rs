//! The comparison of servers that compress.

mod agreed;
mod load;
mod report;
mod traffic;
mod workload;

use crate::{
    measure::{self, Sample},
    processes::{Cpus, Process},
    report::surroundings,
    servers::{self, Server},
    workload::Task,
};
use agreed::Agreed;
use load::{Load, Until};
use std::{collections::BTreeMap, thread, time::Duration};
use workload::{Offer, Workload};

/// What is chosen on the command line.
pub struct Choice<'a> {
    pub servers: Vec<Server>,
    pub rounds: usize,
    pub time: Duration,
    /// Only workloads with this in their names; `memory` is one.
    pub part: &'a str,
    /// The most connections of a workload, and those whose memory is measured.
    pub most: usize,
    pub memory_connections: usize,
}

/// The results of one turn.
struct Turn {
    sample: Sample,
    agreed: Agreed,
    /// Whether that is what the clients want: a server may do without takeover, or with it all the same.
    is_as_wanted: bool,
    /// The bytes of the replies in parts of their text.
    wire: f64,
}

/// The turns of each server, one per round.
type Turns = BTreeMap<String, Vec<Turn>>;

/// Bytes of a server's memory per connection.
struct Memory {
    agreed: Agreed,
    idle: f64,
    /// After [`MESSAGES`] of each of [`MEMORY_SIZES`].
    after: [f64; 2],
}

const MESSAGES: usize = 50;

const MEMORY_SIZES: [usize; 2] = [1 << 10, 16 << 10];

/// # Errors
/// A wrong message, or another failure.
pub fn compare(choice: &Choice<'_>) -> Result<(), String> {
    let cpus = Cpus::choose().map_err(|error| format!("no CPU can be chosen: {error}"))?;
    let mut workloads = workload::all();
    workloads.retain(|workload| workload.connections <= choice.most && workload.to_string().contains(choice.part));
    let has_memory = "memory".contains(choice.part);
    if workloads.is_empty() && !has_memory {
        return Err(format!("no workload has {:?} in its name", choice.part));
    }
    surroundings(&choice.servers, cpus, choice.rounds);
    let mut results = Vec::new();
    for workload in workloads {
        let turns = rounds(choice, workload, cpus)?;
        report::details(&workload.to_string(), &turns);
        results.push((workload.to_string(), turns));
    }
    if !results.is_empty() {
        report::summary(&results, &choice.servers);
    }
    for offer in [Offer::Takeover, Offer::Alone].into_iter().filter(|_| has_memory) {
        let echo = choice.servers.iter().filter(|server| server.name != servers::FLOOR);
        let measured = echo.map(|server| {
            let memory = memory(server, offer, choice.memory_connections, cpus);
            Ok((server.name.clone(), memory.map_err(|error| format!("{}, memory: {error}", server.name))?))
        });
        report::memory(offer, choice.memory_connections, &measured.collect::<Result<Vec<_>, String>>()?);
    }
    Ok(())
}

/// Measures each server once per round, each time with another one first.
fn rounds(choice: &Choice<'_>, workload: Workload, cpus: Cpus) -> Result<Turns, String> {
    let mut turns = Turns::new();
    let servers: Vec<_> = choice.servers.iter().filter(|server| has_task(server, workload)).collect();
    for round in 0..choice.rounds {
        for turn in 0..servers.len() {
            let server = servers[(round + turn) % servers.len()];
            let turn = measure(server, workload, cpus, choice.time);
            let turn = turn.map_err(|error| format!("{}, {workload}, round {round}: {error}", server.name))?;
            turns.entry(server.name.clone()).or_default().push(turn);
        }
    }
    Ok(turns)
}

/// The floor of rooms returns bytes, which is no echo of a server that compresses.
fn has_task(server: &Server, workload: Workload) -> bool {
    if workload.is_room { server.command(Task::Room).is_some() } else { server.name != servers::FLOOR }
}

fn measure(server: &Server, workload: Workload, cpus: Cpus, time: Duration) -> Result<Turn, String> {
    let task = if workload.is_room { Task::Room } else { Task::Echo };
    Process::with(server, task, cpus, |process| {
        let mut load = Load::open(process.address, server, workload)?;
        // The first messages of a connection are compressed behind less text than the later ones.
        load.run(Until::Time(time / 5))?;
        let sample = measure::sample(process, time, |time| load.run(Until::Time(time)))?;
        let agreed = load.traffic.agreed();
        let is_as_wanted = agreed.server.has_takeover == (workload.offer != Offer::Alone);
        Ok(Turn { sample, agreed, is_as_wanted, wire: load.wire() })
    })
}

fn memory(server: &Server, offer: Offer, connections: usize, cpus: Cpus) -> Result<Memory, String> {
    let mut memory = Memory { agreed: Agreed::ALONE, idle: 0.0, after: [0.0; 2] };
    for (len, after) in MEMORY_SIZES.into_iter().zip(&mut memory.after) {
        let workload = Workload { offer, is_room: false, len, connections, in_flight: 1 };
        Process::with(server, Task::Echo, cpus, |process| {
            // The memory that the first connection makes the server allocate is not counted. It stays, since a server
            // may free its engines with the last connection.
            let mut first = Load::open(process.address, server, Workload { connections: 1, ..workload })?;
            first.run(Until::Messages(2))?;
            let before = resident(process)?;
            let mut load = Load::open(process.address, server, workload)?;
            let per_connection = |bytes| (bytes - before) / connections as f64;
            memory.idle = per_connection(resident(process)?);
            load.run(Until::Messages(MESSAGES))?;
            *after = per_connection(resident(process)?);
            memory.agreed = load.traffic.agreed();
            Ok(())
        })?;
    }
    Ok(memory)
}

fn resident(process: &Process) -> Result<f64, String> {
    // The server may still be releasing memory.
    thread::sleep(Duration::from_millis(50));
    process.resident().map(|bytes| bytes as f64).map_err(|error| error.to_string())
}
