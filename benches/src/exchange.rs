//! Messages on an open connection.

use crate::{
    Seen, Sink, Workload,
    output::write_all,
    wire::{self, Kind},
};
use statesocket::{Agreed, Config, Connection, Event, Message, OutputBuffer, Role};
use std::{sync::Arc, time::Instant};

/// The message that is exchanged repeatedly.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub role: Role,
    pub kind: Kind,
    pub len: usize,
    pub fragments: usize,
    /// Messages per run.
    pub count: usize,
    pub reads: Reads,
}

/// How the peer's bytes arrive.
#[derive(Clone, Copy, Debug)]
pub enum Reads {
    /// All in one buffer.
    Whole,
    /// Each message in a buffer of its own.
    Message,
    /// This many bytes at a time, wherever that splits messages.
    Bytes(usize),
}

impl Job {
    /// As many unfragmented messages as fit into one read of 128 KiB, on a server.
    pub fn batch(kind: Kind, len: usize) -> Self {
        let count = ((128 << 10) / (len + 14)).clamp(1, 1_000);
        Self { role: Role::Server, kind, len, fragments: 1, count, reads: Reads::Whole }
    }

    fn connection(&self) -> Connection {
        Connection::established(self.role, Agreed::new().seed([7; 32]), Arc::new(Config::default()), Instant::now())
    }

    fn message(&self) -> Message<'static> {
        wire::message(self.kind, wire::payload(self.kind, self.len))
    }

    fn check_output(&self, mut output: &[u8]) {
        let expected = wire::payload(self.kind, self.len);
        for n in 0..self.count {
            let (payload, rest) = wire::read_frame(self.kind, output, self.role.peer());
            assert!(payload == expected, "message {n} is sent changed");
            output = rest;
        }
        assert!(output.is_empty(), "only the messages are sent");
    }
}

/// Receives messages, and with `ECHO` sends each back; writes once per read.
pub struct Receive<const ECHO: bool> {
    job: Job,
    connection: Connection,
    now: Instant,
    wire: Vec<u8>,
    buffer: Vec<u8>,
    read_len: usize,
    /// Lent while a read is handled, as in an event loop.
    spare: OutputBuffer,
}

impl<const ECHO: bool> Receive<ECHO> {
    pub fn new(job: Job) -> Self {
        let one = wire::frames(job.kind, &wire::payload(job.kind, job.len), job.fragments, job.role);
        let wire = one.repeat(job.count);
        let read_len = match job.reads {
            Reads::Whole => wire.len(),
            Reads::Message => one.len(),
            Reads::Bytes(len) => len,
        };
        Self {
            job,
            connection: job.connection(),
            now: Instant::now(),
            buffer: wire.clone(),
            wire,
            read_len,
            spare: OutputBuffer::default(),
        }
    }
}

impl<const ECHO: bool> Workload for Receive<ECHO> {
    fn units(&self) -> usize {
        self.job.count
    }

    /// Payloads are unmasked in place.
    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.wire);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        for piece in self.buffer.chunks_mut(self.read_len) {
            if ECHO {
                self.connection.lend_buffer(&mut self.spare);
            }
            let mut input = piece;
            // A full output holds the rest of a read back until it is written.
            loop {
                while let Some(event) = self.connection.receive(&mut input, self.now) {
                    let Event::Message(message) = event else { panic!("only messages are sent: {event:?}") };
                    if ECHO {
                        self.connection.send(message).expect("there is room for an echo");
                    } else {
                        sink.message(&message);
                    }
                }
                if ECHO {
                    write_all(&mut self.connection, sink);
                }
                if input.is_empty() {
                    break;
                }
            }
            if ECHO {
                self.connection.reclaim_buffer(&mut self.spare);
            }
        }
    }

    fn check(&self, seen: &Seen) {
        if ECHO {
            self.job.check_output(&seen.output);
        } else {
            assert_eq!(seen.messages.len(), self.job.count);
            assert!(
                seen.messages.iter().all(|message| *message == self.job.message()),
                "a message is received changed"
            );
        }
    }
}

/// Sends messages, and writes once.
pub struct Send {
    job: Job,
    connection: Connection,
    message: Message<'static>,
    spare: OutputBuffer,
}

impl Send {
    pub fn new(job: Job) -> Self {
        Self { job, connection: job.connection(), message: job.message(), spare: OutputBuffer::default() }
    }
}

impl Workload for Send {
    fn units(&self) -> usize {
        self.job.count
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        self.connection.lend_buffer(&mut self.spare);
        for _ in 0..self.job.count {
            self.connection.send(std::hint::black_box(&self.message)).expect("there is room");
        }
        write_all(&mut self.connection, sink);
        self.connection.reclaim_buffer(&mut self.spare);
    }

    fn check(&self, seen: &Seen) {
        self.job.check_output(&seen.output);
    }
}

/// Sends messages in fragments as a server, and writes once.
pub struct SendFragments {
    job: Job,
    connection: Connection,
    payload: Vec<u8>,
    spare: OutputBuffer,
}

impl SendFragments {
    pub fn new(job: Job) -> Self {
        let payload = wire::payload(job.kind, job.len);
        Self { job, connection: job.connection(), payload, spare: OutputBuffer::default() }
    }
}

impl Workload for SendFragments {
    fn units(&self) -> usize {
        self.job.count
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        self.connection.lend_buffer(&mut self.spare);
        for _ in 0..self.job.count {
            let mut rest = std::hint::black_box(self.payload.as_slice());
            let len = rest.len().div_ceil(self.job.fragments);
            while !rest.is_empty() {
                let (fragment, after) = rest.split_at(len.min(rest.len()));
                if self.connection.is_mid_message() {
                    self.connection.continue_binary(fragment, after.is_empty()).expect("there is room");
                } else {
                    self.connection.begin_binary(fragment).expect("there is room");
                }
                rest = after;
            }
        }
        write_all(&mut self.connection, sink);
        self.connection.reclaim_buffer(&mut self.spare);
    }

    fn check(&self, seen: &Seen) {
        let one = wire::frames(self.job.kind, &self.payload, self.job.fragments, Role::Client);
        assert!(seen.output == one.repeat(self.job.count), "the fragments are sent changed");
    }
}
