//! The deadline of the opening handshake.

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
fn opening_of_a_server_that_hears_nothing() {
    let start = Instant::now();
    let mut server = Connection::server(timed(), start);
    assert_runs_until(&mut server, start + OPENING, Timer::Opening);
    server.handle_timeout(start + OPENING);
    assert_eq!(server.transmit(), b"", "there is nothing to answer");
    assert_timed_out(&mut server, Timer::Opening);
    assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None));
    assert_stands_still(&mut server, start + OPENING);
}

/// A loop that asked for the time before it made the connection hands in an earlier one.
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
fn opening_of_a_server_that_hears_a_part_is_answered_with_408() {
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
        assert_eq!(feed_at(&mut server, &request[len..], late), 0, "too late");
        assert_runs_until(&mut server, late + LINGER, Timer::Linger);
    }
}

#[test]
fn opening_of_a_client_that_hears_no_whole_answer() {
    let start = Instant::now();
    for answer in [&b""[..], b"HTTP/1.1 101 Switching", b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut client = client(timed(), start);
        assert_eq!(feed_at(&mut client, answer, start + SECOND), 0);
        assert_runs_until(&mut client, start + OPENING, Timer::Opening);
        client.handle_timeout(start + OPENING);
        assert_eq!(client.transmit(), b"", "the request that has not left never will");
        assert_timed_out(&mut client, Timer::Opening);
        assert_eq!(client.poll_socket(), Some(SocketAction::Close));
        assert_stands_still(&mut client, start + OPENING);
    }
}

#[test]
fn opening_ends_with_the_handshake_whatever_the_application_takes() {
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
fn a_server_whose_client_goes_away_slowly_lingers_after_a_rejection() {
    let start = Instant::now();
    let mut server = Connection::server(timed(), start);
    assert_eq!(feed_at(&mut server, &request_head("/chat", &[]), start), 1);
    server.close(1000, "").unwrap();
    drain(&mut server);
    assert_eq!(pending(&mut server).len(), 1);
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
    assert_lingers_from(&mut server, start + SECOND);
}

/// A client that has read half of the body of a rejection.
fn half_rejected(start: Instant) -> Connection {
    let mut client = client(timed(), start);
    drain(&mut client);
    let answer = response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "10")]);
    assert_eq!(feed_at(&mut client, &answer, start), 0);
    assert_eq!(feed_at(&mut client, b"half ", start), 0);
    client
}

#[test]
fn the_body_of_a_rejection_is_part_of_the_opening() {
    let start = Instant::now();
    let mut client = half_rejected(start);
    assert_runs_until(&mut client, start + OPENING, Timer::Opening);
    assert_eq!(feed_at(&mut client, b"whole", start), 2, "the rejection and the disconnect");
    assert_stands_still(&mut client, start);
}

#[test]
fn a_rejection_whose_body_does_not_end_is_a_rejection_all_the_same() {
    let start = Instant::now();
    let mut client = half_rejected(start);
    client.handle_timeout(start + OPENING);
    let events = pending(&mut client);
    let [Event::Rejected(response), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((response.status.as_u16(), &response.body[..]), (404, &b"half "[..]));
    assert_eq!(disconnect.cause, Cause::Rejected(response.status));
}
