//! `send_through`: a large message is written at once, as far as the writer takes it. The wire is the same as with
//! `send`.

use crate::support::{Fragments, ROLES, Raw, config, established, waiting};
use proptest::prelude::*;
use statesocket::{Agreed, CloseReply, Config, Connection, Event, Message, Role, SendError, SharedMessage, Timer};
use std::{
    io::{self, ErrorKind, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

const LARGE: usize = 20_000;

/// Takes this many bytes in one write, then blocks.
struct Takes {
    left: usize,
    taken: Vec<u8>,
    writes: usize,
}

impl Takes {
    const fn up_to(left: usize) -> Self {
        Self { left, taken: Vec::new(), writes: 0 }
    }
}

impl Write for Takes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        let n = bytes.len().min(std::mem::take(&mut self.left));
        self.taken.extend(&bytes[..n]);
        if n == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(n) }
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.write(&slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The queued bytes, after they are written.
fn left(connection: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    connection.write_to(&mut wire).expect("a vector takes everything");
    wire
}

fn frames(connection: &mut Connection) -> Vec<Raw> {
    let wire = left(connection);
    let (mut rest, mut frames) = (wire.as_slice(), Vec::new());
    while !rest.is_empty() {
        frames.push(Raw { key: None, ..Raw::parse(&mut rest) });
    }
    frames
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|n| b'a' + (n % 23) as u8).collect()
}

fn server() -> Connection {
    established(Role::Server, Config::default())
}

#[test]
fn the_writer_takes_what_it_can_and_the_rest_is_queued() {
    let expected = [Raw::new(Raw::TEXT, "before").bytes(), Raw::new(Raw::BINARY, payload(LARGE)).bytes()].concat();
    let after = Raw::new(Raw::TEXT, "after").bytes();
    for takes in (0..40).chain(LARGE - 20..=expected.len()) {
        for owned in [false, true] {
            let (mut connection, mut writer, bytes) = (server(), Takes::up_to(takes), payload(LARGE));
            connection.send_text("before").unwrap();
            let lent = Message::from(bytes.as_slice());
            let message = if owned { lent.clone().into_owned() } else { lent };
            connection.send_through(message, &mut writer).unwrap();
            assert_eq!((writer.taken.len(), connection.output_len()), (takes, expected.len() - takes));
            connection.send_text("after").unwrap();
            let wire = [writer.taken, left(&mut connection)].concat();
            assert!(wire == [&expected[..], &after].concat(), "{takes} bytes were taken");
        }
    }
}

#[test]
fn short_messages_and_those_of_clients_are_queued() {
    for (role, len) in [(Role::Server, 100), (Role::Client, 100), (Role::Client, LARGE)] {
        let (mut connection, mut writer) = (established(role, Config::default()), Takes::up_to(usize::MAX));
        connection.send_through(payload(len), &mut writer).unwrap();
        assert_eq!(writer.writes, 0, "{len} bytes of a {role:?}");
        assert!(frames(&mut connection) == [Raw::new(Raw::BINARY, payload(len))], "{len} bytes of a {role:?}");
    }
}

#[test]
fn nothing_overtakes_output_in_more_slices_than_one_write_has() {
    let (mut connection, mut writer) = (server(), Takes::up_to(usize::MAX));
    let shared = SharedMessage::binary(&payload(2_000));
    for _ in 0..20 {
        connection.send_shared(&shared).unwrap();
        connection.send_text("between").unwrap();
    }
    connection.send_through(payload(LARGE), &mut writer).unwrap();
    assert_eq!(writer.writes, 0);
    let frames = frames(&mut connection);
    assert_eq!(frames.len(), 41);
    assert!(frames[40] == Raw::new(Raw::BINARY, payload(LARGE)));
}

#[test]
fn an_error_of_the_writer_is_left_to_the_next_write() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut connection = server();
    connection.send_through(payload(LARGE), Broken).unwrap();
    assert!(waiting(&connection) == Raw::new(Raw::BINARY, payload(LARGE)).bytes());
    assert_eq!(connection.write_to(Broken).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_writer_that_panics_leaves_no_partial_frame() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("as this test wants it")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut connection = server();
    connection.send_text("before").unwrap();
    let sent = catch_unwind(AssertUnwindSafe(|| connection.send_through(payload(LARGE), Panics)));
    assert!(sent.is_err());
    connection.send_text("after").unwrap();
    assert!(frames(&mut connection) == [Raw::new(Raw::TEXT, "before"), Raw::new(Raw::TEXT, "after")]);
}

#[test]
fn a_refused_message_is_not_written() {
    for role in ROLES {
        let mut writer = Takes::up_to(usize::MAX);
        let mut full = established(role, config(|config| config.max_output_bytes = LARGE));
        full.send_text("").unwrap();
        let queued = full.output_len();
        let refused = full.send_through(payload(LARGE), &mut writer);
        assert_eq!(refused, Err(SendError::OutputFull { queued, limit: LARGE }));

        let mut busy = established(role, Config::default());
        busy.send_text_fragment("one, ", false).unwrap();
        let waits = waiting(&busy);
        assert_eq!(busy.send_through(payload(LARGE), &mut writer), Err(SendError::MessageInProgress));
        assert_eq!(waiting(&busy), waits);

        let mut closed = established(role, Config::default());
        closed.close(1000, "").unwrap();
        let waits = waiting(&closed);
        assert!(matches!(closed.send_through(payload(LARGE), &mut writer), Err(SendError::Transition(_))));
        assert_eq!(waiting(&closed), waits);
        assert_eq!(writer.writes, 0);
    }
}

#[test]
fn a_write_restarts_the_write_timeout() {
    let began = Instant::now();
    let limit = Config::default().write_timeout.expect("the default has one");
    let mut connection = Connection::established(
        Role::Server,
        Agreed::new(),
        config(|config| config.ping_interval = None).into(),
        began,
    );
    connection.send_text("waits").unwrap();
    assert_eq!(connection.poll_timeout(began).map(|(at, _)| at), Some(began + limit));
    let later = began + limit / 2;
    connection.send_through(payload(LARGE), Takes::up_to(10)).unwrap();
    assert_eq!(connection.poll_timeout(later).map(|(at, _)| at), Some(later + limit));
}

/// After the peer's Close, which the application answers, a message may come before that answer. While it is being
/// written, the answer is not late.
#[test]
fn the_closing_timeout_starts_with_the_last_byte_written() {
    let began = Instant::now();
    let config = config(|config| config.close_reply = CloseReply::Manual);
    let limit = config.closing_timeout.expect("the default has one");
    let mut connection = Connection::established(Role::Server, Agreed::new(), config.into(), began);
    let mut close = Raw::close(1000, "").masked().bytes();
    assert!(matches!(connection.receive(&mut close.as_mut_slice(), began), Some(Event::Disconnect(_))));
    connection.send_through(payload(LARGE), &mut Takes::up_to(LARGE / 2)).unwrap();
    assert_eq!(connection.poll_timeout(began).map(|(_, timer)| timer), Some(Timer::Write));
    let later = began + limit / 2;
    left(&mut connection);
    assert_eq!(connection.poll_timeout(later), Some((later + limit, Timer::Closing)));
}

proptest! {
    /// Whatever is sent before and after, and whatever the writer takes.
    #[test]
    fn send_through_puts_the_same_bytes_on_the_wire_as_send(
        steps in proptest::collection::vec(
            (prop_oneof![0..300usize, 8_000..9_000usize], any::<bool>(), 0..12_000usize, 0..12_000usize), 1..12,
        ),
    ) {
        let (mut through, mut queued) = (server(), server());
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (len, owned, takes, leaves) in steps {
            let (mut writer, bytes) = (Takes::up_to(takes), payload(len));
            let message = Message::from(std::str::from_utf8(&bytes).expect("letters"));
            queued.send(&message).unwrap();
            let message = if owned { message.into_owned() } else { message };
            through.send_through(message, &mut writer).unwrap();
            wire.extend(writer.taken);
            let mut writer = Takes::up_to(leaves);
            through.write_to(&mut writer).unwrap();
            wire.extend(writer.taken);
            expected.extend(left(&mut queued));
            prop_assert_eq!(wire.len() + through.output_len(), expected.len());
        }
        wire.extend(left(&mut through));
        prop_assert!(wire == expected);
    }
}

#[test]
fn a_borrowed_message_is_echoed_while_it_is_borrowed() {
    let (mut connection, mut writer) = (server(), Takes::up_to(usize::MAX));
    let mut bytes = Raw::new(Raw::BINARY, payload(LARGE)).masked().bytes();
    let Some(Event::Message(message)) = connection.receive(&mut bytes.as_mut_slice(), Instant::now()) else { panic!() };
    connection.send_through(message, &mut writer).unwrap();
    assert!(writer.taken == Raw::new(Raw::BINARY, payload(LARGE)).bytes());
    assert_eq!(connection.output_len(), 0);
}
