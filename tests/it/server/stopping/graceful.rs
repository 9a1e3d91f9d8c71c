//! `Handle::shutdown` and `Handle::stop`, for clients in every phase.

use crate::{
    server::without_linger_timeout,
    support::{
        Call, Raw, Witness,
        loopback::LONG,
        memory::{RawClient, Served, server},
        request_head,
    },
};
use statesocket::{
    Cause, Config, Message,
    handshake::Request,
    http::StatusCode,
    server::{Handler, Limits, Session, WhenFull},
    testing::ClientOptions,
};
use std::{cell::RefCell, collections::BTreeMap, io::ErrorKind, rc::Rc, time::Duration};

const GRACE: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_nanos(1);

#[test]
fn clients_get_a_close_and_the_loop_ends_when_they_are_gone() {
    for code in [1001, 1012] {
        let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
        let mut clients = [(); 3].map(|()| served.open());
        served.elsewhere(|handle| handle.shutdown(code, LONG)).expect("the server is running");
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
    let mut client = RawClient::dial(&served);
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
    let mut silent = RawClient::dial(&served);
    let mut slow = RawClient::dial(&served);
    slow.write(&request_head("/ws", &[])[..30]);
    drop(served.open());
    calls.request();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    // The one with an answer keeps its socket for as long as it may.
    let linger = Config::default().linger_timeout.expect("it is on by default");
    served.advance(linger - TICK);
    assert_eq!(served.connections(), 1);
    served.advance(TICK);
    served.wait_for_end();
    assert_eq!(silent.rest().expect("the server ends the stream cleanly"), b"");
    assert!(slow.rest().expect("the server ends the stream cleanly").starts_with(b"HTTP/1.1 503 "));
}

#[test]
fn stubborn_clients_are_cut_off_and_new_ones_refused() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    calls.request();
    served.handle.shutdown(1012, GRACE).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(1012, ""));
    let refused = RawClient::dial(&served).rest().map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionReset));
    client.send(Raw::new(Raw::TEXT, "still here"));
    assert!(matches!(calls.next(), Call::Message(_)));
    served.advance(GRACE - TICK);
    client.assert_silent();
    served.advance(TICK);
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
    served.handle.shutdown(1001, GRACE).expect("the server is running");
    served.advance(GRACE - TICK);
    assert!(!served.server().is_stopped());
    served.advance(TICK);
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
    let mut silent = RawClient::dial(&served);
    let mut waiting = RawClient::dial(&served);
    waiting.write(&request_head("/ws?wait", &[]));
    calls.request();
    let mut open = served.open();
    calls.request();
    served.elsewhere(|handle| handle.stop()).expect("the server is running");
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
        server.route("/", || Plain).expect("the route is new");
    });
    let mut inside = RawClient::open(&served, "/");
    let mut waiting: Vec<_> = (0..100).map(|_| RawClient::dial(&served)).collect();
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
    let mut server = server(Config::default());
    server.handle().stop().expect("the server is running");
    server.run().expect("the loop does not fail");
    // A wait would be an error, since nothing could end it.
    server.turn(None).expect("it returns at once");
}

/// Echoes, and counts its echoes by its query.
struct Counting {
    name: String,
    echoes: Rc<RefCell<BTreeMap<String, usize>>>,
}

impl Handler for Counting {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.name = request.raw_query().unwrap_or_default().to_owned();
        Witness::accept(session, request);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        // After our Close this fails, and the message is not answered.
        if session.send(&message).is_ok() {
            *self.echoes.borrow_mut().entry(self.name.clone()).or_default() += 1;
        }
    }
}

#[test]
fn unread_echoes_come_before_the_close() {
    let echoes = Rc::new(RefCell::new(BTreeMap::new()));
    let counted = Rc::clone(&echoes);
    let served = Served::start(Config::default().with(|config| config.high_water = Some(50_000)), |server| {
        let factory = move || Counting { name: String::new(), echoes: Rc::clone(&counted) };
        server.route("/ws", factory).expect("the route is new");
    });
    let mut clients: Vec<_> = (1..=20)
        .map(|n| {
            let narrow = ClientOptions::default().with(|options| options.pipe_bytes = n * 500);
            RawClient::open_with(&served, &format!("/ws?{n}"), &narrow)
        })
        .collect();
    let message = Raw::new(Raw::BINARY, [7; 10_000]);
    for client in &mut clients {
        client.write(&message.clone().masked().bytes().repeat(20));
    }
    served.settle();
    served.handle.shutdown(1001, LONG).expect("the server is running");
    let mut received = BTreeMap::new();
    for (n, client) in (1..).zip(&mut clients) {
        let frames: Vec<_> =
            std::iter::repeat_with(|| client.frame()).take_while(|frame| *frame != Raw::close(1001, "")).collect();
        assert!(frames.iter().all(|frame| *frame == message), "an echo was changed");
        assert!((1..20).contains(&frames.len()), "{} echoes", frames.len());
        received.insert(n.to_string(), frames.len());
        client.send(Raw::close(1001, ""));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    }
    drop(clients);
    assert_eq!(*echoes.borrow(), received);
    assert_eq!(served.tally().clean, 20);
}
