//! The end of one connection: its last bytes arrive, and its stream ends cleanly.

use super::without_linger_timeout;
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, Served, Witness, dial, turns::turn_until},
    request_head,
};
use statesocket::{
    Cause, CloseReply, Config, Disconnect,
    handshake::Response,
    http::StatusCode,
    server::{Handler, Server, Session, SessionId},
};
use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
    sync::mpsc,
};

#[test]
fn the_last_bytes_arrive_while_the_client_goes_on_sending() {
    let served = Served::echo(Config::default());
    let mut client = served.open();
    let unmasked = Raw::new(Raw::BINARY, vec![7; 1 << 20]).bytes();
    client.write(&unmasked);
    let close = client.frame();
    assert_eq!(&close.payload[..2], 1002_u16.to_be_bytes());
    client.write(&unmasked);
    assert_eq!(client.rest().expect("no reset"), b"");
    client.write(&unmasked);
}

#[test]
fn a_rejection_arrives_while_the_client_goes_on_sending() {
    let body = "no\n".repeat(100_000);
    let refusal = Response::new(StatusCode::FORBIDDEN).body(body.clone());
    let (served, _calls) = Served::witnessed(Config::default(), move |session, _| {
        session.reject(refusal.clone()).expect("a request is pending");
    });
    let mut client = RawClient::dial(served.address);
    client.write(&[&request_head("/ws", &[])[..], &[0; 100_000]].concat());
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    client.write(&[0; 100_000]);
    assert_eq!(client.rest_as_text(), body);
}

#[test]
fn a_slow_reader_gets_everything_from_before_the_close() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    served.handle.send_binary(id, vec![7; 16 << 20]).expect("the server is running");
    served.handle.close(id, 1000, "all sent").expect("the server is running");
    // Waits for the commands: input may be read before they are executed.
    let (done, is_done) = mpsc::channel();
    served
        .handle
        .with_session(id, move |_| done.send(()).expect("the test is waiting"))
        .expect("the server is running");
    is_done.recv_timeout(PATIENCE).expect("the server is running");
    client.send(Raw::new(Raw::TEXT, "meanwhile"));
    client.send(Raw::close(1000, ""));
    assert!(client.frame() == Raw::new(Raw::BINARY, vec![7; 16 << 20]));
    assert_eq!(client.frame(), Raw::close(1000, "all sent"));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn the_stream_ends_at_once_when_our_close_is_answered() {
    let (served, calls) = Served::witnessed(without_linger_timeout(), Witness::accept);
    let mut stream = dial(served.address);
    stream.write_all(&request_head("/ws", &[])).expect("the server reads");
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the server is running");
    stream.write_all(&Raw::close(1000, "").masked().bytes()).expect("the server reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends the stream cleanly");
    assert!(all.ends_with(&Raw::close(1000, "").bytes()));
}

/// Answers a Close later: tells the test which connection to close.
struct Late(Rc<Cell<Option<SessionId>>>);

impl Handler for Late {
    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        assert!(!disconnect.is_clean, "our Close is not sent yet");
        session.send_text("last words").expect("the application has not closed");
        self.0.set(Some(session.id()));
    }
}

#[test]
fn a_handler_may_answer_a_close_later() {
    let mut config = Config::default();
    config.close_reply = CloseReply::Manual;
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    let asked = Rc::new(Cell::new(None));
    let factory_asked = Rc::clone(&asked);
    server.route("/ws", move || Late(Rc::clone(&factory_asked))).expect("the route is new");
    let mut stream = dial(server.local_addr());
    let bytes = [request_head("/ws", &[]), Raw::close(4001, "bye").masked().bytes()].concat();
    stream.write_all(&bytes).expect("the socket buffer has room");
    turn_until(&mut server, |_| asked.get().is_some());
    let id = asked.get().expect("the handler was called");
    server.handle().close(id, 4001, "bye yourself").expect("the server is running");
    server.turn(Some(PATIENCE)).expect("the loop does not fail");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends the stream cleanly");
    let expected = [Raw::new(Raw::TEXT, "last words").bytes(), Raw::close(4001, "bye yourself").bytes()].concat();
    assert!(all.ends_with(&expected));
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
}

#[test]
fn s8_a_client_that_leaves_during_a_pause_is_noticed() {
    for is_reset in [false, true] {
        let (served, calls) = Served::witnessed(Config::default(), |session, request| {
            Witness::accept(session, request);
            session.pause_reading();
        });
        let mut client = served.open();
        let (id, _) = calls.request();
        if is_reset {
            // Unread bytes make the system of the client reset the connection.
            served.handle.send_text(id, "unread").expect("the server is running");
            client.stream().peek(&mut [0]).expect("the message arrives");
        } else {
            client.send(Raw::new(Raw::TEXT, "nobody asks for this"));
        }
        drop(client);
        assert_eq!(calls.end_after_all().disconnect.cause, Cause::TransportLost, "reset: {is_reset}");
    }
}
