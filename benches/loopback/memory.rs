//! How much memory connections take.

use crate::{
    opening::open,
    processes::{Cpus, Process},
    servers::Server,
    stream::Stream,
    traffic::{READ, Received, Traffic},
    workload::{Task, Workload},
};
use statesocket_benches::wire::Kind;
use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

pub const MESSAGE: usize = 64 << 10;

/// Bytes of the server's memory per connection.
pub struct Memory {
    pub idle: f64,
    /// After one echo of [`MESSAGE`] bytes to each.
    pub after_echo: f64,
}

/// # Errors
/// A wrong echo, or another failure.
pub fn measure(server: &Server, connections: usize, cpus: Cpus) -> Result<Memory, String> {
    let traffic = Traffic::new(&Workload { connections, ..Workload::one(Kind::Binary, MESSAGE) }, server.dialect);
    Process::with(server, Task::Echo, cpus, |process| {
        // The memory that the first connection makes the server allocate is not counted.
        echo(&mut open(process.address, 0..1, Task::Echo, server.dialect)?[0], &traffic)?;
        let before = resident(process)?;
        let mut streams = open(process.address, 0..connections, Task::Echo, server.dialect)?;
        let idle = resident(process)?;
        for (n, stream) in streams.iter_mut().enumerate() {
            echo(stream, &traffic).map_err(|error| format!("connection {n}: {error}"))?;
        }
        let after_echo = resident(process)?;
        let per_connection = |bytes| (bytes - before) / connections as f64;
        Ok(Memory { idle: per_connection(idle), after_echo: per_connection(after_echo) })
    })
}

fn resident(process: &Process) -> Result<f64, String> {
    // The server may still be releasing memory.
    thread::sleep(Duration::from_millis(50));
    process.resident().map(|bytes| bytes as f64).map_err(|error| error.to_string())
}

/// A message fits into the buffers of the sockets, so that it can be written whole before the echo is read.
fn echo(stream: &mut Stream, traffic: &Traffic) -> Result<(), String> {
    stream.write_all(traffic.requests(0..traffic.request_len)).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; READ];
    let mut received = Received::default();
    while received.len < traffic.reply_len {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Err("the server has closed the connection".into()),
            n => n.map_err(|error| error.to_string())?,
        };
        received.take(&buffer[..n], traffic)?;
    }
    Ok(())
}
