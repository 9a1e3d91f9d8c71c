//! The end of the loop, and of its connections with it.

use crate::support::{
    Raw,
    loopback::{Call, PATIENCE, RawClient, Served, Witness, dial},
    request_head,
};
use statesocket::{Cause, Config, handshake::Response, http::StatusCode};
use std::{
    io::{self, Read},
    net::TcpStream,
    time::Duration,
};

/// A deadline that is not meant to be reached.
pub(super) const LONG: Duration = Duration::from_secs(600);

#[test]
fn clients_are_told_and_the_loop_ends_when_they_are_gone() {
    for code in [1001, 1012] {
        let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
        let mut clients = [(); 3].map(|()| RawClient::open(served.address, "/ws"));
        served.handle.shutdown(code, LONG).expect("the loop runs");
        for client in &mut clients {
            assert_eq!(client.frame(), Raw::close(code, ""));
            client.send(Raw::close(code, ""));
            assert_eq!(client.rest().expect("the server ends in order"), b"");
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
    let mut client = RawClient::open(served.address, "/ws");
    let (id, _) = calls.request();
    served.handle.close(id, 4000, "first").expect("the loop runs");
    served.handle.shutdown(1001, LONG).expect("the loop runs");
    assert_eq!(client.frame(), Raw::close(4000, "first"));
    client.send(Raw::close(4000, ""));
    assert_eq!(client.rest().expect("the server ends in order"), b"");
    drop(client);
    served.wait_for_end();
}

#[test]
fn requests_that_wait_are_answered_with_503() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the loop runs");
    assert!(client.head().starts_with("HTTP/1.1 503 "));
    client.rest().expect("the server ends in order");
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
    // Those before it have been accepted when this one has.
    RawClient::open(served.address, "/ws").echo("Hello");
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the loop runs");
    served.wait_for_end();
    assert_eq!(silent.rest().expect("the server ends in order"), b"");
    assert!(slow.rest().expect("the server ends in order").starts_with(b"HTTP/1.1 503 "));
}

#[test]
fn stubborn_clients_are_cut_off_and_new_ones_refused() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    calls.request();
    served.handle.shutdown(1012, Duration::from_millis(300)).expect("the loop runs");
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

/// Both parties are done, and the client keeps its socket.
fn linger(served: &Served) -> RawClient {
    let mut client = RawClient::open(served.address, "/ws");
    client.send(Raw::close(1000, ""));
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends its direction"), b"");
    client
}

/// A server that waits for the end of a client's stream as long as it takes.
fn without_linger_timeout() -> Config {
    let mut config = Config::default();
    config.linger_timeout = None;
    config
}

#[test]
fn the_deadline_cuts_off_those_that_only_keep_their_sockets() {
    let mut served = Served::echo(without_linger_timeout());
    let client = linger(&served);
    served.handle.shutdown(1001, Duration::from_millis(300)).expect("the loop runs");
    served.wait_for_end();
    drop(client);
}

#[test]
fn stop_ends_those_that_only_keep_their_sockets() {
    let mut served = Served::echo(without_linger_timeout());
    let client = linger(&served);
    served.handle.stop().expect("the loop runs");
    served.wait_for_end();
    drop(client);
}

#[test]
fn stop_ends_at_once() {
    let (mut served, calls) = Served::witnessed(Config::default(), |peer, request| match request.raw_query() {
        Some("wait") => {}
        _ => Witness::accept(peer, request),
    });
    let mut silent = RawClient::dial(served.address);
    let mut waiting = RawClient::dial(served.address);
    waiting.write(&request_head("/ws?wait", &[]));
    calls.request();
    let mut open = RawClient::open(served.address, "/ws");
    calls.request();
    served.handle.stop().expect("the loop runs");
    served.wait_for_end();
    for client in [&mut silent, &mut waiting, &mut open] {
        assert_eq!(client.rest().expect("the server ends in order"), b"", "not a word more");
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
    let mut client = RawClient::open(served.address, "/ws");
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the loop runs");
    assert_eq!(client.frame(), Raw::close(1001, ""));
    served.handle.stop().expect("the loop runs");
    served.wait_for_end();
    assert_eq!(client.rest().expect("the server ends in order"), b"");
    assert_eq!(calls.end().disconnect.cause, Cause::Aborted);
}

#[test]
fn the_last_bytes_arrive_though_the_client_goes_on_sending() {
    let served = Served::echo(Config::default());
    let mut client = RawClient::open(served.address, "/ws");
    let unmasked = Raw::new(Raw::BINARY, vec![7; 1 << 20]).bytes();
    client.write(&unmasked);
    let close = client.frame();
    assert_eq!(&close.payload[..2], 1002_u16.to_be_bytes());
    client.write(&unmasked);
    assert_eq!(client.rest().expect("no reset"), b"");
    client.write(&unmasked);
}

#[test]
fn a_refusal_arrives_though_the_client_goes_on_sending() {
    let body = "no\n".repeat(100_000);
    let refusal = Response::new(StatusCode::FORBIDDEN).body(body.clone());
    let (served, _calls) = Served::witnessed(Config::default(), move |peer, _| {
        peer.reject(refusal.clone()).expect("a request waits");
    });
    let mut client = RawClient::dial(served.address);
    client.write(&[&request_head("/ws", &[])[..], &[0; 100_000]].concat());
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    client.write(&[0; 100_000]);
    assert_eq!(client.rest_as_text(), body);
}

#[test]
fn a_slow_reader_gets_all_that_was_sent_before_the_close() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    let (id, _) = calls.request();
    served.handle.send_binary(id, vec![7; 16 << 20]).expect("the loop runs");
    served.handle.close(id, 1000, "all sent").expect("the loop runs");
    // What the client sends may be read before what has only been asked for is done.
    let (done, is_done) = std::sync::mpsc::channel();
    served.handle.with_peer(id, move |_| done.send(()).expect("the test waits")).expect("the loop runs");
    is_done.recv_timeout(PATIENCE).expect("the loop runs");
    client.send(Raw::new(Raw::TEXT, "meanwhile"));
    client.send(Raw::close(1000, ""));
    assert!(client.frame() == Raw::new(Raw::BINARY, vec![7; 16 << 20]));
    assert_eq!(client.frame(), Raw::close(1000, "all sent"));
    assert_eq!(client.rest().expect("the server ends in order"), b"");
}

#[test]
fn an_answered_close_of_ours_ends_the_stream_at_once() {
    let (served, calls) = Served::witnessed(without_linger_timeout(), Witness::accept);
    let mut stream = dial(served.address);
    io::Write::write_all(&mut stream, &request_head("/ws", &[])).expect("the server reads");
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the loop runs");
    io::Write::write_all(&mut stream, &Raw::close(1000, "").masked().bytes()).expect("the server reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends in order");
    assert!(all.ends_with(&Raw::close(1000, "").bytes()));
}
