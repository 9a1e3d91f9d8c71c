//! The limits of a server: what happens to a client over the limit, and that there is room again later.

use crate::support::memory::{Guest, server};
use statesocket::{
    CauseKind, Config,
    handshake::Request,
    server::{Handler, Limits, Session, WhenFull},
    testing::TestServer,
};

fn limited(change: impl FnOnce(&mut Limits)) -> TestServer {
    let mut server = server(Config::default());
    server.set_limits(Limits::default().with(change));
    server
}

/// A client that is refused and keeps its end of the connection.
#[track_caller]
fn refused(server: &mut TestServer, status: u16) -> Guest {
    let mut client = Guest::ask(server);
    client.stop_reading();
    server.settle();
    let answer = client.receive_raw();
    assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{}", String::from_utf8_lossy(&answer));
    client
}

#[test]
fn a_client_over_the_limit_gets_503_until_another_one_leaves() {
    let mut server = limited(|limits| limits.max_connections = 3);
    let mut clients: Vec<_> = (0..3).map(|_| Guest::open(&mut server)).collect();
    for _ in 0..3 {
        drop(refused(&mut server, 503));
    }
    for client in &mut clients {
        client.echo(&mut server);
    }
    server.settle();
    assert_eq!(server.connections(), 3);
    drop(clients.pop());
    server.settle();
    assert_eq!(server.connections(), 2);
    clients.push(Guest::open(&mut server));
    drop(refused(&mut server, 503));
    for client in &mut clients {
        client.echo(&mut server);
    }
}

#[test]
fn rejected_clients_take_nobodys_place() {
    let mut server = limited(|limits| limits.max_connections = 2);
    let (first, second) = (Guest::open(&mut server), Guest::open(&mut server));
    let refused: Vec<_> = (0..5).map(|_| refused(&mut server, 503)).collect();
    drop((first, second));
    server.settle();
    assert_eq!(server.connections(), refused.len());
    let _served = [Guest::open(&mut server), Guest::open(&mut server)];
    let _refused = self::refused(&mut server, 503);
}

#[test]
fn the_number_of_clients_being_rejected_is_limited() {
    let mut server = limited(|limits| limits.max_connections = 1);
    let mut client = Guest::open(&mut server);
    let crowd: Vec<_> = (0..300).map(|_| refused(&mut server, 503)).collect();
    // Those that have their answer make room.
    assert_eq!((server.connections(), server.tally().dropped), (1 + 256, 0));
    client.echo(&mut server);
    drop(crowd);
    server.settle();
    assert_eq!(server.connections(), 1);
    assert_eq!(server.tally().total_ended(), 300);
    drop(refused(&mut server, 503));
}

#[test]
fn a_client_over_the_limit_may_wait_until_another_one_leaves() {
    let mut server = limited(|limits| {
        limits.max_connections = 2;
        limits.when_full = WhenFull::Wait;
    });
    let (first, mut second) = (Guest::open(&mut server), Guest::open(&mut server));
    let (mut third, fourth) = (Guest::ask(&mut server), Guest::ask(&mut server));
    third.assert_waits(&mut server);
    assert_eq!(server.connections(), 2);
    drop(first);
    third.assert_answered(&mut server, 101);
    fourth.assert_waits(&mut server);
    second.echo(&mut server);
    third.echo(&mut server);
    drop(second);
    fourth.assert_answered(&mut server, 101);
    assert_eq!(server.tally().accepted, 4);
}

#[test]
fn a_server_without_room_rejects_everybody() {
    let mut server = limited(|limits| limits.max_connections = 0);
    drop(refused(&mut server, 503));
    server.settle();
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_address_over_its_limit_gets_429_until_a_client_leaves() {
    let mut server = limited(|limits| limits.max_connections_per_address = 2);
    let (first, mut second) = (Guest::open(&mut server), Guest::open(&mut server));
    let _refused = [refused(&mut server, 429), refused(&mut server, 429)];
    second.echo(&mut server);
    drop(first);
    server.settle();
    assert_eq!(server.connections(), 3);
    let _third = Guest::open(&mut server);
    drop(refused(&mut server, 429));
}

#[test]
fn every_address_has_a_limit_of_its_own() {
    let mut server = limited(|limits| limits.max_connections_per_address = 1);
    let mut clients = Vec::new();
    for last in 1..=3 {
        for expected in [101, 429] {
            let mut client = Guest::dial_from(&mut server, "/ws", [127, 0, 0, last].into());
            client.ask_more(usize::MAX);
            client.assert_answered(&mut server, expected);
            clients.push(client);
        }
    }
    for mut client in clients.into_iter().step_by(2) {
        client.echo(&mut server);
    }
}

#[test]
fn the_total_limit_comes_before_the_limit_of_an_address() {
    let mut server = limited(|limits| (limits.max_connections, limits.max_connections_per_address) = (1, 1));
    let _client = Guest::open(&mut server);
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

fn waiting(max: usize) -> TestServer {
    let mut server = limited(|limits| limits.max_waiting_requests = max);
    server.route("/wait", || Waits).expect("the route is new");
    server
}

/// A client that has been accepted and has asked for `/wait`.
fn asks(server: &mut TestServer, query: &str) -> Guest {
    let mut client = Guest::dial(server, &format!("/wait?{query}"));
    client.ask_more(usize::MAX);
    server.settle();
    client
}

#[test]
fn a4_waiting_requests_have_a_limit_of_their_own() {
    let mut server = waiting(2);
    let mut waiting = [asks(&mut server, ""), asks(&mut server, "")];
    for client in &mut waiting {
        client.assert_waits(&mut server);
    }
    for _ in 0..2 {
        let third = asks(&mut server, "");
        third.assert_answered(&mut server, 503);
    }
    // Requests that are answered at once do not wait, nor do those that a command of their own handler answers.
    for query in ["now", "own"] {
        let quick = asks(&mut server, query);
        quick.assert_answered(&mut server, 101);
    }
    let [first, second] = waiting;
    drop(first);
    server.settle();
    assert_eq!(server.tally().ended(CauseKind::TransportLost), 3);
    let next = asks(&mut server, "");
    next.assert_waits(&mut server);
    second.assert_waits(&mut server);
    assert_eq!(server.tally().ended(CauseKind::Rejected), 2);
}

#[test]
fn a4_waiting_requests_do_not_count_as_handshakes() {
    let mut server = waiting(10);
    server.set_limits(Limits::default().with(|limits| limits.max_handshakes = 1));
    let mut waiting: Vec<_> = (0..5).map(|_| asks(&mut server, "")).collect();
    let _open = Guest::open(&mut server);
    assert_eq!(server.connections(), 6);
    for client in &mut waiting {
        client.assert_waits(&mut server);
    }
}

#[test]
fn a4_a_lower_limit_leaves_the_requests_that_wait_already() {
    let mut server = waiting(10);
    let mut waiting = [asks(&mut server, ""), asks(&mut server, "")];
    for client in &mut waiting {
        client.assert_waits(&mut server);
    }
    server.set_limits(Limits::default().with(|limits| limits.max_waiting_requests = 0));
    for client in &mut waiting {
        client.send_raw(b"\x81\x80\0\0\0\0");
        client.assert_waits(&mut server);
    }
    let third = asks(&mut server, "");
    third.assert_answered(&mut server, 503);
}
