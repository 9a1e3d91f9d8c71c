//! Room that clients make which have had their answer, and clients of the same address.

use super::without_linger_timeout;
use crate::support::{
    Raw,
    loopback::{
        dial,
        turns::{Echo, ask, assert_waits, echo, open, turn_until, turn_until_answered, turn_until_received},
    },
    request_head,
};
use statesocket::{
    CauseKind,
    handshake::Response,
    http::StatusCode,
    server::{Limits, Server, WhenFull},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

/// More than the buffers of the system hold.
const LARGE: usize = 32 << 20;

fn server(change: impl FnOnce(&mut Limits)) -> Server {
    let mut server = Server::bind("127.0.0.1:0", without_linger_timeout()).expect("a free port");
    server.route("/ws", || Echo).expect("the route is new");
    server.route_http("/page", |_, _| Response::new(StatusCode::OK).body("short")).expect("the route is new");
    let large = |_: &_, _: &_| Response::new(StatusCode::OK).body(vec![b'x'; LARGE]);
    server.route_http("/large", large).expect("the route is new");
    server.set_limits(Limits::default().with(change));
    server
}

fn come(server: &mut Server, bytes: &[u8]) -> TcpStream {
    let accepted = server.tally().accepted;
    let mut client = dial(server.local_addr());
    client.write_all(bytes).expect("the socket buffer has room");
    client.set_nonblocking(true).expect("the socket is open");
    turn_until(server, |server| server.tally().accepted > accepted);
    client
}

fn page(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: server.example.com\r\n\r\n").into_bytes()
}

/// A client that has its answer, and does not close.
fn answered(server: &mut Server, path: &str, status: u16) -> TcpStream {
    let mut client = come(server, &page(path));
    assert_eq!(turn_until_answered(server, &mut client), status);
    client
}

/// Turns until the server has closed the connection.
#[track_caller]
fn assert_closed(server: &mut Server, client: &mut TcpStream) {
    turn_until(server, |_| match client.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    });
}

#[test]
fn a4_a_client_that_has_its_answer_makes_room() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        for (path, status) in [("/page", 200), ("/nowhere", 404), ("/ws", 426)] {
            let mut server = server(|limits| (limits.max_connections, limits.when_full) = (3, when_full));
            let mut inside = open(&mut server);
            let mut oldest = answered(&mut server, path, status);
            let _second = answered(&mut server, path, status);
            let mut newcomer = open(&mut server);
            assert_closed(&mut server, &mut oldest);
            assert_eq!((server.connections(), server.tally().evicted), (3, 0), "{path}");
            for client in [&mut inside, &mut newcomer] {
                echo(&mut server, client);
            }
        }
    }
}

#[test]
fn a4_a_client_whose_closing_handshake_is_over_makes_room() {
    let mut server = server(|limits| limits.max_connections = 2);
    let mut inside = open(&mut server);
    let mut closed = open(&mut server);
    closed.write_all(&Raw::close(1000, "").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(&mut server, &mut closed, &Raw::close(1000, "").bytes());
    let _newcomer = open(&mut server);
    echo(&mut server, &mut inside);
    let tally = server.tally();
    assert_eq!((tally.clean, tally.ended(CauseKind::PeerClosed), tally.evicted), (1, 1, 0), "it ended cleanly before");
    drop(closed);
}

#[test]
fn a4_silent_clients_and_half_requests_make_room_before_answered_ones() {
    for half in [&b""[..], b"GET /ws HTT"] {
        let mut server = server(|limits| limits.max_connections = 3);
        let _inside = open(&mut server);
        let mut answered = answered(&mut server, "/page", 200);
        let mut unfinished = come(&mut server, half);
        let _newcomer = open(&mut server);
        assert_closed(&mut server, &mut unfinished);
        assert_eq!((server.connections(), server.tally().evicted), (3, 1));
        answered.set_nonblocking(true).expect("the socket is open");
        let mut rest = [0; 5];
        assert_eq!(answered.read(&mut rest).ok(), Some(5), "it is still there");
    }
}

/// A client that has just come makes no room while older ones have their answers.
#[test]
fn a4_a_newcomer_makes_no_room_before_answered_clients() {
    let mut server = server(|limits| limits.max_connections = 9);
    let mut lingering: Vec<_> = (0..8).map(|_| answered(&mut server, "/page", 200)).collect();
    let mut newcomer = come(&mut server, b"");
    let _next = open(&mut server);
    assert_closed(&mut server, &mut lingering[0]);
    newcomer.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    assert_eq!(turn_until_answered(&mut server, &mut newcomer), 101);
    assert_eq!(server.tally().evicted, 0);
}

#[test]
fn a4_a_client_that_reads_its_answer_makes_no_room() {
    let mut server = server(|limits| limits.max_connections = 1);
    let mut reader = answered(&mut server, "/large", 200);
    let mut newcomer = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut newcomer), 503);
    let mut body = Vec::new();
    turn_until(&mut server, |_| {
        let _ = reader.read_to_end(&mut body);
        body.len() == LARGE
    });
}

#[test]
fn a4_refused_clients_that_have_their_answer_make_room_for_the_next() {
    let mut server = server(|limits| limits.max_connections = 1);
    let mut inside = open(&mut server);
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut client = ask(&server, &[]);
        assert_eq!(turn_until_answered(&mut server, &mut client), 503);
        crowd.push(client);
    }
    assert_eq!((server.tally().dropped, server.tally().evicted), (0, 0));
    echo(&mut server, &mut inside);
}

#[test]
fn a4_an_address_makes_room_for_itself() {
    // The answered one holds a place too.
    for first in [b"".to_vec(), b"GET /ws HTT".to_vec(), page("/page")] {
        let mut server = server(|limits| limits.max_connections_per_address = 3);
        let mut inside = open(&mut server);
        let mut oldest = come(&mut server, &first);
        if first.ends_with(b"\r\n\r\n") {
            assert_eq!(turn_until_answered(&mut server, &mut oldest), 200);
        }
        let mut second = open(&mut server);
        let mut newcomer = open(&mut server);
        assert_closed(&mut server, &mut oldest);
        for client in [&mut inside, &mut second, &mut newcomer] {
            echo(&mut server, client);
        }
        let mut refused = ask(&server, &[]);
        assert_eq!(turn_until_answered(&mut server, &mut refused), 429, "all of them are open");
    }
}

#[test]
fn a4_an_address_makes_no_room_for_others_of_its_own_when_it_is_in_vain() {
    let mut server = server(|limits| limits.max_connections_per_address = 5);
    let mut inside = [(); 3].map(|()| open(&mut server));
    let mut silent = [(); 2].map(|()| come(&mut server, b""));
    server.set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 3));
    let mut refused = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut refused), 429);
    for client in &mut silent {
        assert_waits(&mut server, client);
    }
    // Both have to go.
    server.set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 4));
    let _newcomer = open(&mut server);
    for client in &mut silent {
        assert_closed(&mut server, client);
    }
    for client in &mut inside {
        echo(&mut server, client);
    }
    assert_eq!(server.tally().evicted, 2);
}

#[test]
fn a4_another_address_makes_no_room() {
    if std::net::TcpListener::bind("127.0.0.2:0").is_err() {
        return; // Not every system has it.
    }
    let mut server = server(|limits| limits.max_connections_per_address = 1);
    let stranger = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a descriptor");
    stranger.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("it is free");
    stranger.connect(&server.local_addr().into()).expect("the server is listening");
    turn_until(&mut server, |server| server.connections() == 1);
    let mut inside = open(&mut server);
    let mut refused = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut refused), 429);
    echo(&mut server, &mut inside);
    assert_eq!(server.tally().evicted, 0);
}
