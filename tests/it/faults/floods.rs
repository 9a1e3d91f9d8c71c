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
