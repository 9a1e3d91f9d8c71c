//! A server whose loop the test turns itself, and its clients on the same thread.

use super::{PATIENCE, dial};
use crate::support::{Raw, request_head};
use statesocket::{
    Config, Message,
    server::{Handler, Server, Session},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

pub(crate) struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("the connection is open");
    }
}

pub(crate) fn server(config: Config) -> Server {
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    server.route("/ws", || Echo).expect("the route is new");
    server
}

/// Turns until `is_done`.
#[track_caller]
pub(crate) fn turn_until(server: &mut Server, mut is_done: impl FnMut(&Server) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_done(server) {
        assert!(Instant::now() < deadline, "the condition is never met");
        server.turn(Some(Duration::from_millis(10))).expect("the loop does not fail");
    }
}

/// Turns until `expected` has arrived.
#[track_caller]
pub(crate) fn turn_until_received(server: &mut Server, stream: &mut TcpStream, expected: &[u8]) {
    stream.set_nonblocking(true).expect("the socket is open");
    let mut received = Vec::new();
    turn_until(server, |_| {
        let mut buffer = vec![0; expected.len() - received.len()];
        match stream.read(&mut buffer) {
            Ok(n) => received.extend_from_slice(&buffer[..n]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        received.len() == expected.len()
    });
    stream.set_nonblocking(false).expect("the socket is open");
    assert_eq!(received, expected);
}

/// A non-blocking socket that has sent a request for `/ws`.
pub(crate) fn ask(server: &Server, changes: &[(&str, &str)]) -> TcpStream {
    let mut stream = dial(server.local_addr());
    stream.write_all(&request_head("/ws", changes)).expect("the socket buffer has room");
    stream.set_nonblocking(true).expect("the socket is open");
    stream
}

/// Turns until the head of an answer has arrived. Returns the status.
#[track_caller]
pub(crate) fn turn_until_answered(server: &mut Server, stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    turn_until(server, |_| {
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            head.extend(byte);
        }
        head.ends_with(b"\r\n\r\n")
    });
    let head = String::from_utf8(head).expect("a head is ASCII");
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// A client that is open and has got its echo.
#[track_caller]
pub(crate) fn open(server: &mut Server) -> TcpStream {
    let mut client = ask(server, &[]);
    assert_eq!(turn_until_answered(server, &mut client), 101);
    echo(server, &mut client);
    client
}

#[track_caller]
pub(crate) fn echo(server: &mut Server, client: &mut TcpStream) {
    client.write_all(&Raw::new(Raw::TEXT, "Hello").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(server, client, &Raw::new(Raw::TEXT, "Hello").bytes());
    client.set_nonblocking(true).expect("the socket is open");
}
