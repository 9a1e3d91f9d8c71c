//! The output: what is queued, how much, and how it is written.

use crate::support::{ROLES, Raw, drain, established, peer_sends, sent};
use statesocket::{Config, Connection, Event, Message, OutputBuffer, Phase, Role};
use std::{
    borrow::Cow,
    io::{self, Write},
    time::Instant,
};

fn frames(mut wire: &[u8]) -> Vec<Raw> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        frames.push(Raw { key: None, ..Raw::parse(&mut wire) });
    }
    frames
}

#[test]
fn f11_a_pong_whose_transmission_has_begun_does_not_change() {
    for role in ROLES {
        let pinged = || {
            let mut connection = established(role, Config::default());
            peer_sends(&mut connection, (0..40).map(|n| Raw::new(Raw::PING, [n; 3])));
            connection
        };
        let before = sent(&mut pinged());
        let len = pinged().output().len();
        let last_begins = len - len / before.len();
        for gone in 0..=len {
            let mut connection = pinged();
            let mut wire = connection.output()[..gone].to_vec();
            connection.advance(gone);
            peer_sends(&mut connection, [Raw::new(Raw::PING, "new")]);
            wire.extend(drain(&mut connection));

            let mut expected = before.clone();
            if gone <= last_begins {
                expected.pop();
            }
            expected.push(Raw::new(Raw::PONG, "new"));
            assert_eq!(frames(&wire), expected, "{gone} bytes of a {role:?} were written");
        }
    }
}

#[test]
fn f18_few_pings_are_all_answered_and_of_many_the_latest() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        for count in [1, 10, 1000u16] {
            peer_sends(&mut connection, (1..=count).map(|n| Raw::new(Raw::PING, n.to_be_bytes())));
            let answered: Vec<u16> = sent(&mut connection)
                .iter()
                .map(|pong| u16::from_be_bytes(pong.payload.as_slice().try_into().unwrap()))
                .collect();
            let case = format!("{count} pings to a {role:?}: {answered:?}");
            assert!(answered.is_sorted_by(|a, b| a < b), "{case}");
            assert_eq!(answered.last(), Some(&count), "{case}");
            assert_eq!(answered[..answered.len().min(10)], (1..=count.min(10)).collect::<Vec<_>>(), "{case}");
            assert!(answered.len() <= 32, "{case}");
        }
    }
}

#[test]
fn f18_a_pong_that_replaces_another_stays_behind_later_output() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        peer_sends(&mut connection, (0..100).map(|n| Raw::new(Raw::PING, [n])));
        connection.send_text("between").unwrap();
        peer_sends(&mut connection, [Raw::new(Raw::PING, "22"), Raw::new(Raw::PING, "333")]);
        connection.send_text("after").unwrap();
        let frames = sent(&mut connection);
        let expected = [Raw::new(Raw::TEXT, "between"), Raw::new(Raw::PONG, "333"), Raw::new(Raw::TEXT, "after")];
        assert_eq!(frames[frames.len() - 3..], expected, "{role:?}");
        assert!(frames[..frames.len() - 3].iter().all(|frame| frame.payload[0] < 99), "{frames:?}");
    }
}

#[test]
fn f18_a_million_unread_pongs_take_little_memory() {
    for (role, ping) in [(Role::Server, &b"\x89\x82\0\0\0\0hi"[..]), (Role::Client, b"\x89\x02hi")] {
        let mut connection = established(role, Config::default());
        let mut buffer = ping.repeat(1000);
        let now = Instant::now();
        for round in 0..1000 {
            let mut input = buffer.as_mut_slice();
            let mut pings = 0;
            while connection.receive(&mut input, now).is_some() {
                pings += 1;
            }
            assert_eq!(pings, 1000);
            // A peer that takes a byte from time to time keeps a Pong from being replaced.
            if round % 2 == 0 {
                connection.advance(1);
            }
            assert!(connection.output().len() <= 32 * (2 + 4 + 2), "{} bytes are queued", connection.output().len());
        }
        assert_eq!(connection.phase(), Phase::Open);
    }
}

/// A writer that follows a script, call by call.
struct Scripted {
    script: Vec<io::Result<usize>>,
    taken: Vec<u8>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.script.remove(0)?.min(bytes.len());
        self.taken.extend(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hello() -> Connection {
    let mut server = established(Role::Server, Config::default());
    server.send_text("Hello").unwrap();
    server
}

#[test]
fn write_to_writes_until_the_output_is_empty_or_the_writer_blocks() {
    let error = |kind: io::ErrorKind| Err(kind.into());
    for (name, script, expected, left) in [
        ("all at once", vec![Ok(100)], Ok(7), 0),
        ("byte by byte", (0..7).map(|_| Ok(1)).collect(), Ok(7), 0),
        (
            "interrupted",
            vec![error(io::ErrorKind::Interrupted), Ok(2), error(io::ErrorKind::Interrupted), Ok(5)],
            Ok(7),
            0,
        ),
        ("full at once", vec![error(io::ErrorKind::WouldBlock)], Ok(0), 7),
        ("full later", vec![Ok(3), error(io::ErrorKind::WouldBlock)], Ok(3), 4),
        ("takes nothing", vec![Ok(3), Ok(0)], Err(io::ErrorKind::WriteZero), 4),
        ("broken", vec![Ok(3), error(io::ErrorKind::BrokenPipe)], Err(io::ErrorKind::BrokenPipe), 4),
    ] {
        let mut writer = Scripted { script, taken: Vec::new() };
        let mut server = hello();
        assert_eq!(server.write_to(&mut writer).map_err(|error| error.kind()), expected, "{name}");
        assert_eq!(server.output().len(), left, "{name}");
        assert_eq!(writer.taken, b"\x81\x05Hello"[..7 - left], "{name}");
        assert_eq!(writer.script.len(), 0, "{name}: some calls of the script are left");
    }
}

#[test]
fn write_to_does_not_call_the_writer_without_output() {
    let mut writer = Scripted { script: vec![], taken: vec![] };
    assert_eq!(established(Role::Server, Config::default()).write_to(&mut writer).unwrap(), 0);
}

#[test]
#[should_panic(expected = "cannot advance by 8 bytes: 7 are queued")]
fn no_more_bytes_can_be_taken_than_are_queued() {
    hello().advance(8);
}

/// Takes this many bytes, then blocks.
struct Socket {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        self.taken.extend_from_slice(&bytes[..taken]);
        if taken > 0 { Ok(taken) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory that held one message holds another one, of another size and kind, and shows nothing of the first.
#[test]
fn large_messages_are_unchanged_in_recycled_memory() {
    const LENGTHS: [usize; 7] = [1 << 20, 70_000, 300_000, 65_536, 100_000, 1_000, 200_000];
    let message = |n: usize| {
        let opcode = if n.is_multiple_of(3) { Raw::TEXT } else { Raw::BINARY };
        let payload: Vec<u8> = (0..LENGTHS[n % 7]).map(|i| ((i * (n + 3) / 7) % 128) as u8).collect();
        Raw::new(opcode, payload)
    };
    for role in ROLES {
        let (mut connection, mut lent) = (established(role, Config::default()), OutputBuffer::default());
        let wire: Vec<u8> = (0..14).flat_map(|n| message(n).for_endpoint(role)).collect();
        let (mut socket, now) = (Socket { taken: Vec::new(), room: 0 }, Instant::now());
        let mut rest = wire.as_slice();
        let mut sizes = [128 << 10, 1_000, 50_000, 128 << 10, 200_000].into_iter().cycle();
        while !rest.is_empty() || connection.output_len() > 0 {
            let size = sizes.next().expect("a cycle has no end");
            connection.lend_buffer(&mut lent);
            let mut piece = rest.split_off(..size.min(rest.len())).expect("the wire has that many bytes").to_vec();
            let mut input = piece.as_mut_slice();
            loop {
                while let Some(event) = connection.receive(&mut input, now) {
                    let Event::Message(message) = event else { panic!("{event:?}") };
                    connection.send(message).expect("the output has room");
                }
                socket.room = 150_000;
                connection.write_to(&mut socket).expect("the write only blocks");
                if input.is_empty() {
                    break;
                }
            }
            connection.reclaim_buffer(&mut lent);
        }
        let echoes = frames(&socket.taken);
        assert_eq!(echoes.len(), 14);
        for (n, echo) in echoes.into_iter().enumerate() {
            assert!(echo == message(n), "{role:?}, message {n} came back changed");
        }
    }
}

/// A program that keeps a message keeps its memory.
#[test]
fn a_short_message_does_not_take_the_memory_of_a_large_one() {
    for opcode in [Raw::TEXT, Raw::BINARY] {
        let (mut connection, mut lent) = (established(Role::Server, Config::default()), OutputBuffer::default());
        connection.lend_buffer(&mut lent);
        connection.send(vec![7; 1 << 20]).unwrap();
        connection.write_to(io::sink()).unwrap();
        let fragments = [Raw::new(opcode, [b'x'; 1_000]).more(), Raw::new(Raw::CONTINUATION, [b'x'; 1_000])];
        let mut wire: Vec<u8> = fragments.into_iter().flat_map(|frame| frame.masked().bytes()).collect();
        let capacity = match connection.receive(&mut wire.as_mut_slice(), Instant::now()) {
            Some(Event::Message(Message::Text(Cow::Owned(text)))) => text.capacity(),
            Some(Event::Message(Message::Binary(Cow::Owned(bytes)))) => bytes.capacity(),
            event => panic!("{event:?} is not an assembled message"),
        };
        assert!(capacity <= 16 * 2_000, "{capacity}");
    }
}
