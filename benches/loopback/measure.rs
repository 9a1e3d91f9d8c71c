//! One server, one workload, one turn.

use crate::{
    load::{Load, Run},
    processes::{Cpus, Process},
    room::Room,
    servers::Server,
    traffic::Traffic,
    visits::Visits,
    workload::{Task, Workload},
};
use std::{io, time::Duration};

/// The results of one turn.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Microseconds of CPU time per message; in a room, per member that gets one.
    pub cpu: f64,
    /// The part of it that was spent in the kernel.
    pub system_part: f64,
    pub messages_per_second: f64,
    /// Microseconds between a message and its last echo: median, 99 % and 99.9 %.
    pub latency: [f64; 3],
    /// Bytes of the server's memory at the end.
    pub resident: f64,
}

/// # Errors
/// A wrong echo, or another failure.
pub fn measure(server: &Server, workload: &Workload, cpus: Cpus, time: Duration) -> Result<Sample, String> {
    let traffic = Traffic::new(workload, server.dialect);
    Process::with(server, workload.task, cpus, |process| match workload.task {
        Task::Echo => {
            let mut load = Load::open(process.address, workload, &traffic)?;
            sample(process, time, |time| load.run(time))
        }
        Task::Visit => {
            let mut visits = Visits::new(process.address, workload, &traffic)?;
            sample(process, time, |time| visits.run(time))
        }
        Task::Room => {
            let mut room = Room::open(process.address, workload, &traffic)?;
            sample(process, time, |time| room.run(time))
        }
    })
}

/// Runs for a fifth of `time` to warm up, and for `time`.
///
/// # Errors
/// A wrong echo, or another failure.
pub fn sample(
    process: &Process,
    time: Duration,
    mut run: impl FnMut(Duration) -> Result<Run, String>,
) -> Result<Sample, String> {
    run(time / 5)?;
    let text = |error: io::Error| error.to_string();
    let before = process.cpu().map_err(text)?;
    let Run { messages, time, latency } = run(time)?;
    let cpu = process.cpu().map_err(text)? - before;
    if cpu.total.is_zero() {
        return Err("it has used no CPU time: the process that is started must be the server itself".to_owned());
    }
    let microseconds = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Sample {
        cpu: cpu.total.as_secs_f64() * 1e6 / messages as f64,
        system_part: cpu.system_part(),
        messages_per_second: messages as f64 / time.as_secs_f64(),
        latency: [0.5, 0.99, 0.999].map(microseconds),
        resident: process.resident().map_err(text)? as f64,
    })
}
