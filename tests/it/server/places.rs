//! Room for new clients: who makes it, and who does not.

use crate::support::{
    Raw,
    loopback::{
        LONG, dial,
        turns::{Echo, ask, assert_waits, echo, open, turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    CauseKind, Config,
    handshake::Request,
    server::{Handler, Limits, Server, Session, WhenFull},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Leaves each request without an answer.
struct Waits;

impl Handler for Waits {
    fn on_request(&mut self, _: &mut Session<'_>, _: &Request) {}
}

fn server_at(address: &str, change: impl FnOnce(&mut Limits)) -> Server {
    let mut server = Server::bind(address, Config::default()).expect("a free port");
    server.route("/ws", || Echo).expect("the route is new");
    server.route("/wait", || Waits).expect("the route is new");
    server.set_limits(Limits::default().with(change));
    server
}

fn server(change: impl FnOnce(&mut Limits)) -> Server {
    server_at("127.0.0.1:0", change)
}

/// A client that has sent `bytes`, which the server has read.
fn come(server: &mut Server, bytes: &[u8]) -> TcpStream {
    let accepted = server.tally().accepted;
    let mut client = dial(server.local_addr());
    client.write_all(bytes).expect("the socket buffer has room");
    client.set_nonblocking(true).expect("the socket is open");
    turn_until(server, |server| server.tally().accepted > accepted);
    assert_waits(server, &mut client);
    client
}

/// Checks that the server has closed the connection, and returns what it sent before.
#[track_caller]
fn last_words(server: &mut Server, client: &mut TcpStream) -> String {
    let mut words = Vec::new();
    turn_until(server, |_| match client.read_to_end(&mut words) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    });
    String::from_utf8(words).expect("a head is ASCII")
}

/// Completes the request of a client that is not evicted.
#[track_caller]
fn complete(server: &mut Server, client: &mut TcpStream, rest: &[u8]) {
    client.write_all(rest).expect("the socket buffer has room");
    assert_eq!(turn_until_answered(server, client), 101);
    echo(server, client);
}

#[track_caller]
fn assert_adds_up(server: &Server, evicted: u64) {
    let tally = server.tally();
    assert_eq!((tally.evicted, tally.ended(CauseKind::Aborted)), (evicted, evicted), "{tally}");
    assert!(tally.total_ended() <= tally.accepted, "{tally}");
}

#[test]
fn a4_the_oldest_silent_client_makes_room_for_a_connection() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let mut server = server_at(address, |limits| (limits.max_connections, limits.when_full) = (3, when_full));
            let mut inside = open(&mut server);
            let [mut oldest, mut second] = [(); 2].map(|()| come(&mut server, b""));
            let mut newcomer = open(&mut server);
            assert_eq!(last_words(&mut server, &mut oldest), "");
            complete(&mut server, &mut second, &request_head("/ws", &[]));
            for client in [&mut inside, &mut newcomer] {
                echo(&mut server, client);
            }
            assert_adds_up(&server, 1);
        }
    }
}

#[test]
fn a4_the_oldest_silent_client_makes_room_for_a_handshake() {
    let mut server = server(|limits| limits.max_handshakes = 2);
    let [mut oldest, mut second] = [(); 2].map(|()| come(&mut server, b""));
    let mut newcomer = open(&mut server);
    assert_eq!(last_words(&mut server, &mut oldest), "");
    complete(&mut server, &mut second, &request_head("/ws", &[]));
    echo(&mut server, &mut newcomer);
    assert_adds_up(&server, 1);
}

#[test]
fn a4_an_unfinished_request_makes_room_if_no_client_is_silent() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 3,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (3, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 3,
    ] {
        let mut server = server(change);
        let (head, rest) = (&request_head("/ws", &[])[..20], &request_head("/ws", &[])[20..]);
        // This one comes first and speaks last.
        let mut first = come(&mut server, b"");
        let mut second = come(&mut server, head);
        first.write_all(head).expect("the socket buffer has room");
        assert_waits(&mut server, &mut first);
        let mut silent = come(&mut server, b"");

        let mut third = come(&mut server, head);
        assert_eq!(last_words(&mut server, &mut silent), "");
        let _newcomer = open(&mut server);
        let answer = last_words(&mut server, &mut first);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        for client in [&mut second, &mut third] {
            complete(&mut server, client, rest);
        }
        assert_adds_up(&server, 2);
    }
}

/// A client needs a moment between its connect and its request.
#[test]
fn a4_the_newest_silent_client_stays_amid_half_requests() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 8,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (8, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 8,
    ] {
        let mut server = server(change);
        let head = &request_head("/ws", &[])[..20];
        let mut crowd: Vec<_> = (0..7).map(|_| come(&mut server, head)).collect();
        let mut silent = come(&mut server, b"");
        crowd.push(come(&mut server, head));
        let answer = last_words(&mut server, &mut crowd[0]);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        complete(&mut server, &mut silent, &request_head("/ws", &[]));
        assert_adds_up(&server, 1);
    }
}

#[test]
fn a4_an_older_silent_client_makes_room_amid_half_requests() {
    let mut server = server(|limits| limits.max_handshakes = 8);
    let head = &request_head("/ws", &[])[..20];
    let mut crowd: Vec<_> = (0..5).map(|_| come(&mut server, head)).collect();
    let mut silent = come(&mut server, b"");
    crowd.extend((0..3).map(|_| come(&mut server, head)));
    assert_eq!(last_words(&mut server, &mut silent), "");
    for client in &mut crowd {
        complete(&mut server, client, &request_head("/ws", &[])[20..]);
    }
    assert_adds_up(&server, 1);
}

#[test]
fn a4_open_clients_and_whole_requests_make_no_room() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let mut server = server(|limits| (limits.max_connections, limits.when_full) = (2, when_full));
        let mut inside = open(&mut server);
        let mut waiting = come(&mut server, &request_head("/wait", &[]));
        let mut newcomer = ask(&server, &[]);
        match when_full {
            WhenFull::Wait => assert_waits(&mut server, &mut newcomer),
            _ => assert_eq!(turn_until_answered(&mut server, &mut newcomer), 503),
        }
        echo(&mut server, &mut inside);
        assert_waits(&mut server, &mut waiting);
        assert_adds_up(&server, 0);
    }
}

#[test]
fn a4_a_client_whose_request_has_just_arrived_is_served() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, when_full));
        let mut first = come(&mut server, b"");
        let mut newcomer = ask(&server, &[]);
        first.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
        assert_eq!(turn_until_answered(&mut server, &mut first), 101);
        match when_full {
            WhenFull::Wait => assert_waits(&mut server, &mut newcomer),
            _ => assert_eq!(turn_until_answered(&mut server, &mut newcomer), 503),
        }
        echo(&mut server, &mut first);
        assert_adds_up(&server, 0);
        if when_full == WhenFull::Wait {
            drop(first);
            assert_eq!(turn_until_answered(&mut server, &mut newcomer), 101);
        }
    }
}

#[test]
fn a4_a_client_that_has_just_left_makes_room() {
    let mut server = server(|limits| limits.max_connections = 1);
    drop(come(&mut server, b""));
    let _newcomer = open(&mut server);
    assert_adds_up(&server, 0);
    assert_eq!(server.tally().ended(CauseKind::TransportLost), 1);
}

#[test]
fn a4_many_silent_clients_take_one_place_after_another_in_one_turn() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 1,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 1,
    ] {
        let mut server = server(change);
        let mut crowd: Vec<_> = (0..50).map(|_| dial(server.local_addr())).collect();
        let mut last = ask(&server, &[]);
        assert_eq!(turn_until_answered(&mut server, &mut last), 101);
        for client in &mut crowd {
            client.set_nonblocking(true).expect("the socket is open");
            assert_eq!(last_words(&mut server, client), "");
        }
        echo(&mut server, &mut last);
        assert_adds_up(&server, 50);
    }
}

#[test]
fn a4_a_silent_client_that_is_being_refused_makes_room_for_the_next() {
    let mut server = server(|limits| limits.max_connections = 1);
    let mut inside = open(&mut server);
    let mut crowd = Vec::new();
    while crowd.len() < 256 {
        crowd.extend((0..64).map(|_| dial(server.local_addr())));
        turn_until(&mut server, |server| server.connections() == 1 + crowd.len());
    }
    let mut next = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut next), 503);
    crowd[0].set_nonblocking(true).expect("the socket is open");
    assert_eq!(last_words(&mut server, &mut crowd[0]), "");
    echo(&mut server, &mut inside);
    assert_eq!((server.tally().evicted, server.tally().dropped), (1, 0));
}

#[test]
fn a4_nobody_makes_room_in_vain_below_a_lower_limit() {
    let mut server = server(|limits| limits.max_connections = 5);
    let mut inside = [(); 3].map(|()| open(&mut server));
    let mut silent = [(); 2].map(|()| come(&mut server, b""));
    server.set_limits(Limits::default().with(|limits| limits.max_connections = 3));
    let mut refused = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut refused), 503);
    assert_eq!(server.tally().evicted, 0, "even without them there is no room");

    server.set_limits(Limits::default().with(|limits| limits.max_connections = 4));
    let _newcomer = open(&mut server);
    for client in &mut silent {
        assert_eq!(last_words(&mut server, client), "");
    }
    for client in &mut inside {
        echo(&mut server, client);
    }
    assert_adds_up(&server, 2);
}

#[test]
fn a4_a_client_without_room_is_answered_when_the_server_stops() {
    let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait));
    let mut first = come(&mut server, b"");
    let mut newcomers = [ask(&server, &[]), ask(&server, &[])];
    first.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    // The first of them has been accepted when it turns out that nobody makes room.
    assert_eq!(turn_until_answered(&mut server, &mut first), 101);
    server.handle().shutdown(1001, LONG).expect("the server is running");
    for newcomer in &mut newcomers {
        assert_eq!(turn_until_answered(&mut server, newcomer), 503);
    }
    first.write_all(&Raw::close(1001, "").masked().bytes()).expect("the socket buffer has room");
    drop((first, newcomers));
    turn_until(&mut server, Server::is_stopped);
    assert_eq!((server.tally().accepted, server.tally().total_ended(), server.tally().evicted), (3, 3, 0));
}

#[test]
fn a4_a_server_that_waits_for_room_does_not_spin() {
    let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait));
    let mut first = come(&mut server, b"");
    let mut newcomer = ask(&server, &[]);
    first.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    assert_eq!(turn_until_answered(&mut server, &mut first), 101);
    assert_waits(&mut server, &mut newcomer);
    let begin = Instant::now();
    server.turn(Some(Duration::from_millis(100))).expect("the loop does not fail");
    assert!(begin.elapsed() >= Duration::from_millis(100), "there is nothing to do");
}

struct Stops;

impl Handler for Stops {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.handle().stop().expect("the server is running");
    }
}

#[test]
fn a4_a_handler_may_stop_the_server_while_room_is_made() {
    let mut server = server(|limits| limits.max_connections = 1);
    server.route("/stop", || Stops).expect("the route is new");
    let mut first = come(&mut server, b"");
    let _newcomer = ask(&server, &[]);
    first.write_all(&request_head("/stop", &[])).expect("the socket buffer has room");
    turn_until(&mut server, Server::is_stopped);
    assert_eq!((server.tally().total_ended(), server.tally().ended(CauseKind::Aborted)), (server.tally().accepted, 1));
}
