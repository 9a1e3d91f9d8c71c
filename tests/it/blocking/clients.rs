//! Clients: dialling, and what the server answers.

use statesocket::{
    Cause, Config, Event,
    blocking::WebSocket,
    handshake::{Connect, Response},
    http::StatusCode,
};
use std::{io::ErrorKind, net::TcpListener, thread};

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
