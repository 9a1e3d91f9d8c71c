//! A peer that ends its half of the stream, at every point of a connection's life, and goes on reading.

use crate::support::{
    Raw,
    loopback::{
        LONG, Neighbours, RawClient, Served,
        stops::{STOPS, assert_undecided, serve, serve_undecided},
    },
};
use statesocket::Config;
use std::net::Shutdown;

fn half_close(client: &RawClient) {
    client.stream().shutdown(Shutdown::Write).expect("the socket is connected");
}

/// A peer that cannot send can answer nothing, not even a Close: the server ends its own half too, and sends nothing
/// more.
#[test]
fn the_server_ends_its_half_too() {
    let (mut served, calls) = serve();
    let neighbours = Neighbours::start(&served.url("/ws"));
    for stop in &STOPS {
        let mut client = stop.reach(&served);
        half_close(&client);
        client.rest().unwrap_or_else(|error| panic!("{}: the server ends the stream cleanly: {error}", stop.name));
        if let Some(expected) = &stop.end {
            let end = calls.end_after_all().disconnect;
            assert_eq!((end.code, end.cause.kind()), *expected, "{}", stop.name);
        }
    }
    neighbours.end();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    served.wait_for_end();
}

#[test]
fn messages_from_before_the_half_close_are_echoed() {
    let served = Served::echo(Config::default());
    let mut client = served.open();
    let messages: Vec<_> = (0..100).map(|n| Raw::new(Raw::BINARY, vec![n; 1000])).collect();
    let bytes: Vec<u8> = messages.iter().flat_map(|message| message.clone().masked().bytes()).collect();
    client.write(&bytes);
    half_close(&client);
    for message in messages {
        assert_eq!(client.frame(), message);
    }
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn a_half_close_before_the_applications_answer_ends_the_connection() {
    let (served, calls) = serve_undecided();
    let mut client = served.open();
    client.send(Raw::close(4001, ""));
    half_close(&client);
    assert_undecided(&calls.end_after_all());
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    served.open().echo("a newcomer");
}
