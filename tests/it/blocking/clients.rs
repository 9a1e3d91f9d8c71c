//! Clients: dialling, what the server answers, and connecting again.

use super::{SHORT, assert_took};
use statesocket::{
    Cause, CloseCode, Config, Event, Phase,
    blocking::{OpenError, Reconnecting, WebSocket},
    handshake::{Accept, Connect, Response},
    http::{StatusCode, header::RETRY_AFTER},
    reconnect::Backoff,
};
use std::{
    cell::Cell,
    io::{self, ErrorKind},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

#[test]
fn a_rejection_is_an_end_and_its_response_an_event() {
    for by_events in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let server = thread::spawn(move || {
            let mut ws = WebSocket::server(listener.accept().expect("a client comes").0, Config::default());
            ws.request().expect("a client asks");
            ws.reject(Response::new(StatusCode::FORBIDDEN).body("not you")).expect("the request waits");
            ws.finish()
        });
        let connect = Connect::new(&url).expect("a valid URL");
        let mut ws = WebSocket::connect(&connect, Config::default()).expect("the server listens");
        if by_events {
            let Some(Event::Rejected(response)) = ws.event() else { panic!("it is rejected") };
            assert_eq!(response.body, "not you");
        }
        let (rejected, error) = (Cause::Rejected(StatusCode::FORBIDDEN), ws.opened().expect_err("it is rejected"));
        assert_eq!(error.end.cause, rejected);
        let handed_out = error.response.map(|response| response.body.clone());
        assert_eq!(handed_out.as_deref(), (!by_events).then_some(&b"not you"[..]));
        assert_eq!(ws.recv().expect_err("it has ended").cause, rejected, "and however often it is asked");
        assert_eq!(server.join().expect("the server does not panic").cause, rejected);
    }
}

#[test]
fn a_wss_uri_and_a_closed_port_are_errors_of_connecting() {
    let connect = |url: &str| {
        let connect = Connect::new(url).expect("a valid URL");
        WebSocket::connect(&connect, Config::default()).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(connect("wss://127.0.0.1/"), Err(ErrorKind::InvalidInput));
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    assert_eq!(connect(&format!("ws://{free}/")), Err(ErrorKind::ConnectionRefused));
}

/// Answers one client after the other, each in its way.
fn serve<const N: usize>(answers: [fn(WebSocket<TcpStream>); N]) -> (Connect, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    let server = thread::spawn(move || {
        for answer in answers {
            let mut ws = WebSocket::server(listener.accept().expect("a client comes").0, Config::default());
            ws.request().expect("a client asks");
            answer(ws);
        }
    });
    (Connect::new(&url).expect("a valid URL"), server)
}

fn close(mut ws: WebSocket<TcpStream>, code: CloseCode) {
    ws.accept(Accept::new()).expect("the request waits");
    ws.close(code, "").expect("the connection is open");
}

fn unavailable(mut ws: WebSocket<TcpStream>) {
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, 60);
    ws.reject(response.expect("not a reserved header")).expect("the request waits");
    ws.finish();
}

/// Retries at once, but for what the server asks for.
fn quick(max_attempts: u32) -> Backoff {
    Backoff::default().with(|backoff| {
        backoff.first_delay = Duration::ZERO;
        backoff.max_delay = Duration::ZERO;
        backoff.restart_delay = Duration::ZERO..=Duration::ZERO;
        backoff.max_retry_after = SHORT;
        backoff.stable_after = Duration::ZERO;
        backoff.max_attempts = max_attempts;
    })
}

#[test]
fn a_client_comes_back_until_the_server_is_done() {
    let (connect, server) = serve([
        drop,
        unavailable,
        |ws| close(ws, CloseCode::SERVICE_RESTART),
        |ws| close(ws, CloseCode::NORMAL_CLOSURE),
    ]);
    let mut client = Reconnecting::new(connect, Config::default(), quick(20));
    let began = Instant::now();
    let mut ws = client.open().expect("the third attempt");
    assert_took(began, SHORT);
    assert_eq!((ws.phase(), client.attempts()), (Phase::Open, 2));
    let end = ws.recv().expect_err("the server closes");
    assert!(end.code == CloseCode::SERVICE_RESTART && client.ended(&end), "{end}");
    let end = client.open().expect("the server is back").recv().expect_err("the server closes");
    assert!(end.code == CloseCode::NORMAL_CLOSURE && !client.ended(&end), "{end}");
    assert_eq!(client.attempts(), 0, "the connection was stable");
    server.join().expect("the server does not panic");
}

#[test]
fn the_last_failure_is_the_error() {
    let (connect, server) = serve([|mut ws| ws.reject(StatusCode::FORBIDDEN).map(|()| drop(ws.finish())).unwrap()]);
    let error = Reconnecting::new(connect, Config::default(), quick(20)).open().expect_err("it would be repeated");
    server.join().expect("the server does not panic");
    let OpenError::NotOpened(error) = error else { panic!("{error}") };
    assert_eq!(error.end.cause, Cause::Rejected(StatusCode::FORBIDDEN));
    assert_eq!(error.response.map(|response| response.status), Some(StatusCode::FORBIDDEN));

    let (connect, server) = serve([]);
    server.join().expect("the server does not panic");
    let mut client = Reconnecting::new(connect, Config::default(), quick(2));
    let error = client.open().expect_err("all attempts have been made, and nobody listens");
    assert!(matches!(&error, OpenError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused), "{error}");
    assert_eq!(client.attempts(), 2);

    let secure = Connect::new("wss://127.0.0.1/").expect("a valid URL");
    let error = Reconnecting::new(secure, Config::default(), quick(20)).open().expect_err("there is no TLS");
    assert_eq!(error.to_string(), "cannot connect: a wss URI needs a stream with TLS");
}

#[test]
fn a_stream_that_cannot_be_secured_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("wss://{}/", listener.local_addr().expect("it is bound"));
    let server = thread::spawn(move || {
        drop(listener.accept().expect("a client comes"));
        let mut ws = WebSocket::server(listener.accept().expect("a client comes").0, Config::default());
        ws.request().expect("a client asks");
        close(ws, CloseCode::NORMAL_CLOSURE);
    });
    let mut client = Reconnecting::new(Connect::new(&url).expect("a valid URL"), Config::default(), quick(20));
    let attempts = Cell::new(0);
    let secure = |stream: TcpStream| {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 2 { Ok(stream) } else { Err(io::Error::new(ErrorKind::InvalidData, "not trusted")) }
    };
    let mut ws = client.open_with(secure).expect("the second attempt");
    assert!(ws.recv().expect_err("the server closes").is_clean);
    assert_eq!(attempts.get(), 2);
    server.join().expect("the server does not panic");
}
