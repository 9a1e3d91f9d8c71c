//! A loop of one's own: the five steps over a stream that a script describes, on a clock that the test sets.

use super::{marked, numbered};
use crate::support::{
    ROLES, Raw, config, disconnect_in,
    timers::{SECOND, client},
};
use statesocket::{Agreed, Cause, Connection, Event, Hold, Inbox, Message, Role, SendError};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
    time::Instant,
};

/// A stream with these bytes to read, which takes `room` more bytes.
#[derive(Debug, Default)]
struct Stream {
    reads: VecDeque<io::Result<Vec<u8>>>,
    room: usize,
    is_broken: bool,
    written: Vec<u8>,
}

impl Stream {
    fn with(reads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { reads: reads.into_iter().map(Ok).collect(), room: usize::MAX, ..Self::default() }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.reads.pop_front().unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))?;
        let rest = bytes.split_off(bytes.len().min(buffer.len()));
        buffer[..bytes.len()].copy_from_slice(&bytes);
        if !rest.is_empty() {
            self.reads.push_front(Ok(rest));
        }
        Ok(bytes.len())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = bytes.len().min(self.room);
        self.room -= len;
        self.written.extend(&bytes[..len]);
        if len == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One round of the five steps. `on_event` may send.
fn round(
    connection: &mut Connection,
    inbox: &mut Inbox,
    stream: &mut Stream,
    now: Instant,
    mut on_event: impl FnMut(&mut Connection, &Event<'_>),
) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    let mut react = |connection: &mut Connection, inbox: &mut Inbox| {
        while let Some(event) = inbox.next_event(connection, now) {
            on_event(connection, &event);
            events.push(event.into_owned());
        }
    };
    if connection.write_to(&mut *stream).is_err() {
        inbox.write_failed(connection, &mut *stream);
    }
    while inbox.wants_read(connection) {
        match inbox.read_from(connection, &mut *stream, now) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => connection.transport_failed(),
            Ok(_) => {}
        }
        react(connection, inbox);
    }
    react(connection, inbox);
    connection.handle_timeout(now);
    react(connection, inbox);
    events
}

fn open(role: Role) -> (Connection, Instant) {
    let now = Instant::now();
    (Connection::established(role, Agreed::new(), Arc::default(), now), now)
}

#[test]
fn x1_bytes_that_came_in_time_are_read_before_the_clock() {
    let start = Instant::now();
    let mut asking = client(Arc::default(), start);
    let answer = crate::support::accepted_head(asking.output(), &[]);
    let late = start + 3600 * SECOND;
    let events = round(&mut asking, &mut Inbox::new(), &mut Stream::with([answer]), late, |_, _| {});
    assert!(matches!(events[..], [Event::Accepted(_)]), "{events:?}");

    for role in ROLES {
        let (mut connection, start) = open(role);
        let mut stream = Stream::with([]);
        connection.handle_timeout(start + 20 * SECOND);
        round(&mut connection, &mut Inbox::new(), &mut stream, start + 20 * SECOND, |_, _| {});
        stream.reads.push_back(Ok(Raw::new(Raw::TEXT, "alive").for_endpoint(role)));
        let events = round(&mut connection, &mut Inbox::new(), &mut stream, start + 3600 * SECOND, |_, _| {});
        assert_eq!(events, [Event::Message("alive".into())], "{role:?}: not `no sign of life`");
    }
}

#[test]
fn x2_after_a_failed_write_the_peers_close_has_the_code() {
    for role in ROLES {
        let (mut connection, now) = open(role);
        let mut stream = Stream::with([numbered(1, role), Raw::close(1008, "").for_endpoint(role)]);
        stream.is_broken = true;
        connection.send_text("nobody reads this").unwrap();
        let events = round(&mut connection, &mut Inbox::new(), &mut stream, now, |connection, event| {
            if matches!(event, Event::Message(_)) {
                assert_eq!(connection.send_text("a reply"), Err(SendError::TransportLost));
            }
        });
        let end = disconnect_in(&events);
        assert_eq!((events.len(), u16::from(end.code), &end.cause), (2, 1008, &Cause::PeerClosed), "{role:?}");
        assert!(!end.is_retryable(), "{role:?}: the peer does not want it again");
    }
}

#[test]
fn x2_what_a_pause_or_a_full_output_holds_is_told_after_a_failed_write() {
    for role in ROLES {
        for reason in [Hold::Pause, Hold::Output] {
            let now = Instant::now();
            let (mut connection, mut inbox) = (marked(role), Inbox::new());
            match reason {
                Hold::Pause => connection.pause_reading(),
                _ => connection.send_binary(&vec![0; 100 << 10]).unwrap(),
            }
            inbox.space()[..7].copy_from_slice(&[numbered(1, role), vec![0; 7]].concat()[..7]);
            inbox.fill(numbered(1, role).len());
            assert_eq!((inbox.next_event(&mut connection, now), connection.held_by()), (None, Some(reason)));
            assert!(!inbox.wants_read(&connection) && !inbox.is_empty());
            inbox.write_failed(&mut connection, &Raw::close(4001, "").for_endpoint(role)[..]);
            let events: Vec<_> =
                std::iter::from_fn(|| inbox.next_event(&mut connection, now).map(Event::into_owned)).collect();
            assert_eq!((events.len(), u16::from(disconnect_in(&events).code)), (2, 4001), "{role:?}: {events:?}");
        }
    }
}

#[test]
fn x2_a_failed_write_takes_a_bounded_number_of_reads() {
    let (mut connection, now) = open(Role::Client);
    let mut inbox = Inbox::with_capacity(1_000);
    inbox.write_failed(&mut connection, io::repeat(0));
    assert!(matches!(inbox.next_event(&mut connection, now), Some(Event::Disconnect(_))));
    assert_eq!(inbox.next_event(&mut connection, now), None);
    assert!(inbox.is_empty());
    let interrupted = Stream {
        reads: VecDeque::from([Err(ErrorKind::Interrupted.into()), Ok(b"\x88\0".to_vec())]),
        ..Stream::default()
    };
    let (mut connection, now) = open(Role::Client);
    inbox.write_failed(&mut connection, interrupted);
    let Some(Event::Disconnect(end)) = inbox.next_event(&mut connection, now) else { panic!("the end is told") };
    assert_eq!(u16::from(end.code), 1005);
}

#[test]
fn k9_a_loop_that_cannot_write_waits_for_room_and_loses_nothing() {
    for role in ROLES {
        let (mut connection, mut now) = open(role);
        let (mut inbox, mut stream) = (Inbox::new(), Stream::with([]));
        let message = vec![7; 16 << 20];
        connection.send_binary(&message).unwrap();
        while connection.output_len() > 0 {
            // Whoever has output waits until the stream can be written, and not only for input.
            stream.room = 64 << 10;
            now += SECOND;
            assert_eq!(round(&mut connection, &mut inbox, &mut stream, now, |_, _| {}), [], "{role:?}");
        }
        let frame = Raw::parse(&mut stream.written.as_slice());
        assert!(frame.payload == message, "{role:?}");
    }
}

#[test]
fn k9_an_inbox_keeps_a_rest_before_newer_bytes() {
    for role in ROLES {
        let (mut connection, now) = open(role);
        let mut inbox = Inbox::with_capacity(10);
        let (mut taken, mut bytes) = (0, numbered(9, role));
        let mut stream = Stream::with([bytes.split_off(8), bytes.clone()].into_iter().rev());
        let mut on_event = |connection: &mut Connection, _: &Event<'_>| {
            taken += 1;
            connection.pause_reading();
        };
        let mut texts = Vec::new();
        for _ in 0..20 {
            connection.resume_reading();
            texts.extend(round(&mut connection, &mut inbox, &mut stream, now, &mut on_event));
        }
        let expected: Vec<_> = (0..9).map(|n| Event::Message(n.to_string().into())).collect();
        assert_eq!((texts, taken), (expected, 9), "{role:?}");
    }
}

#[test]
fn k9_bytes_that_are_read_ahead_of_a_rest_come_after_it() {
    let now = Instant::now();
    let mut connection = Connection::established(Role::Client, Agreed::new(), Arc::new(config(|_| {})), now);
    let mut inbox = Inbox::with_capacity(4);
    connection.pause_reading();
    for byte in numbered(3, Role::Client) {
        inbox.space()[0] = byte;
        inbox.fill(1);
        assert_eq!(inbox.next_event(&mut connection, now), None);
    }
    connection.receive_eof();
    let events: Vec<_> = std::iter::from_fn(|| inbox.next_event(&mut connection, now).map(Event::into_owned)).collect();
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(format!("{inbox:?}").starts_with("Inbox { held_back: 0, capacity: "));
}

/// A large binary message is read straight into its memory, which must not overtake the bytes in the inbox.
#[test]
fn k9_reads_without_events_between_them_keep_the_order() {
    let payload: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.to_le_bytes()).take(900_000).collect();
    for role in ROLES {
        for reads in 1..5 {
            let (mut connection, now) = open(role);
            let mut inbox = Inbox::with_capacity(50_000);
            let wire = [Raw::new(Raw::BINARY, &*payload).for_endpoint(role), numbered(3, role)].concat();
            let mut stream = wire.as_slice();
            let (mut messages, mut texts) = (0, 0);
            while !stream.is_empty() || !inbox.is_empty() {
                for _ in 0..reads {
                    if !stream.is_empty() {
                        inbox.read_from(&mut connection, &mut stream, now).expect("a slice can be read");
                    }
                }
                while let Some(event) = inbox.next_event(&mut connection, now) {
                    match event {
                        Event::Message(Message::Binary(bytes)) => {
                            messages += 1;
                            assert!(bytes == payload, "{role:?}, {reads} reads in a row");
                        }
                        Event::Message(Message::Text(_)) => texts += 1,
                        other => panic!("{role:?}, {reads} reads in a row: {other:?}"),
                    }
                }
            }
            assert_eq!((messages, texts), (1, 3), "{role:?}, {reads} reads in a row");
        }
    }
}

#[test]
#[should_panic(expected = "cannot fill 5 bytes: the space has 4")]
fn k9_more_bytes_than_the_space_has_cannot_be_filled_in() {
    Inbox::with_capacity(4).fill(5);
}
