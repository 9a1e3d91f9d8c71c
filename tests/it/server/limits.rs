//! The limits of a server: what happens to a client over the limit, and that there is room again later.

use crate::server::without_linger_timeout;
use crate::support::loopback::{
    dial,
    turns::{ask, assert_waits, echo, open, server, turn_until, turn_until_answered},
};
use crate::support::request_head;
use statesocket::{
    CauseKind, Config,
    handshake::Request,
    server::{Handler, Limits, Server, Session, WhenFull},
};
use std::{io::Write, net::TcpStream};

fn limited(change: impl FnOnce(&mut Limits)) -> Server {
    limited_with(Config::default(), change)
}

fn limited_with(config: Config, change: impl FnOnce(&mut Limits)) -> Server {
    let mut server = server(config);
    let mut limits = Limits::default();
    change(&mut limits);
    server.set_limits(limits);
    server
}

#[track_caller]
fn refused(server: &mut Server, status: u16) -> TcpStream {
    let mut client = ask(server, &[]);
    assert_eq!(turn_until_answered(server, &mut client), status);
    client
}

#[test]
fn a_client_over_the_limit_gets_503_until_another_one_leaves() {
    let mut server = limited(|limits| limits.max_connections = 3);
    let mut clients: Vec<_> = (0..3).map(|_| open(&mut server)).collect();
    for _ in 0..3 {
        drop(refused(&mut server, 503));
    }
    for client in &mut clients {
        echo(&mut server, client);
    }
    turn_until(&mut server, |server| server.connections() == 3);
    drop(clients.pop());
    turn_until(&mut server, |server| server.connections() == 2);
    clients.push(open(&mut server));
    drop(refused(&mut server, 503));
    for client in &mut clients {
        echo(&mut server, client);
    }
}

#[test]
fn rejected_clients_take_nobodys_place() {
    let mut server = limited(|limits| limits.max_connections = 2);
    let (first, second) = (open(&mut server), open(&mut server));
    let refused: Vec<_> = (0..5).map(|_| refused(&mut server, 503)).collect();
    drop((first, second));
    turn_until(&mut server, |server| server.connections() == refused.len());
    let _served = [open(&mut server), open(&mut server)];
    let _refused = self::refused(&mut server, 503);
}

#[test]
fn the_number_of_clients_being_rejected_is_limited() {
    let mut server = limited_with(without_linger_timeout(), |limits| limits.max_connections = 1);
    let mut client = open(&mut server);
    let mut crowd = Vec::new();
    // At most as many at a time as the backlog holds.
    while crowd.len() < 300 {
        crowd.extend((0..50).map(|_| ask(&server, &[])));
        turn_until(&mut server, |server| server.tally().accepted == 1 + crowd.len() as u64);
    }
    // Those that have their answer make room.
    assert_eq!((server.connections(), server.tally().dropped), (1 + 256, 0));
    echo(&mut server, &mut client);
    drop(crowd);
    turn_until(&mut server, |server| server.connections() == 1);
    assert_eq!(server.tally().total_ended(), 300);
    drop(refused(&mut server, 503));
}

#[test]
fn a_client_over_the_limit_may_wait_until_another_one_leaves() {
    let mut server = limited(|limits| {
        limits.max_connections = 2;
        limits.when_full = WhenFull::Wait;
    });
    let (first, mut second) = (open(&mut server), open(&mut server));
    let (mut third, mut fourth) = (ask(&server, &[]), ask(&server, &[]));
    assert_waits(&mut server, &mut third);
    assert_eq!(server.connections(), 2);
    drop(first);
    assert_eq!(turn_until_answered(&mut server, &mut third), 101);
    assert_waits(&mut server, &mut fourth);
    echo(&mut server, &mut second);
    echo(&mut server, &mut third);
    drop(second);
    assert_eq!(turn_until_answered(&mut server, &mut fourth), 101);
    assert_eq!(server.tally().accepted, 4);
}

#[test]
fn a_server_without_room_rejects_everybody() {
    let mut server = limited(|limits| limits.max_connections = 0);
    drop(refused(&mut server, 503));
    turn_until(&mut server, |server| server.connections() == 0);
}

#[test]
fn an_address_over_its_limit_gets_429_until_a_client_leaves() {
    let mut server = limited(|limits| limits.max_connections_per_address = 2);
    let (first, mut second) = (open(&mut server), open(&mut server));
    let _refused = [refused(&mut server, 429), refused(&mut server, 429)];
    echo(&mut server, &mut second);
    drop(first);
    turn_until(&mut server, |server| server.connections() == 3);
    let _third = open(&mut server);
    drop(refused(&mut server, 429));
}

/// On Linux all of 127.0.0.0/8 is this machine.
#[cfg(target_os = "linux")]
#[test]
fn every_address_has_a_limit_of_its_own() {
    use socket2::{Domain, Socket, Type};
    use std::net::SocketAddr;

    let mut server = limited(|limits| limits.max_connections_per_address = 1);
    let from = |address: [u8; 4], server: &Server| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("the socket is open");
        socket.bind(&SocketAddr::from((address, 0)).into()).expect("an address of the loopback interface");
        socket.connect(&server.local_addr().into()).expect("the server is listening");
        let mut stream = TcpStream::from(socket);
        stream.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
        stream.set_nonblocking(true).expect("the socket is open");
        stream
    };
    let mut clients = Vec::new();
    for last in 1..=3 {
        for expected in [101, 429] {
            let mut client = from([127, 0, 0, last], &server);
            assert_eq!(turn_until_answered(&mut server, &mut client), expected, "127.0.0.{last}");
            clients.push(client);
        }
    }
    for mut client in clients.into_iter().step_by(2) {
        echo(&mut server, &mut client);
    }
}

#[test]
fn the_total_limit_comes_before_the_limit_of_an_address() {
    let mut server = limited(|limits| (limits.max_connections, limits.max_connections_per_address) = (1, 1));
    let _client = open(&mut server);
    drop(refused(&mut server, 503));
}

/// Answers as the query says: by a command of its own, at once, or not at all.
struct Waits;

impl Handler for Waits {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("own") => {
                let id = session.id();
                let accept = move |session: &mut Session<'_>| session.accept(Default::default()).expect("it waits");
                session.handle().with_session(id, accept).expect("the server is running");
            }
            Some("now") => session.accept(Default::default()).expect("it waits"),
            _ => {}
        }
    }
}

fn waiting(max: usize) -> Server {
    let mut server = limited(|limits| limits.max_waiting_requests = max);
    server.route("/wait", || Waits).expect("the route is new");
    server
}

/// A client that has been accepted and has asked for `/wait`.
fn asks(server: &mut Server, query: &str) -> TcpStream {
    let mut client = dial(server.local_addr());
    client.write_all(&request_head(&format!("/wait?{query}"), &[])).expect("the socket buffer has room");
    client.set_nonblocking(true).expect("the socket is open");
    let accepted = server.tally().accepted;
    turn_until(server, |server| server.tally().accepted > accepted);
    client
}

#[test]
fn a4_waiting_requests_have_a_limit_of_their_own() {
    let mut server = waiting(2);
    let mut waiting = [asks(&mut server, ""), asks(&mut server, "")];
    for client in &mut waiting {
        assert_waits(&mut server, client);
    }
    for _ in 0..2 {
        let mut third = asks(&mut server, "");
        assert_eq!(turn_until_answered(&mut server, &mut third), 503);
    }
    // Requests that are answered at once do not wait, nor do those that a command of their own handler answers.
    for query in ["now", "own"] {
        let mut quick = asks(&mut server, query);
        assert_eq!(turn_until_answered(&mut server, &mut quick), 101, "{query}");
    }
    let [first, mut second] = waiting;
    drop(first);
    turn_until(&mut server, |server| server.tally().ended(CauseKind::TransportLost) == 3);
    let mut next = asks(&mut server, "");
    assert_waits(&mut server, &mut next);
    assert_waits(&mut server, &mut second);
    assert_eq!(server.tally().ended(CauseKind::Rejected), 2);
}

#[test]
fn a4_waiting_requests_do_not_count_as_handshakes() {
    let mut server = waiting(10);
    server.set_limits(Limits::default().with(|limits| limits.max_handshakes = 1));
    let mut waiting: Vec<_> = (0..5).map(|_| asks(&mut server, "")).collect();
    let _open = open(&mut server);
    assert_eq!(server.connections(), 6);
    for client in &mut waiting {
        assert_waits(&mut server, client);
    }
}

#[test]
fn a4_a_lower_limit_leaves_the_requests_that_wait_already() {
    let mut server = waiting(10);
    let mut waiting = [asks(&mut server, ""), asks(&mut server, "")];
    for client in &mut waiting {
        assert_waits(&mut server, client);
    }
    server.set_limits(Limits::default().with(|limits| limits.max_waiting_requests = 0));
    for client in &mut waiting {
        client.write_all(b"\x81\x80\0\0\0\0").expect("the socket buffer has room");
        assert_waits(&mut server, client);
    }
    let mut third = asks(&mut server, "");
    assert_eq!(turn_until_answered(&mut server, &mut third), 503);
}
