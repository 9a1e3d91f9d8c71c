//! A reset of the TCP connection, at every point of a connection's life.

use crate::support::{
    Raw,
    loopback::{
        Calls, LONG, Neighbours, RawClient, Served, beside_an_echo,
        stops::{STOPS, Stop, assert_undecided, serve, serve_undecided},
    },
};
use socket2::SockRef;
use std::time::Duration;

/// Makes the kernel end the connection with RST instead of FIN.
fn reset(client: RawClient) {
    SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).expect("a socket can be told not to linger");
}

/// Resets a peer that is at `stop`, and checks the end that its handler sees.
fn reset_at(stop: &Stop, served: &Served, calls: &Calls) {
    reset(stop.reach(served));
    if let Some(expected) = &stop.end {
        let end = calls.end_after_all().disconnect;
        assert_eq!((end.code, end.cause.kind()), *expected, "{}", stop.name);
    }
}

#[test]
fn a_reset_ends_only_its_own_connection_and_leaves_nothing() {
    let (mut served, calls) = serve();
    for stop in &STOPS {
        let mut neighbour = served.open();
        neighbour.echo("before");
        reset_at(stop, &served, &calls);
        neighbour.echo("after");
        neighbour.send(Raw::close(1000, ""));
        drop(neighbour);
        calls.end_after_all();
    }
    // The loop ends only when no connection is left.
    served.handle.shutdown(1001, LONG).expect("the server is running");
    served.wait_for_end();
    drop(served);
    calls.assert_no_more();
}

#[test]
fn many_resets_at_once_are_survived() {
    let (served, calls) = serve();
    drop(calls);
    let neighbours = Neighbours::start(&served.url("/ws"));
    for _ in 0..10 {
        let peers: Vec<_> = STOPS.iter().flat_map(|stop| (0..5).map(|_| stop.reach(&served))).collect();
        peers.into_iter().for_each(reset);
    }
    neighbours.end();
    let tally = served.stop();
    assert_eq!(tally.accepted, 3 + 10 * 5 * STOPS.len() as u64, "{tally}");
}

#[test]
fn a_reset_before_the_applications_answer_ends_the_connection() {
    let (mut served, calls) = serve_undecided();
    let mut client = served.open();
    client.send(Raw::close(4001, ""));
    assert_undecided(&calls.end_after_all());
    reset(client);
    RawClient::open(served.address, "/ws?close").send(Raw::close(4000, ""));
    served.handle.shutdown(1001, LONG).expect("the server is running");
    served.wait_for_end();
}

#[test]
fn a_reset_inside_a_frame_touches_no_other_connection() {
    beside_an_echo(|served| {
        let frame = Raw::new(Raw::BINARY, vec![7; 100_000]).masked().bytes();
        served.open().reset_after(&frame[..50_000]);
    });
}
