//! Requests that a server has not read when it is stopped.

use crate::support::{
    loopback::LONG,
    memory::{Guest, server},
};
use statesocket::{CauseKind, CloseCode, Config, server::Limits};
use std::time::Duration;

#[test]
fn requests_in_the_backlog_are_answered_with_503() {
    let mut server = server(Config::default());
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    let clients: Vec<_> = (0..50).map(|_| Guest::ask(&mut server)).collect();
    server.handle().shutdown(1001, LONG).expect("the server is running");
    for client in &clients {
        client.assert_answered(&mut server, 503);
    }
    assert!(server.is_stopped());
    assert_eq!((server.tally().accepted, server.tally().ended(CauseKind::Rejected)), (50, 50));
}

#[test]
fn unread_requests_are_answered_with_503() {
    let mut server = server(Config::default());
    server.set_limits(Limits::default().with(|limits| limits.max_connections = 2));
    let mut silent = [(); 2].map(|()| Guest::dial(&mut server, "/ws"));
    server.settle();
    assert_eq!(server.connections(), 2);
    server.handle().shutdown(1001, LONG).expect("the server is running");
    silent.iter_mut().for_each(|client| client.ask_more(usize::MAX));
    for client in &silent {
        client.assert_answered(&mut server, 503);
    }
    assert!(server.is_stopped());
}

#[test]
fn an_open_connection_gets_a_close_and_no_503() {
    let mut server = server(Config::default());
    let mut client = Guest::ask(&mut server);
    client.assert_answered(&mut server, 101);
    server.handle().shutdown(1012, LONG).expect("the server is running");
    server.settle();
    assert_eq!(client.receive_end().code, CloseCode::from(1012));
    assert!(server.is_stopped());
    assert_eq!(server.tally().clean, 1);
}
