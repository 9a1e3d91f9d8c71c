//! A server that stops accepting, and keeps its sessions.

use crate::support::{
    Raw, Witness,
    loopback::LONG,
    memory::{Echo, Guest, RawClient, Served, server},
    request_head,
};
use statesocket::{
    Cause, CauseKind, Config,
    server::{HandleError, Limits, WhenFull},
};
use std::time::Duration;

#[test]
fn s15_the_backlog_of_a_server_that_stops_accepting_is_served() {
    for by_handle in [false, true] {
        let mut server = server(Config::default());
        let mut clients: Vec<_> = (0..300).map(|_| Guest::ask(&mut server)).collect();
        if by_handle {
            server.handle().stop_accepting().expect("the server is running");
        } else {
            server.stop_accepting();
        }
        server.settle();
        clients.iter_mut().for_each(|client| client.send_text("Hello").expect("the client is open"));
        server.settle();
        clients.iter_mut().for_each(|client| assert_eq!(client.receive_text(), "Hello"));
        let late = Guest::ask(&mut server);
        late.assert_ended(&mut server, None);
        assert!(!server.is_stopped());
        drop(clients);
        server.settle();
        assert!(server.is_stopped());
        assert_eq!(server.tally().accepted, 300);
    }
}

#[test]
fn s15_who_has_come_since_the_last_turn_is_served() {
    let mut server = server(Config::default());
    server.settle();
    let client = Guest::ask(&mut server);
    server.stop_accepting();
    client.assert_answered(&mut server, 101);
}

#[test]
fn s15_who_has_not_asked_when_the_server_stops_accepting_is_served() {
    let served = Served::echo(Config::default());
    let mut silent = RawClient::dial(&served);
    let mut begun = RawClient::dial(&served);
    let request = request_head("/ws", &[]);
    begun.write(&request[..30]);
    served.elsewhere(|handle| handle.stop_accepting()).expect("the server is running");
    served.settle();
    RawClient::dial(&served).rest().expect_err("nobody listens");
    silent.write(&request);
    begun.write(&request[30..]);
    for client in [&mut silent, &mut begun] {
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.echo("Hello");
    }
}

#[test]
fn s15_clients_that_wait_for_room_when_the_server_stops_accepting_get_a_503() {
    let served = Served::start(Config::default(), |server| {
        let limits = |limits: &mut Limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait);
        server.set_limits(Limits::default().with(limits));
        server.route("/ws", || Echo).expect("the route is new");
    });
    let mut inside = served.open();
    let mut waiting: Vec<_> = (0..20).map(|_| RawClient::dial(&served)).collect();
    for client in &mut waiting {
        client.write(&request_head("/ws", &[]));
    }
    served.handle.stop_accepting().expect("the server is running");
    for client in &mut waiting {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    inside.echo("still here");
}

#[test]
fn s15_a_shutdown_or_a_stop_follows_as_usual() {
    for stops in [false, true] {
        let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
        let mut open = served.open();
        calls.request();
        let mut silent = RawClient::dial(&served);
        let mut begun = RawClient::dial(&served);
        begun.write(&request_head("/ws", &[])[..30]);
        served.handle.stop_accepting().expect("the server is running");
        served.settle();
        RawClient::dial(&served).rest().expect_err("nobody listens");
        open.echo("still here");
        if stops {
            served.handle.stop().expect("the server is running");
        } else {
            served.handle.shutdown(1012, LONG).expect("the server is running");
            assert_eq!(open.frame(), Raw::close(1012, ""));
            open.send(Raw::close(1012, ""));
            assert!(begun.head().starts_with("HTTP/1.1 503 "));
        }
        for client in [&mut open, &mut silent, &mut begun] {
            assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        }
        drop((open, silent, begun));
        served.wait_for_end();
        let cause = if stops { Cause::Aborted } else { Cause::LocalClosed };
        assert_eq!(calls.end_after_all().disconnect.cause, cause);
    }
}

#[test]
fn s15_requests_that_arrive_with_the_shutdown_after_that_get_a_503() {
    let mut server = server(Config::default());
    let mut silent = Guest::dial(&mut server, "/ws");
    server.settle();
    assert_eq!(server.connections(), 1);
    server.stop_accepting();
    silent.ask_more(usize::MAX);
    server.handle().shutdown(1001, LONG).expect("the server is running");
    silent.assert_answered(&mut server, 503);
    assert!(server.is_stopped());
    assert_eq!(server.tally().ended(CauseKind::Rejected), 1);
}

#[test]
fn s15_an_empty_server_that_stops_accepting_has_stopped() {
    let mut first = server(Config::default());
    first.stop_accepting();
    assert!(first.is_stopped());
    assert_eq!(first.handle().stop(), Err(HandleError::Stopped));
    first.run().expect("it returns at once");

    let mut second = server(Config::default());
    second.handle().stop_accepting().expect("the server is running");
    second.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    assert!(second.is_stopped());
    second.stop_accepting();
    assert!(second.is_stopped());
}
