//! Sessions over a byte stream in memory, without a socket and without waiting.
#![expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]

use super::*;
use crate::{
    Config, Disconnect, Message,
    server::{
        handle::{Handle, Wake},
        intake::Intake,
        session::Session,
        shared::Shared,
        stream::ByteStream,
    },
};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    panic::resume_unwind,
    sync::{Arc, Mutex, mpsc},
};
use turn::Turn;

const REQUEST: &[u8] = b"GET /room HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A byte stream in memory: it reads `input` and takes `room` bytes.
struct Memory {
    input: VecDeque<u8>,
    has_ended: bool,
    has_failed: bool,
    output: Vec<u8>,
    room: usize,
    is_shut_down: bool,
    is_closed: bool,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let len = bytes.len().min(self.room);
        self.room -= len;
        self.output.extend(&bytes[..len]);
        if len == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteStream for Memory {
    fn is_readable(&self) -> bool {
        !self.input.is_empty() || self.has_ended
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.is_shut_down = true;
        Ok(())
    }

    fn close(&mut self) {
        self.is_closed = true;
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

struct NoLoop;

impl Wake for NoLoop {
    fn wake(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a handler was told, in order.
type Told = Arc<Mutex<Vec<String>>>;

/// Echoes, and panics on request.
struct Echo(Told);

impl Echo {
    fn tell(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
}

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.tell(format!("message of {} bytes", message.len()));
        if message.as_text() == Some("panic") {
            // Unlike `panic!` this prints nothing.
            resume_unwind(Box::new("on request"));
        }
        session.send(message).expect("the session is open");
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.tell("drain");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        self.tell(disconnect.to_string());
    }
}

/// A session over memory, with the state that it shares in a server.
struct Fixture {
    session: SessionCore,
    stream: Memory,
    shared: Shared,
    told: Told,
    now: Instant,
}

impl Fixture {
    /// After the opening handshake.
    fn open() -> Self {
        let now = Instant::now();
        let (commands, _) = mpsc::channel();
        let mut shared = Shared::new(Handle::new(commands, Arc::new(NoLoop)));
        let told = Told::default();
        let for_handlers = Arc::clone(&told);
        shared.routes.insert("/room", Box::new(move || Box::new(Echo(Arc::clone(&for_handlers))))).expect("a route");
        let connection = Connection::server(Arc::new(Config::default()), now);
        let address = "127.0.0.1:1".parse().expect("an address");
        let stream = Memory {
            input: VecDeque::new(),
            has_ended: false,
            has_failed: false,
            output: Vec::new(),
            room: usize::MAX,
            is_shut_down: false,
            is_closed: false,
        };
        let mut fixture = Self {
            session: SessionCore::new(SessionId::new(0, 1), address, connection, None),
            stream,
            shared,
            told,
            now,
        };
        fixture.receive(REQUEST);
        assert!(fixture.take_output().starts_with(b"HTTP/1.1 101 "));
        fixture
    }

    fn turn(&mut self) {
        Turn::new(&mut self.session, &mut self.stream, &mut self.shared, Intake::Normal, self.now).run(true);
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.stream.input.extend(bytes);
        self.turn();
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stream.output)
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

/// A masked frame, with a key that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = match payload.len() {
        len @ 0..126 => vec![0x80 | len as u8],
        len => [&[0x80 | 126][..], &(len as u16).to_be_bytes()].concat(),
    };
    [&[first][..], &len, &[0; 4], payload].concat()
}

#[test]
fn a_message_is_echoed_over_any_stream() {
    let mut fixture = Fixture::open();
    fixture.receive(&frame(0x81, b"hello"));
    assert_eq!(fixture.take_output(), b"\x81\x05hello");
    assert_eq!(fixture.told(), ["message of 5 bytes"]);
    assert!(!fixture.session.has_work(&fixture.stream));
}

#[test]
fn a_stream_that_takes_nothing_is_not_read_until_it_drains() {
    let mut fixture = Fixture::open();
    fixture.stream.room = 0;
    let large = frame(0x82, &vec![7; 40_000]);
    fixture.receive(&[&large[..], &large].concat());
    assert_eq!(fixture.told(), ["message of 40000 bytes"; 2]);
    fixture.receive(&large);
    assert_eq!(fixture.told(), [""; 0], "80,000 bytes are queued, which is over the high-water mark");
    assert!(!fixture.stream.input.is_empty() && !fixture.session.has_work(&fixture.stream));

    fixture.stream.room = usize::MAX;
    fixture.turn();
    assert_eq!(fixture.told(), ["drain", "message of 40000 bytes"]);
    assert_eq!(fixture.take_output().len(), 3 * 40_004);
}

#[test]
fn a_handler_that_panics_ends_its_session_with_close_1011() {
    let mut fixture = Fixture::open();
    fixture.receive(&frame(0x81, b"panic"));
    assert_eq!(fixture.take_output(), b"\x88\x02\x03\xF3");
    fixture.receive(&frame(0x81, b"more"));
    assert_eq!(fixture.told(), ["message of 5 bytes"], "the handler is gone");
    fixture.receive(&frame(0x88, b"\x03\xF3"));
    assert!(fixture.stream.is_shut_down);
    fixture.stream.has_ended = true;
    fixture.turn();
    assert!(fixture.stream.is_closed);
}

#[test]
fn a_failed_write_still_reports_the_close_that_the_peer_had_sent() {
    let mut fixture = Fixture::open();
    fixture.stream.has_failed = true;
    fixture.stream.input.extend(frame(0x81, b"unanswered"));
    fixture.stream.input.extend(frame(0x88, b"\x0F\xA1bye"));
    fixture.turn();
    assert_eq!(fixture.told(), ["message of 10 bytes", "4001 \"bye\" (closed by the peer)"]);
    assert!(fixture.stream.is_closed);
}

#[test]
fn the_end_of_the_stream_is_a_lost_transport() {
    let mut fixture = Fixture::open();
    fixture.stream.has_ended = true;
    fixture.turn();
    assert_eq!(fixture.told(), ["1006 (transport lost)"]);
    assert!(fixture.stream.is_closed);
}

#[test]
fn a_command_is_lent_the_session_and_its_output_is_written() {
    let mut fixture = Fixture::open();
    let turn = Turn::new(&mut fixture.session, &mut fixture.stream, &mut fixture.shared, Intake::Normal, fixture.now);
    turn.lend(|view, _| view.connection.send_text("news").expect("the session is open"));
    assert_eq!(fixture.take_output(), b"\x81\x04news");
}

#[test]
fn a_stopping_server_refuses_a_request_with_503() {
    let mut fixture = Fixture::open();
    let connection = Connection::server(Arc::new(Config::default()), fixture.now);
    fixture.session = SessionCore::new(SessionId::new(0, 2), fixture.session.address(), connection, None);
    fixture.stream.input.extend(REQUEST);
    Turn::new(&mut fixture.session, &mut fixture.stream, &mut fixture.shared, Intake::RefuseAll, fixture.now)
        .run(false);
    assert!(fixture.take_output().starts_with(b"HTTP/1.1 503 "));
}
