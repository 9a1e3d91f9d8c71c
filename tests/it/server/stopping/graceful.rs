//! `Handle::shutdown` and `Handle::stop`, for clients in every phase.

use crate::{
    server::without_linger_timeout,
    support::{
        Raw,
        loopback::{Call, LONG, PATIENCE, RawClient, Served, Witness},
        request_head,
    },
};
use statesocket::{
    Cause, Config,
    http::StatusCode,
    server::{Handler, Limits, Server, WhenFull},
};
use std::{io, net::TcpStream, sync::mpsc, thread, time::Duration};

#[test]
fn clients_get_a_close_and_the_loop_ends_when_they_are_gone() {
    for code in [1001, 1012] {
        let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
        let mut clients = [(); 3].map(|()| served.open());
        served.handle.shutdown(code, LONG).expect("the server is running");
        for client in &mut clients {
            assert_eq!(client.frame(), Raw::close(code, ""));
            client.send(Raw::close(code, ""));
            assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        }
        drop(clients);
        served.wait_for_end();
        for _ in 0..3 {
            let end = calls.end_after_all().disconnect;
            assert_eq!((end.cause, u16::from(end.code), end.is_clean), (Cause::LocalClosed, code, true));
        }
        calls.assert_no_more();
    }
}

#[test]
fn a_client_that_is_already_closing_finishes() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    served.handle.close(id, 4000, "first").expect("the server is running");
    served.handle.shutdown(1001, LONG).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(4000, "first"));
    client.send(Raw::close(4000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    drop(client);
    served.wait_for_end();
}

#[test]
fn pending_requests_are_answered_with_503() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    assert!(client.head().starts_with("HTTP/1.1 503 "));
    client.rest().expect("the server ends the stream cleanly");
    drop(client);
    let end = calls.end();
    assert_eq!(end.disconnect.cause, Cause::Rejected(StatusCode::SERVICE_UNAVAILABLE));
    served.wait_for_end();
}

#[test]
fn connections_without_a_request_are_ended() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut silent = RawClient::dial(served.address);
    let mut slow = RawClient::dial(served.address);
    slow.write(&request_head("/ws", &[])[..30]);
    // When this one has been accepted, those before it have been too.
    served.open().echo("Hello");
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    served.wait_for_end();
    assert_eq!(silent.rest().expect("the server ends the stream cleanly"), b"");
    assert!(slow.rest().expect("the server ends the stream cleanly").starts_with(b"HTTP/1.1 503 "));
}

#[test]
fn stubborn_clients_are_cut_off_and_new_ones_refused() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    calls.request();
    served.handle.shutdown(1012, Duration::from_millis(300)).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(1012, ""));
    let refused = TcpStream::connect(served.address).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused));
    client.send(Raw::new(Raw::TEXT, "still here"));
    assert!(matches!(calls.next(), Call::Message(_)));
    served.wait_for_end();
    let end = calls.end();
    assert_eq!((end.disconnect.cause, u16::from(end.disconnect.code)), (Cause::Aborted, 1006));
    assert!(client.rest().is_ok_and(|rest| rest.is_empty()));
}

/// A client that keeps its socket after both parties have closed.
fn linger(served: &Served) -> RawClient {
    let mut client = served.open();
    client.send(Raw::close(1000, ""));
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends its direction of the stream"), b"");
    client
}

#[test]
fn the_deadline_cuts_off_clients_that_keep_their_sockets() {
    let mut served = Served::echo(without_linger_timeout());
    let client = linger(&served);
    served.handle.shutdown(1001, Duration::from_millis(300)).expect("the server is running");
    served.wait_for_end();
    drop(client);
}

#[test]
fn stop_ends_clients_that_keep_their_sockets() {
    let mut served = Served::echo(without_linger_timeout());
    let client = linger(&served);
    served.handle.stop().expect("the server is running");
    served.wait_for_end();
    drop(client);
}

#[test]
fn stop_ends_everything_at_once() {
    let (mut served, calls) = Served::witnessed(Config::default(), |session, request| match request.raw_query() {
        Some("wait") => {}
        _ => Witness::accept(session, request),
    });
    let mut silent = RawClient::dial(served.address);
    let mut waiting = RawClient::dial(served.address);
    waiting.write(&request_head("/ws?wait", &[]));
    calls.request();
    let mut open = served.open();
    calls.request();
    served.handle.stop().expect("the server is running");
    served.wait_for_end();
    for client in [&mut silent, &mut waiting, &mut open] {
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"", "nothing more is written");
    }
    for _ in 0..2 {
        let end = calls.end().disconnect;
        assert_eq!((end.cause, u16::from(end.code)), (Cause::Aborted, 1006));
    }
    calls.assert_no_more();
}

#[test]
fn stop_cuts_a_shutdown_short() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(1001, ""));
    served.handle.stop().expect("the server is running");
    served.wait_for_end();
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    assert_eq!(calls.end().disconnect.cause, Cause::Aborted);
}

struct Plain;

impl Handler for Plain {}

#[test]
fn clients_that_wait_for_room_are_answered_with_503() {
    let mut served = Served::start(Config::default(), |server| {
        let mut limits = Limits::default();
        (limits.max_connections, limits.when_full) = (1, WhenFull::Wait);
        server.set_limits(limits);
        server.route("/", || Plain).unwrap();
    });
    let mut inside = RawClient::open(served.address, "/");
    let mut waiting: Vec<_> = (0..100).map(|_| RawClient::dial(served.address)).collect();
    for client in &mut waiting {
        client.write(&request_head("/", &[]));
    }
    served.handle.shutdown(1001, LONG).unwrap();
    for client in &mut waiting {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    assert_eq!(inside.frame(), Raw::close(1001, ""));
    drop((inside, waiting));
    served.wait_for_end();
}

#[test]
fn a_turn_of_a_stopped_server_returns_at_once() {
    let (sender, end) = mpsc::channel();
    thread::spawn(move || {
        let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
        server.handle().stop().unwrap();
        server.run().unwrap();
        server.turn(None).unwrap();
        sender.send(()).unwrap();
    });
    assert_eq!(end.recv_timeout(PATIENCE), Ok(()));
}
