//! The tally of all connections.

use crate::support::loopback::{
    LONG, dial,
    turns::{ask, turn_until, turn_until_answered, turn_until_received},
};
use crate::support::{Raw, accepted_head, request_head};
use statesocket::{
    CauseKind, Config,
    handshake::{Request, Response},
    http::StatusCode,
    server::{Handler, Server, Session, Tally},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Does what the query says.
struct Obedient;

impl Handler for Obedient {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("reject") => {
                session.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request is pending");
                return;
            }
            Some("wait") => return,
            Some("panic") => panic!("as the test wants it"),
            _ => session.accept(Default::default()).expect("a request is pending"),
        }
        match request.raw_query() {
            Some("close") => session.close(1000, "").expect("the connection is open"),
            Some("abort") => session.abort(),
            _ => {}
        }
    }
}

fn server() -> Server {
    let mut config = Config::default();
    config.opening_timeout = Some(Duration::from_millis(500));
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    server.route("/ws", || Obedient).expect("the route is new");
    server
}

/// A client sends `bytes`; turns until its connection has ended.
fn ends_after(server: &mut Server, bytes: &[u8]) {
    let ended = server.tally().total_ended();
    let mut stream = dial(server.local_addr());
    stream.write_all(bytes).expect("the socket buffer has room");
    turn_until(server, |server| server.tally().total_ended() > ended);
    finish(server, stream);
}

fn finish(server: &mut Server, mut stream: TcpStream) {
    stream.set_nonblocking(true).expect("the socket is open");
    let mut buffer = [0; 1000];
    turn_until(server, |_| {
        let read = stream.read(&mut buffer);
        read.is_ok_and(|count| count == 0) || server_is_gone(&stream)
    });
    drop(stream);
    turn_until(server, |server| server.connections() == 0);
}

fn server_is_gone(stream: &TcpStream) -> bool {
    stream.take_error().is_ok_and(|error| error.is_some())
}

fn open_then(target: &str, frames: &[Raw]) -> Vec<u8> {
    let frames = frames.iter().flat_map(|frame| frame.clone().masked().bytes());
    request_head(target, &[]).into_iter().chain(frames).collect()
}

/// The kinds of ends that have occurred, with their numbers.
fn ended(tally: &Tally) -> Vec<(CauseKind, u64)> {
    let all = CauseKind::ALL.map(|kind| (kind, tally.ended(kind)));
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn the_tally_adds_up_by_cause() {
    let mut server = server();
    for _ in 0..3 {
        ends_after(&mut server, &open_then("/ws", &[Raw::close(1000, "")]));
    }
    for _ in 0..2 {
        ends_after(&mut server, &open_then("/ws?close", &[Raw::close(1000, "")]));
    }
    ends_after(&mut server, &open_then("/ws?reject", &[]));
    ends_after(&mut server, &open_then("/nowhere", &[]));
    ends_after(&mut server, &open_then("/ws?panic", &[]));
    ends_after(&mut server, b"nonsense\r\n\r\n");
    ends_after(&mut server, &open_then("/ws", &[Raw::new(0xB, "")]));
    ends_after(&mut server, &open_then("/ws", &[Raw::new(Raw::TEXT, b"\xFF")]));
    ends_after(&mut server, &open_then("/ws?abort", &[]));
    // These two time out, since they send no more.
    ends_after(&mut server, b"GET");
    ends_after(&mut server, b"");
    drop(dial(server.local_addr()));
    turn_until(&mut server, |server| server.tally().total_ended() == 15);

    let expected = [
        (CauseKind::PeerClosed, 3),
        (CauseKind::LocalClosed, 2),
        (CauseKind::Rejected, 3),
        (CauseKind::Handshake, 1),
        (CauseKind::Protocol, 2),
        (CauseKind::TransportLost, 1),
        (CauseKind::TimedOut, 2),
        (CauseKind::Aborted, 1),
    ];
    let tally = server.tally();
    assert_eq!(ended(tally), expected);
    assert_eq!((tally.accepted, tally.dropped, tally.clean), (15, 0, 5));
    assert_eq!(
        tally.to_string(),
        "15 accepted, 15 ended, 5 clean, 3 peer closed, 2 closed locally, 3 rejected, 1 handshake failed, \
         2 protocol violation, 1 transport lost, 2 timed out, 1 aborted"
    );
}

#[test]
fn the_tally_counts_present_connections_as_accepted() {
    let mut server = server();
    assert_eq!(*server.tally(), Default::default());
    assert_eq!(server.tally().to_string(), "0 accepted, 0 ended, 0 clean");
    let mut client = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut client), 101);
    assert_eq!((server.tally().accepted, server.tally().total_ended()), (1, 0));
}

#[test]
fn the_tally_adds_up_after_a_stop() {
    for is_graceful in [true, false] {
        let mut server = server();
        let mut open = ask(&server, &[]);
        assert_eq!(turn_until_answered(&mut server, &mut open), 101);
        let _waiting = ask_and_turn(&mut server, "/ws?wait", 2);
        let _silent = ask_and_turn(&mut server, "", 3);
        let handle = server.handle();
        if is_graceful {
            handle.shutdown(1001, LONG).expect("the server is running");
            turn_until_received(&mut server, &mut open, &Raw::close(1001, "").bytes());
            open.write_all(&Raw::close(1001, "").masked().bytes()).expect("the socket buffer has room");
        } else {
            handle.stop().expect("the server is running");
        }
        drop((_waiting, open));
        turn_until(&mut server, Server::is_stopped);
        let tally = server.tally();
        let expected = if is_graceful {
            &[(CauseKind::LocalClosed, 1), (CauseKind::Rejected, 1), (CauseKind::Aborted, 1)][..]
        } else {
            &[(CauseKind::Aborted, 3)]
        };
        assert_eq!(ended(tally), expected);
        assert_eq!((tally.accepted, tally.clean), (3, u64::from(is_graceful)));
    }
}

/// A client that requests `target`; an empty `target` sends nothing. Turns until the server has `count` connections.
fn ask_and_turn(server: &mut Server, target: &str, count: usize) -> TcpStream {
    let mut stream = dial(server.local_addr());
    if !target.is_empty() {
        stream.write_all(&request_head(target, &[])).expect("the socket buffer has room");
    }
    turn_until(server, |server| server.connections() == count);
    for _ in 0..5 {
        server.turn(Some(Duration::from_millis(5))).expect("the loop does not fail");
    }
    stream
}

#[test]
fn a_connection_that_came_before_the_answer_was_read_counts() {
    let mut server = server();
    let mut client = ask(&server, &[]);
    client.set_nonblocking(false).expect("the socket is open");
    turn_until_received(&mut server, &mut client, &accepted_head(&request_head("/ws", &[]), &[]));
    drop(client);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(server.tally().ended(CauseKind::TransportLost), 1);
}
