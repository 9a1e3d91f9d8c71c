//! A shutdown with a reason, and one that closes the sessions one after another.

use crate::support::{
    Raw, Witness,
    loopback::LONG,
    memory::{Echo, Guest, RawClient, Served, server},
    request_head,
};
use statesocket::{
    Cause, CloseCode, CloseError, CloseFrame, Config, Event,
    handshake::Request,
    server::{HandleError, Session, Shutdown},
};
use std::{io::ErrorKind, time::Duration};

const STEP: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);

fn shutdown(code: u16, reason: &str, spread: Duration) -> Shutdown {
    Shutdown::default().with(|shutdown| {
        shutdown.close = CloseFrame::new(code, reason);
        (shutdown.spread, shutdown.grace) = (spread, LONG);
    })
}

fn answer(session: &mut Session<'_>, request: &Request) {
    if request.raw_query() != Some("wait") {
        Witness::accept(session, request);
    }
}

/// Lets a step of a spread pass, and checks that its last moment closes `client`.
#[track_caller]
fn assert_closed_by_the_next_step(served: &Served, client: &mut RawClient, close: Raw) {
    served.advance(STEP - TICK);
    client.assert_silent();
    served.advance(TICK);
    assert_eq!(client.frame(), close);
}

/// Answers the Close of the server, and takes the end of the stream.
fn leave(mut client: RawClient) {
    client.send(Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn s15_a_shutdown_closes_one_session_after_another_with_its_reason() {
    let (mut served, _calls) = Served::witnessed(Config::default(), answer);
    let mut clients: Vec<_> = (0..4).map(|_| served.open()).collect();
    let mut waiting = RawClient::dial(&served);
    waiting.write(&request_head("/ws?wait", &[]));
    let mut begun = RawClient::dial(&served);
    begun.write(&request_head("/ws", &[])[..30]);
    clients[3].echo("hello");
    served.handle.shutdown_with(shutdown(1012, "update", STEP * 4)).expect("the server is running");
    for client in [&mut waiting, &mut begun] {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    let late = RawClient::dial(&served).rest().map_err(|error| error.kind());
    assert_eq!(late, Err(ErrorKind::ConnectionReset), "the listener is closed before the spread");
    for (number, mut client) in clients.into_iter().enumerate() {
        if number == 3 {
            client.echo("still here");
        }
        if number == 0 {
            assert_eq!(client.frame(), Raw::close(1012, "update"));
        } else {
            assert_closed_by_the_next_step(&served, &mut client, Raw::close(1012, "update"));
        }
        leave(client);
    }
    drop((waiting, begun));
    served.wait_for_end();
}

#[test]
fn s15_without_a_spread_all_sessions_are_closed_at_once() {
    let (mut served, calls) = Served::witnessed(Config::default(), answer);
    let clients = [(); 3].map(|()| served.open());
    served.handle.shutdown_with(shutdown(4000, "bye", Duration::ZERO)).expect("the server is running");
    for mut client in clients {
        assert_eq!(client.frame(), Raw::close(4000, "bye"));
        leave(client);
    }
    served.wait_for_end();
    let end = calls.end_after_all().disconnect;
    assert_eq!((end.cause, end.is_clean), (Cause::LocalClosed, true));
}

#[test]
fn s15_one_session_is_closed_at_once_and_its_end_ends_the_spread() {
    let (mut served, _calls) = Served::witnessed(Config::default(), answer);
    let mut client = served.open();
    served.handle.shutdown_with(shutdown(1001, "", LONG)).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(1001, ""));
    leave(client);
    served.wait_for_end();
}

#[test]
fn s15_a_second_shutdown_replaces_what_is_left_of_a_spread() {
    let (mut served, _calls) = Served::witnessed(Config::default(), answer);
    let [mut first, mut second, mut third, mut fourth] = [(); 4].map(|()| served.open());
    served.handle.shutdown_with(shutdown(1012, "first", LONG)).expect("the server is running");
    assert_eq!(first.frame(), Raw::close(1012, "first"));
    second.send(Raw::close(4000, "tired"));
    assert_eq!(second.frame(), Raw::close(4000, "tired"), "it ends by itself");
    third.echo("still here");
    served.handle.shutdown_with(shutdown(1001, "second", STEP)).expect("the server is running");
    assert_eq!(third.frame(), Raw::close(1001, "second"));
    served.advance(STEP / 2 - TICK);
    fourth.assert_silent();
    served.advance(TICK);
    assert_eq!(fourth.frame(), Raw::close(1001, "second"));
    leave(first);
    leave(third);
    leave(fourth);
    drop(second);
    served.wait_for_end();
}

#[test]
fn s15_who_ends_during_a_spread_does_not_delay_or_hasten_the_others() {
    let (mut served, _calls) = Served::witnessed(Config::default(), answer);
    let [mut first, mut second, mut third] = [(); 3].map(|()| served.open());
    served.handle.shutdown_with(shutdown(1012, "", STEP * 3)).expect("the server is running");
    assert_eq!(first.frame(), Raw::close(1012, ""));
    second.send(Raw::close(4000, ""));
    second.assert_closed(4000);
    served.advance(STEP);
    assert_closed_by_the_next_step(&served, &mut third, Raw::close(1012, ""));
    leave(first);
    leave(third);
    drop(second);
    served.wait_for_end();
}

#[test]
fn s15_the_grace_counts_from_the_end_of_the_spread() {
    let (mut served, calls) = Served::witnessed(Config::default(), answer);
    let mut clients = [(); 2].map(|()| served.open());
    let shutdown = shutdown(1012, "", STEP * 2).with(|shutdown| shutdown.grace = STEP * 2);
    served.handle.shutdown_with(shutdown).expect("the server is running");
    assert_eq!(clients[0].frame(), Raw::close(1012, ""));
    assert_closed_by_the_next_step(&served, &mut clients[1], Raw::close(1012, ""));
    served.advance(STEP * 3 - TICK);
    clients.iter_mut().for_each(RawClient::assert_silent);
    served.advance(TICK);
    for client in &mut clients {
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    }
    served.wait_for_end();
    assert_eq!(calls.end_after_all().disconnect.cause, Cause::Aborted);
}

#[test]
fn s15_a_stop_cuts_a_spread_short() {
    let (mut served, _calls) = Served::witnessed(Config::default(), answer);
    let mut clients = [(); 2].map(|()| served.open());
    served.handle.shutdown_with(shutdown(1012, "", LONG)).expect("the server is running");
    assert_eq!(clients[0].frame(), Raw::close(1012, ""));
    served.handle.stop().expect("the server is running");
    for client in &mut clients {
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    }
    served.wait_for_end();
}

#[test]
fn s15_a_close_that_cannot_be_sent_is_an_error_and_stops_nothing() {
    let served = Served::start(Config::default(), |server| server.route("/ws", || Echo).expect("the route is new"));
    let invalid = |code| HandleError::InvalidClose(CloseError::InvalidCode(CloseCode::new(code)));
    let long = "x".repeat(124);
    for (code, reason, error) in [
        (1012, long.as_str(), HandleError::InvalidClose(CloseError::ReasonTooLong(124))),
        (1005, "why", invalid(1005)),
        (1006, "", invalid(1006)),
        (1010, "", invalid(1010)),
        (2999, "", invalid(2999)),
    ] {
        assert_eq!(served.handle.shutdown_with(shutdown(code, reason, Duration::ZERO)), Err(error));
    }
    assert_eq!(served.handle.shutdown(1006, Duration::ZERO), Err(invalid(1006)));
    assert_eq!(invalid(1006).to_string(), "1006 is not a close code that this endpoint may send");
    served.open().echo("as before");

    let mut client = served.open();
    served.handle.shutdown_with(shutdown(1012, &long[..123], Duration::ZERO)).expect("the reason fits");
    assert_eq!(client.frame(), Raw::close(1012, &long[..123]));
}

#[test]
fn s15_a_loop_of_ones_own_closes_each_session_in_its_turn() {
    let mut server = server(Config::default());
    let mut clients = [(); 3].map(|()| Guest::open(&mut server));
    server.handle().shutdown_with(shutdown(1005, "", STEP * 3)).expect("the server is running");
    let began = server.now();
    for (number, client) in (0..).zip(&mut clients) {
        // No other deadline ends the wait.
        let event = loop {
            server.turn(None).expect("a deadline ends the wait");
            if let Some(event) = client.receive() {
                break event;
            }
        };
        let Event::Disconnect(end) = event else { panic!("no end: {event:?}") };
        assert_eq!((end.code, server.now() - began), (CloseCode::NO_STATUS_RECEIVED, STEP * number));
    }
    server.run().expect("the loop does not fail");
    assert_eq!((server.is_stopped(), server.tally().clean), (true, 3));
}
