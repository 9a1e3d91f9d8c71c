//! One peer that sends far too much.

use super::scale;
use crate::support::{
    Raw,
    loopback::{Neighbours, RawClient, Served, Witness},
    process::FaultServer,
};
use statesocket::{Cause, Config, ProtocolError};
use std::io::Write;

/// What a server may hold for one flooding peer and its neighbours: nothing that grows with the flood.
const LITTLE: u64 = 256 << 10;

#[test]
fn pings_of_a_peer_that_never_reads_take_little_memory() {
    let server = FaultServer::start(&[]);
    let neighbours = Neighbours::start(&server.url());
    let mut client = server.open();
    // More than the kernels of both ends hold, so that the server soon has to hold the Pongs.
    let flood = Raw::new(Raw::PING, [b'p'; 125]).masked().bytes().repeat(1000);
    for _ in 0..200 * scale() {
        client.write(&flood);
    }
    neighbours.go_on();
    // Only superseded Pongs are lost: the latest one arrives, and then the echo.
    client.send(Raw::new(Raw::PING, "the last"));
    client.send(Raw::new(Raw::TEXT, "as before"));
    let pong = Raw::new(Raw::PONG, [b'p'; 125]);
    let last = std::iter::repeat_with(|| client.frame()).find(|frame| *frame != pong);
    assert_eq!(last, Some(Raw::new(Raw::PONG, "the last")));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "as before"));
    neighbours.end();
    drop(client);
    let report = server.stop();
    assert!(report.peak() < LITTLE, "{report:?}");
}

/// Writes the first frame of a message, then a million times `fragment`, unless the server closes before.
fn write_a_million(client: &mut RawClient, fragment: &Raw) {
    client.send(Raw::new(Raw::BINARY, "").more());
    let thousand = fragment.clone().more().masked().bytes().repeat(1000);
    let mut stream = client.stream();
    for _ in 0..1000 * scale() {
        if stream.write_all(&thousand).is_err() {
            return;
        }
    }
}

#[test]
fn a_million_empty_fragments_are_refused_in_little_memory() {
    let server = FaultServer::start(&[]);
    let neighbours = Neighbours::start(&server.url());
    let mut client = server.open();
    write_a_million(&mut client, &Raw::new(Raw::CONTINUATION, ""));
    assert_eq!(client.frame(), Raw::close(1008, "a message has more than 131072 fragments"));
    neighbours.end();
    drop(client);
    let report = server.stop();
    assert_eq!(report.count("protocol violation"), 1, "{report:?}");
    assert!(report.peak() < LITTLE, "{report:?}");
}

#[test]
fn a_million_fragments_of_one_byte_are_refused() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let neighbours = Neighbours::start(&served.url("/ws"));
    write_a_million(&mut client, &Raw::new(Raw::CONTINUATION, "x"));
    let end = calls.end_after_all().disconnect;
    assert_eq!(end.cause, Cause::Protocol(ProtocolError::TooManyFragments { limit: 131_072 }));
    assert_eq!(end.sent.map(|close| close.code.into()), Some(1008));
    neighbours.end();
}

/// With a limit on the address space, a message that is below all limits may still find no memory.
#[cfg(target_os = "linux")]
mod without_memory {
    use super::*;

    const POOR: [&str; 4] = ["--memory-mib", "512", "--max-message-mib", "1024"];

    /// Writes a message of `size` bytes, of which a sixteenth earns the memory for all, until the server refuses it.
    fn write_much(client: &mut RawClient, first: u8, size: u64) {
        client.write(&[&[first, 0xFF][..], &size.to_be_bytes(), &[0; 4]].concat());
        let mut stream = client.stream();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..size >> 20 {
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
    }

    #[test]
    fn a13_a_message_without_memory_ends_its_connection_and_no_other() {
        let server = FaultServer::start(&POOR);
        let neighbours = Neighbours::start(&server.url());
        for first in [0x82, 0x81, 0x02] {
            let mut client = server.open();
            write_much(&mut client, first, 900 << 20);
            let close = client.frame();
            assert_eq!(close.payload[..2], 1013_u16.to_be_bytes(), "opcode {first:#x}: {close:?}");
            neighbours.go_on();
        }
        neighbours.end();
        let report = server.stop();
        assert_eq!(report.count("protocol violation"), 3, "{report:?}");
    }
}
