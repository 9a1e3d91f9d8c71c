//! A stream that the test controls is below.

use super::{SHORT, assert_took};
use crate::support::{Raw, config};
use statesocket::{
    Agreed, Cause, CloseCode, Config, Event, Message, Role, Timer,
    blocking::{Stream, WebSocket},
};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

/// A stream whose reads the test lists. It counts them.
#[derive(Debug, Default)]
struct Listed {
    reads: VecDeque<&'static [u8]>,
    count: usize,
    /// Behind those of the list there is always one more byte.
    drips: bool,
    fails_to_write: bool,
    /// The name of another call that fails.
    fails_to: &'static str,
    /// It takes nothing.
    is_full: bool,
    /// What was written and not flushed.
    held: Vec<u8>,
    written: Vec<u8>,
    shut: Vec<Shutdown>,
    timeout: Option<Duration>,
}

impl Listed {
    fn check(&self, call: &str) -> io::Result<()> {
        if self.fails_to == call { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Read for Listed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.count += 1;
        assert!(self.count < 100_000, "it reads for ever");
        self.check("read")?;
        if self.reads.is_empty() && self.drips {
            thread::sleep(Duration::from_micros(50));
            self.reads.push_back(b"x");
        }
        let Some(bytes) = self.reads.pop_front() else {
            thread::sleep(self.timeout.expect("a read without a bound would never end"));
            return Err(ErrorKind::TimedOut.into());
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Listed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fails_to_write {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.is_full {
            thread::sleep(Duration::from_millis(1));
            return Err(ErrorKind::WouldBlock.into());
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.written.append(&mut self.held);
        Ok(())
    }
}

impl Stream for Listed {
    fn prepare(&mut self, _: Duration) -> io::Result<()> {
        self.check("prepare")
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeout = timeout;
        self.check("set_read_timeout")
    }

    fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        self.shut.push(how);
        Ok(())
    }
}

fn over(stream: Listed, config: Config) -> WebSocket<Listed> {
    WebSocket::established(stream, Role::Client, Agreed::new(), config)
}

#[test]
fn a_wait_of_no_time_takes_what_has_come() {
    let reads = [&b"\x89\x01!"[..], b"\x81\x05Hello"].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, Config::default());
    assert_eq!(ws.recv_timeout(Duration::ZERO), Ok(None), "one read has a Ping");
    assert_eq!(ws.recv_timeout(Duration::ZERO), Ok(Some(Message::from("Hello"))));
    assert_eq!(ws.stream().written[0], 0x8A, "and the Ping is answered");
}

#[test]
fn a_message_that_drips_is_not_waited_for() {
    let reads = [&b"\x82\x7F\0\0\0\0\0\x0F\0\0"[..]].into();
    let mut ws = over(Listed { reads, drips: true, ..Listed::default() }, Config::default());
    let began = Instant::now();
    assert_eq!(ws.recv_timeout(SHORT), Ok(None));
    assert_took(began, SHORT);
}

#[test]
fn an_error_of_the_stream_is_the_cause_of_the_end() {
    for fails_to in ["prepare", "set_read_timeout", "read"] {
        let mut ws = over(Listed { fails_to, ..Listed::default() }, Config::default());
        let end = ws.recv().expect_err("the stream is lost");
        assert_eq!(end.cause, Cause::TransportLost(Some(ErrorKind::ConnectionReset)), "{fails_to}");
    }
    let mut ws = over(Listed { fails_to_write: true, ..Listed::default() }, Config::default());
    ws.send("lost").expect("the connection is open");
    let end = ws.recv().expect_err("the stream is lost");
    assert_eq!(end.cause, Cause::TransportLost(Some(ErrorKind::BrokenPipe)));
}

#[test]
fn every_event_up_to_the_end_is_handed_out() {
    let reads = [&b"\x81\x05Hello"[..], b"\x8A\x00", b"\x88\x02\x03\xE8", b""].into();
    let (mut ws, mut events) = (over(Listed { reads, ..Listed::default() }, Config::default()), Vec::new());
    let end = ws.drive(|_, event| events.push(event.into_owned()));
    assert!(matches!(&events[..], [Event::Message(_), Event::Pong(_), Event::Disconnect(last)] if **last == end));
}

#[test]
fn a_failed_write_loses_nothing_that_the_peer_sent_before() {
    let reads = [&b"\x81\x05Hello"[..], b"\x88\x02\x03\xF0"].into();
    let mut ws = over(Listed { reads, fails_to_write: true, ..Listed::default() }, Config::default());
    ws.send("lost").expect("the connection is open");
    assert_eq!(ws.recv().expect("it came before").as_text(), Some("Hello"));
    let end = ws.recv().expect_err("the peer has left");
    assert_eq!((end.code, end.cause, end.is_clean), (CloseCode::from(1008), Cause::PeerClosed, false));
    assert_eq!(ws.stream().shut, [Shutdown::Both]);
}

#[test]
fn k9_a_close_that_lies_unread_when_the_output_times_out_has_the_code() {
    for wait in ["flush", "recv"] {
        for role in [Role::Client, Role::Server] {
            let frames = [Raw::new(Raw::TEXT, "last words"), Raw::close(4001, "bye")];
            let reads = frames.map(|frame| &*frame.for_endpoint(role).leak()).into();
            let stream = Listed { reads, is_full: true, ..Listed::default() };
            let short = config(|config| {
                config.client_high_water = Some(64 << 10);
                (config.write_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT));
            });
            let mut ws = WebSocket::established(stream, role, Agreed::new(), short);
            ws.connection_mut().send(vec![7; 100_000]).expect("the connection is open");
            if wait == "flush" {
                ws.flush();
                assert_eq!(ws.output_len(), 0, "it is given up");
            }
            assert_eq!(ws.recv().expect("it came before").as_text(), Some("last words"), "{wait}, {role:?}");
            let end = ws.recv().expect_err("the peer has closed");
            assert_eq!((end.code, end.cause, end.is_clean), (CloseCode::from(4001), Cause::PeerClosed, false));
        }
    }
}

/// The bytes of two messages come with one read, and the second one is held back.
#[test]
fn a_held_message_does_not_wait_for_a_deadline_once_the_hold_ends() {
    for is_paused in [false, true] {
        let reads = [&b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b"[..]].into();
        let stream = Listed { reads, ..Listed::default() };
        let mut ws = WebSocket::established(stream, Role::Server, Agreed::new(), Config::default());
        assert_eq!(ws.recv().expect("it has come").as_text(), Some("a"));
        if is_paused {
            ws.connection_mut().pause_reading();
        } else {
            ws.connection_mut().send(vec![0; 100_000]).expect("the connection is open");
        }
        assert!(ws.held_by().is_some());
        let began = Instant::now();
        assert_eq!(ws.recv().expect("it has come").as_text(), Some("b"));
        assert_took(began, Duration::ZERO);
    }
}

#[test]
fn what_a_stream_holds_back_is_flushed_before_a_wait() {
    let reads = [&b"\x89\x01!"[..], b"\x81\x05Hello", b"\x88\x02\x03\xE8", b""].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, Config::default());
    ws.feed("queued").expect("the connection is open");
    assert_eq!(ws.stream().written, b"", "a message that is fed waits");
    assert_eq!(ws.recv().expect("it has come").as_text(), Some("Hello"));
    assert_eq!(ws.stream().written.len(), 6 + 6 + 7, "the message and the Pong");
    assert_eq!(ws.stream().written[12], 0x8A);
    assert!(ws.recv().expect_err("the peer has closed").is_clean);
    assert_eq!((ws.stream().written.len(), &ws.stream().held), (19 + 8, &vec![]), "and the Close");
    assert_eq!(ws.stream().shut, [Shutdown::Both], "a client waits for the end of the server");
}

#[test]
fn a_message_that_drips_for_ever_is_too_slow_all_the_same() {
    let timeouts = config(|config| (config.message_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT)));
    let mut ws =
        over(Listed { reads: [&b"\x82\x7F\0\0\0\0\0\x0F\0\0"[..]].into(), drips: true, ..Listed::default() }, timeouts);
    let began = Instant::now();
    assert_eq!(ws.recv().expect_err("no message is complete").cause, Cause::TimedOut(Timer::Message));
    assert_took(began, 2 * SHORT);
}

#[test]
fn a_wait_does_not_spin() {
    let idle = config(|config| (config.idle_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT)));
    let mut ws = over(Listed::default(), idle);
    ws.connection_mut().pause_reading();
    assert_eq!(ws.recv().expect_err("nothing comes").cause, Cause::TimedOut(Timer::Idle), "a pause is over");
    let count = ws.stream().count;
    assert!(count < 30, "{count} reads");
}

#[test]
fn a_deadline_counts_what_has_come_before_it() {
    let idle = config(|config| config.idle_timeout = Some(SHORT));
    let reads = [&b"\x81\x04late"[..]].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, idle);
    thread::sleep(2 * SHORT);
    assert_eq!(ws.recv().expect("it lay in the socket").as_text(), Some("late"));
}
