//! How much memory connections take.

use crate::{
    opening::open,
    processes::{Cpus, Process},
    servers::Server,
    traffic::{READ, Received, Traffic},
    workload::Workload,
};
use statesocket_benches::wire::Kind;
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

pub const MESSAGE: usize = 64 << 10;

/// Bytes of the server's memory a connection.
pub struct Memory {
    pub idle: f64,
    /// After each has had one message of [`MESSAGE`] bytes returned.
    pub after_echo: f64,
}

/// # Errors
/// A wrong echo, or what hinders.
pub fn measure(server: &Server, connections: usize, cpus: Cpus) -> Result<Memory, String> {
    let traffic = Traffic::new(&Workload { connections, ..Workload::one(Kind::Binary, MESSAGE) }, server.dialect());
    let process = Process::start(server, cpus).map_err(|error| error.to_string())?;
    // What the first ever connection takes is the server's.
    echo(&mut open(process.address, 0..1, server.dialect())?[0], &traffic)?;
    let before = resident(&process)?;
    let mut streams = open(process.address, 0..connections, server.dialect())?;
    let idle = resident(&process)?;
    for (n, stream) in streams.iter_mut().enumerate() {
        echo(stream, &traffic).map_err(|error| format!("connection {n}: {error}"))?;
    }
    let after_echo = resident(&process)?;
    let each = |bytes| (bytes - before) / connections as f64;
    Ok(Memory { idle: each(idle), after_echo: each(after_echo) })
}

fn resident(process: &Process) -> Result<f64, String> {
    // It may still be about to give back what it does not need any more.
    thread::sleep(Duration::from_millis(50));
    process.resident().map(|bytes| bytes as f64).map_err(|error| error.to_string())
}

/// What is on its way fits into the sockets, so that writing it whole before reading never waits for ever.
fn echo(stream: &mut TcpStream, traffic: &Traffic) -> Result<(), String> {
    stream.write_all(traffic.requests(0..traffic.request_len)).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; READ];
    let mut received = Received::default();
    while received.len < traffic.reply_len {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Err("the server has closed it".into()),
            n => n.map_err(|error| error.to_string())?,
        };
        received.take(&buffer[..n], traffic)?;
    }
    Ok(())
}
