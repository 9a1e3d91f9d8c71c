//! The timeout of the opening handshake.

use crate::support::{
    accepted_head, drain, pending, request_head, response_head,
    timers::{
        LINGER, OPENING, SECOND, assert_lingers_from, assert_runs_until, assert_stands_still, assert_timed_out, client,
        feed_at, timed,
    },
};
use statesocket::{Cause, Connection, Event, Phase, SocketAction, Timer, handshake::Accept};
use std::time::{Duration, Instant};

#[test]
fn opening_fires_for_a_server_without_input() {
    let start = Instant::now();
    let mut server = Connection::server(timed(), start);
    assert_runs_until(&mut server, start + OPENING, Timer::Opening);
    server.handle_timeout(start + OPENING);
    assert_eq!(server.output(), b"", "there is no request to answer");
    assert_timed_out(&mut server, Timer::Opening);
    assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None));
    assert_stands_still(&mut server, start + OPENING);
}

/// A loop may take the time before it makes the connection.
#[test]
fn bytes_from_before_a_server_was_made_do_not_move_its_opening_deadline() {
    let before = Instant::now();
    let start = before + SECOND;
    let mut server = Connection::server(timed(), start);
    assert_eq!(feed_at(&mut server, b"G", before), 0);
    assert_eq!(server.last_heard(), before);
    assert_runs_until(&mut server, start + OPENING, Timer::Opening);
}

#[test]
fn opening_is_answered_with_408_for_a_partial_request() {
    let start = Instant::now();
    let request = request_head("/chat", &[]);
    for len in [1, 20, request.len() - 1] {
        let mut server = Connection::server(timed(), start);
        for (i, byte) in request[..len].iter().enumerate() {
            let now = start + Duration::from_millis(i as u64);
            assert_eq!(feed_at(&mut server, &[*byte], now), 0);
        }
        assert_runs_until(&mut server, start + OPENING, Timer::Opening);
        let late = start + OPENING + SECOND;
        server.handle_timeout(late);
        assert_timed_out(&mut server, Timer::Opening);
        let answer = drain(&mut server);
        assert!(answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"), "after {len} bytes: {answer:?}");
        assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
        assert_eq!(feed_at(&mut server, &request[len..], late), 0, "the rest comes too late");
        assert_runs_until(&mut server, late + LINGER, Timer::Linger);
    }
}

#[test]
fn opening_fires_for_a_client_without_a_complete_answer() {
    let start = Instant::now();
    for answer in [&b""[..], b"HTTP/1.1 101 Switching", b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut client = client(timed(), start);
        assert_eq!(feed_at(&mut client, answer, start + SECOND), 0);
        assert_runs_until(&mut client, start + OPENING, Timer::Opening);
        client.handle_timeout(start + OPENING);
        assert_eq!(client.output(), b"", "the unwritten request is dropped");
        assert_timed_out(&mut client, Timer::Opening);
        assert_eq!(client.poll_socket(), Some(SocketAction::Close));
        assert_stands_still(&mut client, start + OPENING);
    }
}

#[test]
fn opening_ends_with_the_request_however_long_the_answer_takes() {
    let start = Instant::now();
    let mut server = Connection::server(timed(), start);
    assert_eq!(feed_at(&mut server, &request_head("/chat", &[]), start), 1);
    assert_stands_still(&mut server, start);
    assert_eq!(server.phase(), Phase::Requested);
    server.accept(Accept::new()).unwrap();
    assert_stands_still(&mut server, start);

    let mut client = client(timed(), start);
    let answer = accepted_head(&drain(&mut client), &[]);
    assert_eq!(feed_at(&mut client, &answer, start), 1);
    assert_stands_still(&mut client, start);
}

#[test]
fn a_server_lingers_after_a_rejection() {
    let start = Instant::now();
    let mut server = Connection::server(timed(), start);
    assert_eq!(feed_at(&mut server, &request_head("/chat", &[]), start), 1);
    server.close(1000, "").unwrap();
    drain(&mut server);
    assert_eq!(pending(&mut server).len(), 1);
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
    assert_lingers_from(&mut server, start + SECOND);
}

/// A client that has received half of the body of a rejection.
fn half_rejected(start: Instant) -> Connection {
    let mut client = client(timed(), start);
    drain(&mut client);
    let answer = response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "10")]);
    assert_eq!(feed_at(&mut client, &answer, start), 0);
    assert_eq!(feed_at(&mut client, b"half ", start), 0);
    client
}

#[test]
fn the_opening_timeout_covers_the_body_of_a_rejection() {
    let start = Instant::now();
    let mut client = half_rejected(start);
    assert_runs_until(&mut client, start + OPENING, Timer::Opening);
    assert_eq!(feed_at(&mut client, b"whole", start), 2, "the rejection and the Disconnect");
    assert_stands_still(&mut client, start);
}

#[test]
fn a_rejection_with_an_endless_body_is_still_reported() {
    let start = Instant::now();
    let mut client = half_rejected(start);
    client.handle_timeout(start + OPENING);
    let events = pending(&mut client);
    let [Event::Rejected(response), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((response.status.as_u16(), &response.body[..]), (404, &b"half "[..]));
    assert_eq!(disconnect.cause, Cause::Rejected(response.status));
}
