//! Requests that a server has not read when it is stopped.

use crate::support::{
    Raw,
    loopback::{
        LONG, dial,
        turns::{ask, server, turn_until, turn_until_answered, turn_until_received},
    },
    request_head,
};
use statesocket::{
    CauseKind, Config,
    server::{Limits, Server},
};
use std::{io::Write, time::Duration};

#[test]
fn requests_in_the_backlog_are_answered_with_503() {
    let mut server = server(Config::default());
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    let mut clients: Vec<_> = (0..50).map(|_| ask(&server, &[])).collect();
    server.handle().shutdown(1001, LONG).expect("the server is running");
    for client in &mut clients {
        assert_eq!(turn_until_answered(&mut server, client), 503);
    }
    drop(clients);
    turn_until(&mut server, Server::is_stopped);
    assert_eq!((server.tally().accepted, server.tally().ended(CauseKind::Rejected)), (50, 50));
}

#[test]
fn unread_requests_are_answered_with_503() {
    let mut server = server(Config::default());
    let mut limits = Limits::default();
    limits.max_connections = 2;
    server.set_limits(limits);
    let mut silent = [(); 2].map(|()| dial(server.local_addr()));
    turn_until(&mut server, |server| server.connections() == 2);
    server.handle().shutdown(1001, LONG).expect("the server is running");
    for client in &mut silent {
        client.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    }
    for client in &mut silent {
        client.set_nonblocking(true).expect("the socket is open");
        assert_eq!(turn_until_answered(&mut server, client), 503);
    }
    drop(silent);
    turn_until(&mut server, Server::is_stopped);
}

#[test]
fn an_open_connection_gets_a_close_and_no_503() {
    let mut server = server(Config::default());
    let mut client = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut client), 101);
    server.handle().shutdown(1012, LONG).expect("the server is running");
    turn_until_received(&mut server, &mut client, &Raw::close(1012, "").bytes());
    client.write_all(&Raw::close(1012, "").masked().bytes()).expect("the socket buffer has room");
    drop(client);
    turn_until(&mut server, Server::is_stopped);
    assert_eq!(server.tally().clean, 1);
}
