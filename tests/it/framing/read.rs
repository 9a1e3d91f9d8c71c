//! Reads large messages directly into their own memory: `Connection::read_from`.

use crate::support::{
    ROLES, Raw, config,
    strategies::{defects, frames},
};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use statesocket::{Agreed, Config, Connection, Delivery, Event, Role, Timer};
use std::{
    io::{self, ErrorKind, IoSliceMut, Read},
    sync::Arc,
    time::{Duration, Instant},
};

/// Yields the wire in pieces of these sizes, over and over, whatever room it is offered.
struct Stream<'w> {
    wire: &'w [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let size = self.sizes.next().expect("a cycle has no end");
        let mut piece = &self.wire[..size.min(self.wire.len())];
        let count = piece.read_vectored(buffers)?;
        self.wire = &self.wire[count..];
        Ok(count)
    }
}

/// Hands in the whole wire at once. Returns everything that the application sees, and the final state.
fn hand_in(connection: Connection, wire: &[u8], now: Instant) -> String {
    drive(connection, now, |connection, events| {
        let mut wire = wire.to_vec();
        take_events(connection, &mut wire, events, now);
    })
}

/// Makes the connection read the wire. Returns the same, and the number of bytes that bypassed the buffer.
fn have_read(connection: Connection, wire: &[u8], sizes: Vec<usize>, now: Instant) -> (String, usize) {
    let mut stream = Stream { wire, sizes: sizes.into_iter().cycle() };
    let (mut buffer, mut direct) = (vec![0; 60_000], 0);
    let outcome = drive(connection, now, |connection, events| {
        loop {
            let read = connection.read_from(&mut stream, &mut buffer, now).expect("this reader cannot fail");
            direct += read.total - read.in_buffer;
            if read.total == 0 {
                break assert!(read.is_short);
            }
            take_events(connection, &mut buffer[..read.in_buffer], events, now);
        }
    });
    (outcome, direct)
}

fn take_events(connection: &mut Connection, mut input: &mut [u8], events: &mut Vec<Event<'static>>, now: Instant) {
    while let Some(event) = connection.receive(&mut input, now) {
        events.push(event.into_owned());
    }
}

fn drive(
    mut connection: Connection,
    now: Instant,
    hand_in: impl FnOnce(&mut Connection, &mut Vec<Event<'static>>),
) -> String {
    let mut events = Vec::new();
    hand_in(&mut connection, &mut events);
    let timeout = connection.poll_timeout(now);
    format!("{events:?} {:?} {:?} {timeout:?}", connection.phase(), connection.output())
}

fn connection(role: Role, config: Config, now: Instant) -> Connection {
    Connection::established(role, Agreed::new().seed([7; 32]), Arc::new(config), now)
}

/// A large message in one frame or two. It is drawn as lengths, because a failure prints what was drawn.
#[derive(Clone, Debug)]
struct Large {
    opcode: u8,
    first: usize,
    second: Option<usize>,
}

fn large() -> impl Strategy<Value = Large> {
    let len = || prop_oneof![2 => 30_000..150_000usize, 1 => 0..100usize];
    let opcode = select(&[Raw::TEXT, Raw::BINARY, Raw::BINARY][..]);
    (opcode, len(), prop::option::of(len())).prop_map(|(opcode, first, second)| Large { opcode, first, second })
}

impl Large {
    fn frames(&self) -> Vec<Raw> {
        let payload = |len: usize| (0..len).map(|n| (n % 127) as u8).collect::<Vec<u8>>();
        let first = Raw::new(self.opcode, payload(self.first));
        match self.second {
            None => vec![first],
            Some(len) => {
                vec![first.more(), Raw::new(Raw::PING, "between"), Raw::new(Raw::CONTINUATION, payload(len))]
            }
        }
    }
}

#[test]
fn reading_gives_the_same_events_as_handing_in() {
    let messages = vec(prop_oneof![2 => large().prop_map(Err), 1 => frames().prop_map(Ok)], 1..5);
    let sizes = vec(select(&[100, 5_000, 70_000, 500_000][..]), 1..5);
    let mut config = ProptestConfig::default();
    config.cases = config.cases.div_ceil(4);
    TestRunner::new(config)
        .run(&(select(&ROLES[..]), messages, defects(), sizes), |(role, messages, defects, sizes)| {
            let frames = messages.into_iter().flat_map(|message| message.unwrap_or_else(|large| large.frames()));
            let mut wire: Vec<u8> = frames.flat_map(|frame| frame.for_endpoint(role)).collect();
            defects.apply(&mut wire);
            let now = Instant::now();
            let expected = hand_in(connection(role, Config::default(), now), &wire, now);
            let (outcome, _) = have_read(connection(role, Config::default(), now), &wire, sizes, now);
            prop_assert!(outcome == expected, "{:?}: the events differ", role);
            Ok(())
        })
        .expect("reading makes no difference");
}

#[test]
fn the_rest_of_a_large_binary_message_bypasses_the_buffer() {
    let now = Instant::now();
    for role in ROLES {
        let direct = |config: Config, frame: Raw| {
            let wire = frame.for_endpoint(role);
            let expected = hand_in(connection(role, config.clone(), now), &wire, now);
            let (outcome, direct) = have_read(connection(role, config.clone(), now), &wire, vec![usize::MAX], now);
            assert!(config.delivery == Delivery::Chunks || outcome == expected, "{role:?}");
            direct
        };
        // All but the first read, and the bytes behind the part of the room that is cleared at a time.
        let most = 300_000..500_000;
        let binary = || Raw::new(Raw::BINARY, vec![7; 500_000]);
        assert!(most.contains(&direct(Config::default(), binary())), "{role:?}");
        assert!(most.contains(&direct(Config::default(), binary().more())), "{role:?}: a fragment, too");
        assert_eq!(direct(Config::default(), Raw::new(Raw::TEXT, vec![b'x'; 500_000])), 0, "{role:?}: text is checked");
        assert_eq!(direct(Config::default(), Raw::new(Raw::BINARY, vec![7; 65_536])), 0, "{role:?}: the rest is short");
        let chunks = config(|config| config.delivery = Delivery::Chunks);
        assert_eq!(direct(chunks, binary()), 0, "{role:?}: chunks are lent");
    }
}

/// A reader that fails in the middle of a message.
struct Broken(ErrorKind);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

#[test]
fn a_failed_read_changes_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let wire = Raw::new(Raw::BINARY, vec![7; 300_000]).for_endpoint(role);
        for come in [0, 1, 100_000, wire.len()] {
            let (mut connection, mut events) = (connection(role, Config::default(), now), Vec::new());
            let mut buffer = wire[..come].to_vec();
            take_events(&mut connection, &mut buffer, &mut events, now);
            for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionReset] {
                let error = connection.read_from(Broken(kind), &mut [0; 100], now).expect_err("the reader fails");
                assert_eq!(error.kind(), kind);
            }
            let mut rest = wire[come..].to_vec();
            take_events(&mut connection, &mut rest, &mut events, now);
            let [Event::Message(message)] = events.as_slice() else { panic!("{role:?}: {} events", events.len()) };
            assert!(message.as_bytes() == vec![7; 300_000], "{role:?}, {come} bytes were read before");
        }
    }
}

/// Bytes that bypass the buffer are a sign of life and a part of a message; the end of the stream is neither.
#[test]
fn the_clock_treats_read_bytes_like_bytes_handed_in() {
    let start = Instant::now();
    let later = start + Duration::from_secs(10);
    for role in ROLES {
        let wire = Raw::new(Raw::BINARY, vec![7; 300_000]).for_endpoint(role);
        let begun = || {
            let mut begun = connection(
                role,
                config(|config| {
                    (config.idle_timeout, config.ping_interval) = (Some(Duration::from_secs(15)), None);
                }),
                start,
            );
            take_events(&mut begun, &mut wire[..100_000].to_vec(), &mut Vec::new(), start);
            begun
        };
        let (mut reading, mut handed) = (begun(), begun());
        let read = reading.read_from(&wire[100_000..200_000], &mut [0; 1_000], later).expect("this reader cannot fail");
        assert_eq!((read.total, read.in_buffer), (100_000, 0), "{role:?}");
        take_events(&mut reading, &mut [], &mut Vec::new(), later);
        take_events(&mut handed, &mut wire[100_000..200_000].to_vec(), &mut Vec::new(), later);
        let ever = later + Duration::from_secs(1);
        for connection in [&mut reading, &mut handed] {
            assert_eq!(connection.last_heard(), later, "{role:?}");
            let timeout = connection.poll_timeout(ever);
            assert_eq!(timeout, Some((later + Duration::from_secs(15), Timer::Idle)), "{role:?}");
            let end = connection.read_from(io::empty(), &mut [0; 1_000], ever).expect("this reader cannot fail");
            assert_eq!((end.total, connection.last_heard()), (0, later), "{role:?}");
        }
    }
}

/// A reader at its end that records how much room it is offered before the buffer.
struct Offered<'l>(&'l mut usize);

impl Read for Offered<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        *self.0 = buffers[..buffers.len() - 1].iter().map(|room| room.len()).sum();
        Ok(0)
    }
}

/// Offered room is cleared, so that memory is in use; an announced length must not decide how much.
#[test]
fn a_read_clears_no_more_room_than_it_needs() {
    let now = Instant::now();
    for role in ROLES {
        let mut wire = Raw::new(Raw::BINARY, vec![7; 16 << 20]).for_endpoint(role);
        wire.truncate(2 << 20);
        let (mut connection, mut room) = (connection(role, Config::default(), now), 0);
        take_events(&mut connection, &mut wire, &mut Vec::new(), now);
        connection.read_from(Offered(&mut room), &mut [0; 1_000], now).expect("this reader cannot fail");
        assert_eq!(room, 256 << 10, "{role:?}");
    }
}
