//! Ping and Pong, the closing handshake, and the clock.

use crate::{
    Seen, Sink, Workload,
    output::write,
    wire::{self},
};
use statesocket::{Agreed, CloseCode, Config, Connection, Event, OutputBuffer, Phase, Role, SocketAction};
use std::{hint::black_box, sync::Arc, time::Instant};

/// Pings per read: as many as the output may hold Pongs.
const PINGS: usize = 16;

fn connection(role: Role, config: &Arc<Config>, now: Instant) -> Connection {
    Connection::established(role, Agreed::new().seed([7; 32]), Arc::clone(config), now)
}

/// Answers Pings that arrive in one buffer with one write.
pub struct Answer {
    role: Role,
    payload: Vec<u8>,
    connection: Connection,
    now: Instant,
    wire: Vec<u8>,
    buffer: Vec<u8>,
    spare: OutputBuffer,
}

impl Answer {
    pub fn new(role: Role, len: usize) -> Self {
        let payload = wire::payload(wire::Kind::Binary, len);
        let wire = wire::frame(0x89, &payload, role).repeat(PINGS);
        let now = Instant::now();
        let connection = connection(role, &Arc::default(), now);
        Self { role, payload, connection, now, buffer: wire.clone(), wire, spare: OutputBuffer::default() }
    }
}

impl Workload for Answer {
    fn units(&self) -> usize {
        PINGS
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.wire);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        self.connection.lend_buffer(&mut self.spare);
        let mut input = self.buffer.as_mut_slice();
        while let Some(event) = self.connection.receive(&mut input, self.now) {
            assert!(matches!(event, Event::Ping(_)), "{event:?}");
            black_box(&event);
        }
        write(&mut self.connection, sink);
        self.connection.reclaim_buffer(&mut self.spare);
    }

    fn check(&self, seen: &Seen) {
        let mut output = seen.output.as_slice();
        for _ in 0..PINGS {
            let (payload, rest) = wire::read_any_frame(0x8A, output, self.role.peer());
            assert_eq!(payload, self.payload);
            output = rest;
        }
        assert!(output.is_empty());
    }
}

/// Sends a Ping, and receives its Pong.
pub struct Ask {
    role: Role,
    connection: Connection,
    now: Instant,
    wire: Vec<u8>,
    buffer: Vec<u8>,
    spare: OutputBuffer,
}

impl Ask {
    pub fn new(role: Role) -> Self {
        let (wire, now) = (wire::frame(0x8A, b"ping", role), Instant::now());
        Self {
            role,
            connection: connection(role, &Arc::default(), now),
            now,
            buffer: wire.clone(),
            wire,
            spare: OutputBuffer::default(),
        }
    }
}

impl Workload for Ask {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.wire);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        self.connection.lend_buffer(&mut self.spare);
        self.connection.ping(b"ping").expect("a Ping may be sent");
        write(&mut self.connection, sink);
        self.connection.reclaim_buffer(&mut self.spare);
        let event = self.connection.receive(&mut self.buffer.as_mut_slice(), self.now);
        assert!(matches!(&event, Some(Event::Pong(payload)) if **payload == *b"ping"), "{event:?}");
    }

    fn check(&self, seen: &Seen) {
        let (payload, rest) = wire::read_any_frame(0x89, &seen.output, self.role.peer());
        assert_eq!((payload.as_slice(), rest), (&b"ping"[..], &[][..]));
    }
}

/// The end that closes a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// None: the connection is created and dropped.
    Not,
    /// Our end.
    Ours,
    /// The peer.
    Theirs,
}

/// Creates a connection, closes it with code 1000, and drops it.
pub struct Close {
    role: Role,
    closing: Closing,
    config: Arc<Config>,
    now: Instant,
    wire: Vec<u8>,
    buffer: Vec<u8>,
}

impl Close {
    pub fn new(role: Role, closing: Closing) -> Self {
        let wire = wire::frame(0x88, &1000_u16.to_be_bytes(), role);
        Self { role, closing, config: Arc::default(), now: Instant::now(), buffer: wire.clone(), wire }
    }
}

impl Workload for Close {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.wire);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = connection(self.role, &self.config, self.now);
        if self.closing == Closing::Not {
            black_box(&connection);
            return;
        }
        if self.closing == Closing::Ours {
            connection.close(CloseCode::NORMAL_CLOSURE, "").expect("the connection is open");
            write(&mut connection, sink);
        }
        let event = connection.receive(&mut self.buffer.as_mut_slice(), self.now);
        assert!(matches!(&event, Some(Event::Disconnect(end)) if end.is_clean), "{event:?}");
        if self.closing == Closing::Theirs {
            write(&mut connection, sink);
        }
        assert_eq!(connection.phase(), Phase::Closed);
        // A client waits for the server to close first.
        let action = (self.role == Role::Server).then_some(SocketAction::ShutdownWrite);
        assert_eq!(connection.poll_socket(), action);
    }

    fn check(&self, seen: &Seen) {
        if self.closing == Closing::Not {
            return;
        }
        let (payload, rest) = wire::read_any_frame(0x88, &seen.output, self.role.peer());
        assert_eq!((payload, rest), (1000_u16.to_be_bytes().to_vec(), &[][..]));
    }
}

/// Asks an open connection for its deadline.
pub struct Deadline {
    connection: Connection,
    now: Instant,
}

impl Deadline {
    #[expect(clippy::new_without_default, reason = "the other workloads have arguments")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self { connection: connection(Role::Server, &Arc::default(), now), now }
    }
}

impl Workload for Deadline {
    fn units(&self) -> usize {
        1
    }

    fn run<S: Sink>(&mut self, _: &mut S) {
        black_box(self.connection.poll_timeout(black_box(self.now)));
    }

    fn check(&self, _: &Seen) {
        let mut connection = connection(Role::Server, &Arc::default(), self.now);
        let (deadline, _) = connection.poll_timeout(self.now).expect("a Ping has a deadline");
        assert_eq!(Some(deadline - self.now), Config::default().ping_interval);
    }
}
