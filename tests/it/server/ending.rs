//! The end of one connection: its last bytes arrive, and its stream ends cleanly.

use super::without_linger_timeout;
use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, Served, Witness, dial,
        turns::{ask, turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    Cause, CauseKind, CloseReply, Config, Disconnect, Message,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Handler, Server, Session, SessionId},
};
use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
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

/// Sends numbered messages while there is room, and its Close behind the last one.
struct Stream {
    next: u32,
    is_asked: bool,
}

const STREAMED: u32 = 2000;

impl Stream {
    fn pump(&mut self, session: &mut Session<'_>) {
        while session.has_room() && self.next < STREAMED {
            let message = [&self.next.to_be_bytes()[..], &[7; 16 << 10]].concat();
            session.send_binary(&message).expect("our Close is not sent");
            self.next += 1;
        }
        if self.is_asked && self.next == STREAMED && session.can_send() {
            session.reply_close().expect("the client has closed");
        }
    }
}

impl Handler for Stream {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.pump(session);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.pump(session);
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        assert!(self.next < STREAMED && !disconnect.is_clean, "the client closes in the middle");
        self.is_asked = true;
        self.pump(session);
    }
}

/// The client reads nothing for longer than `closing_timeout`.
#[test]
fn s7_a_stream_goes_on_to_its_end_after_the_clients_close() {
    let config = Config::default().with(|config| {
        (config.close_reply, config.closing_timeout) = (CloseReply::Manual, Some(Duration::from_millis(200)));
    });
    let served = Served::start(config, |server| {
        server.route("/ws", || Stream { next: 0, is_asked: false }).expect("the route is new");
    });
    let mut client = served.open();
    client.write(&[Raw::new(Raw::TEXT, "go").masked().bytes(), Raw::close(4001, "").masked().bytes()].concat());
    for number in 0..STREAMED {
        if number % 1000 == 0 {
            thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(client.frame().payload[..4], number.to_be_bytes());
    }
    client.assert_closed(4001);
    drop(client);
    assert_eq!(served.stop().clean, 1);
}

/// Does this when the connection has ended.
struct AtEnd(fn(&mut Session<'_>));

impl Handler for AtEnd {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        session.send_text("last words").expect("it is open");
        session.ensure_closed(4002, "");
        session.finish();
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        (self.0)(session);
    }
}

#[test]
fn s18_our_close_leaves_whatever_a_handler_does_at_the_end() {
    let acts: [fn(&mut Session<'_>); 4] = [
        |session| session.abort(),
        |session| session.finish(),
        |session| session.handle().stop().expect("the server is running"),
        |session| session.handle().with_session(session.id(), |session| session.abort()).expect("it is running"),
    ];
    for act in acts {
        let mut server = Server::bind("127.0.0.1:0", without_linger_timeout()).expect("a free port");
        server.route("/ws", move || AtEnd(act)).expect("the route is new");
        let mut stream = dial(server.local_addr());
        let bytes = [request_head("/ws", &[]), Raw::close(4001, "bye").masked().bytes()].concat();
        stream.write_all(&bytes).expect("the socket buffer has room");
        // The client does not end its stream.
        turn_until(&mut server, |server| server.tally().total_ended() == 1 && server.connections() == 0);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("the server ends the stream cleanly");
        assert!(all.ends_with(&Raw::close(4001, "bye").bytes()));
        assert_eq!(server.tally().clean, 1);
    }
}

#[test]
fn s18_a_finish_closes_the_socket_once_what_is_queued_has_left() {
    let config = without_linger_timeout().with(|config| config.closing_timeout = None);
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    server.route("/ws", || AtEnd(|_| {})).expect("the route is new");
    let mut stream = dial(server.local_addr());
    let bytes = [request_head("/ws", &[]), Raw::new(Raw::TEXT, "go").masked().bytes()].concat();
    stream.write_all(&bytes).expect("the socket buffer has room");
    turn_until(&mut server, |server| server.tally().total_ended() == 1 && server.connections() == 0);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends the stream cleanly");
    let expected = [Raw::new(Raw::TEXT, "last words").bytes(), Raw::close(4002, "").bytes()].concat();
    assert!(all.ends_with(&expected));
    assert_eq!((server.tally().ended(CauseKind::Aborted), server.tally().clean), (1, 0));
}

/// Pauses at once.
struct Paused;

impl Handler for Paused {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.pause_reading();
    }
}

#[test]
fn s7_a_client_that_leaves_during_a_pause_is_let_go() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    server.route("/ws", || Paused).expect("the route is new");
    let mut client = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut client), 101);
    drop(client);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(server.tally().ended(CauseKind::TransportLost), 1);
}
