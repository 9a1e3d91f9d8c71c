//! Back-pressure: a peer that does not read is not read, and its handler learns when there is room again.

mod fairness;
mod marks;
mod rooms;
mod unread;

use crate::support::loopback::{
    PATIENCE,
    turns::{ask as ask_for, turn_until, turn_until_answered},
};
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handler, Server, Session, SessionId},
};
use std::{
    cell::{Cell, RefCell},
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
    sync::mpsc,
    time::{Duration, Instant},
};

const HIGH: usize = 100_000;
const LOW: usize = 30_000;

/// More than the buffers of the system between two sockets hold.
const FLOOD: usize = 32 << 20;

/// What the handlers of a server have seen.
#[derive(Debug, Default)]
struct Seen {
    id: Cell<Option<SessionId>>,
    drains: RefCell<Vec<usize>>,
    messages: Cell<usize>,
    /// What a handler that sends on its own has still to send.
    left: Cell<u32>,
}

type Behaviour = fn(&Seen, &mut Session<'_>);

/// Echoes, counts, and calls its behaviours at the request and at `on_drain`.
struct Observer {
    seen: Rc<Seen>,
    at_start: Behaviour,
    at_drain: Behaviour,
}

impl Handler for Observer {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        self.seen.id.set(Some(session.id()));
        session.accept(Accept::new()).expect("a request is pending");
        (self.at_start)(&self.seen, session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.seen.messages.set(self.seen.messages.get() + 1);
        session.send(message).expect("reading stops before the output is full");
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.seen.drains.borrow_mut().push(session.output_len());
        (self.at_drain)(&self.seen, session);
    }
}

fn idle(_: &Seen, _: &mut Session<'_>) {}

/// Sends messages up to the high-water mark.
fn send_some(seen: &Seen, session: &mut Session<'_>) {
    while session.has_room() && seen.left.get() > 0 {
        session.send_binary(&numbered(seen.left.get())).expect("the output has room");
        seen.left.set(seen.left.get() - 1);
    }
}

fn numbered(n: u32) -> Vec<u8> {
    n.to_be_bytes().repeat(1_000)
}

fn server(at_start: Behaviour, at_drain: Behaviour) -> (Server, Rc<Seen>) {
    let config = Config::default().with(|config| {
        (config.high_water, config.low_water, config.max_output_bytes) = (Some(HIGH), LOW, 64 << 20);
    });
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    let seen = Rc::new(Seen::default());
    let handlers = Rc::clone(&seen);
    let factory = move || Observer { seen: Rc::clone(&handlers), at_start, at_drain };
    server.route("/ws", factory).expect("the route is new");
    (server, seen)
}

/// A client that is open on `server`, which this thread turns.
fn open(server: &mut Server) -> TcpStream {
    let mut stream = ask_for(server, &[]);
    assert_eq!(turn_until_answered(server, &mut stream), 101);
    stream
}

/// Turns until the connection has executed `ask`, and returns its result.
fn ask<T: Send + 'static>(
    server: &mut Server,
    id: SessionId,
    ask: impl FnOnce(&mut Session<'_>) -> T + Send + 'static,
) -> T {
    let (answer, answers) = mpsc::channel();
    server
        .handle()
        .with_session(id, move |session| answer.send(ask(session)).expect("the test is waiting"))
        .expect("the server is running");
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    answers.try_recv().expect("the connection exists")
}

/// Writes `bytes` over and over while turning, until nothing is taken for a while. Returns the number of bytes written.
fn write_until_blocked(server: &mut Server, stream: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) {
        match stream.write(&bytes[written % bytes.len()..]) {
            Ok(count) => {
                written += count;
                last = Instant::now();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(written < 4 * FLOOD, "the server reads without limit");
        server.turn(Some(Duration::from_millis(5))).expect("the loop does not fail");
    }
    written
}

/// Reads and turns until `len` bytes have arrived.
fn read_all(server: &mut Server, stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut received = vec![0; len];
    let mut at = 0;
    turn_until(server, |_| {
        while at < len {
            match stream.read(&mut received[at..]) {
                Ok(0) => panic!("the server is gone after {at} bytes of {len}"),
                Ok(count) => at += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        at == len
    });
    received
}
