//! Room that clients make which have had their answer, and clients of the same address.

use super::without_linger_timeout;
use crate::support::{
    Raw,
    memory::{Echo, RawClient, Served},
    request_head,
};
use statesocket::{
    CauseKind,
    handshake::Response,
    http::StatusCode,
    server::{Limits, WhenFull},
    testing::ClientOptions,
};
use std::io::{ErrorKind, Read};

/// More than a pipe holds.
const LARGE: usize = 1 << 20;

fn serve(change: impl FnOnce(&mut Limits)) -> Served {
    Served::start(without_linger_timeout(), |server| {
        server.route("/ws", || Echo).expect("the route is new");
        server.route_http("/page", |_, _| Response::new(StatusCode::OK).body("short")).expect("the route is new");
        let large = |_: &_, _: &_| Response::new(StatusCode::OK).body(vec![b'x'; LARGE]);
        server.route_http("/large", large).expect("the route is new");
        server.set_limits(Limits::default().with(change));
    })
}

fn come(served: &Served, bytes: &[u8]) -> RawClient {
    let accepted = served.tally().accepted;
    let mut client = RawClient::dial(served);
    client.write(bytes);
    served.settle();
    assert_eq!(served.tally().accepted, accepted + 1);
    client
}

fn page(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: server.example.com\r\n\r\n").into_bytes()
}

#[track_caller]
fn assert_answered(client: &mut RawClient, status: u16) {
    let head = client.head();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
}

/// A client that has its answer, and does not close.
#[track_caller]
fn answered(served: &Served, path: &str, status: u16) -> RawClient {
    let mut client = come(served, &page(path));
    assert_answered(&mut client, status);
    client
}

/// A client that is refused a WebSocket.
#[track_caller]
fn refused(served: &Served, status: u16) -> RawClient {
    let mut client = come(served, &request_head("/ws", &[]));
    assert_answered(&mut client, status);
    client
}

/// Checks that the server has closed the connection.
#[track_caller]
fn assert_closed(client: &mut RawClient) {
    if let Err(error) = client.rest() {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a4_a_client_that_has_its_answer_makes_room() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        for (path, status) in [("/page", 200), ("/nowhere", 404), ("/ws", 426)] {
            let served = serve(|limits| (limits.max_connections, limits.when_full) = (3, when_full));
            let mut inside = served.open();
            let mut oldest = answered(&served, path, status);
            let _second = answered(&served, path, status);
            let mut newcomer = served.open();
            assert_closed(&mut oldest);
            assert_eq!((served.connections(), served.tally().evicted), (3, 0), "{path}");
            for client in [&mut inside, &mut newcomer] {
                client.echo("Hello");
            }
        }
    }
}

#[test]
fn a4_a_client_whose_closing_handshake_is_over_makes_room() {
    let served = serve(|limits| limits.max_connections = 2);
    let mut inside = served.open();
    let mut closed = served.open();
    closed.send(Raw::close(1000, ""));
    assert_eq!(closed.frame(), Raw::close(1000, ""));
    let _newcomer = served.open();
    inside.echo("Hello");
    let tally = served.tally();
    assert_eq!((tally.clean, tally.ended(CauseKind::PeerClosed), tally.evicted), (1, 1, 0), "it ended cleanly before");
    drop(closed);
}

#[test]
fn a4_silent_clients_and_half_requests_make_room_before_answered_ones() {
    for half in [&b""[..], b"GET /ws HTT"] {
        let served = serve(|limits| limits.max_connections = 3);
        let _inside = served.open();
        let mut answered = answered(&served, "/page", 200);
        let mut unfinished = come(&served, half);
        let _newcomer = served.open();
        assert_closed(&mut unfinished);
        assert_eq!((served.connections(), served.tally().evicted), (3, 1));
        let mut rest = [0; 5];
        assert_eq!(answered.read(&mut rest).ok(), Some(5), "it is still there");
    }
}

/// A client that has just come makes no room while older ones have their answers.
#[test]
fn a4_a_newcomer_makes_no_room_before_answered_clients() {
    let served = serve(|limits| limits.max_connections = 9);
    let mut lingering: Vec<_> = (0..8).map(|_| answered(&served, "/page", 200)).collect();
    let mut newcomer = come(&served, b"");
    let _next = served.open();
    assert_closed(&mut lingering[0]);
    newcomer.write(&request_head("/ws", &[]));
    newcomer.assert_accepted();
    assert_eq!(served.tally().evicted, 0);
}

#[test]
fn a4_a_client_that_reads_its_answer_makes_no_room() {
    let served = serve(|limits| limits.max_connections = 1);
    let mut reader = answered(&served, "/large", 200);
    let _refused = refused(&served, 503);
    assert_eq!(reader.rest_as_text().len(), LARGE);
}

#[test]
fn a4_refused_clients_that_have_their_answer_make_room_for_the_next() {
    let served = serve(|limits| limits.max_connections = 1);
    let mut inside = served.open();
    let _crowd: Vec<_> = (0..300).map(|_| refused(&served, 503)).collect();
    assert_eq!((served.tally().dropped, served.tally().evicted), (0, 0));
    inside.echo("Hello");
}

#[test]
fn a4_an_address_makes_room_for_itself() {
    // The answered one holds a place too.
    for first in [b"".to_vec(), b"GET /ws HTT".to_vec(), page("/page")] {
        let served = serve(|limits| limits.max_connections_per_address = 3);
        let mut inside = served.open();
        let mut oldest = come(&served, &first);
        if first.ends_with(b"\r\n\r\n") {
            assert_answered(&mut oldest, 200);
        }
        let mut second = served.open();
        let mut newcomer = served.open();
        assert_closed(&mut oldest);
        for client in [&mut inside, &mut second, &mut newcomer] {
            client.echo("Hello");
        }
        // All of them are open.
        let _refused = refused(&served, 429);
    }
}

#[test]
fn a4_an_address_makes_no_room_for_others_of_its_own_when_it_is_in_vain() {
    let served = serve(|limits| limits.max_connections_per_address = 5);
    let mut inside = [(); 3].map(|()| served.open());
    let mut silent = [(); 2].map(|()| come(&served, b""));
    served.server().set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 3));
    let _refused = refused(&served, 429);
    silent.iter_mut().for_each(RawClient::assert_silent);
    // Both have to go.
    served.server().set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 4));
    let _newcomer = served.open();
    for client in &mut silent {
        assert_closed(client);
    }
    for client in &mut inside {
        client.echo("Hello");
    }
    assert_eq!(served.tally().evicted, 2);
}

#[test]
fn a4_another_address_makes_no_room() {
    let served = serve(|limits| limits.max_connections_per_address = 1);
    let elsewhere = ClientOptions::default().with(|options| options.address = [127, 0, 0, 2].into());
    let mut stranger = RawClient::dial_with(&served, &elsewhere);
    served.settle();
    let mut inside = served.open();
    let _refused = refused(&served, 429);
    inside.echo("Hello");
    stranger.assert_silent();
    assert_eq!(served.tally().evicted, 0);
}
