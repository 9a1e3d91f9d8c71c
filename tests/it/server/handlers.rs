//! The calls of a handler, their order, what a handler can do in them, and the one call for the end.

use crate::support::{
    Call, Calls, Raw, Witness,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Cause, Config, Delivery, Event, Message, ProtocolError, SendError,
    handshake::{Accept, Request},
    server::{Handle, Handler, Session, SessionId},
};
use std::thread;

#[test]
fn a_handler_is_called_in_the_order_of_the_events() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = RawClient::dial(&served);
    let frames = [
        Raw::new(Raw::TEXT, "one"),
        Raw::new(Raw::PING, "two"),
        Raw::new(Raw::BINARY, "th").more(),
        Raw::new(Raw::PONG, "aside"),
        Raw::new(Raw::CONTINUATION, "ree"),
        Raw::close(4001, "four"),
        Raw::new(Raw::TEXT, "after the end"),
    ];
    let frames = frames.into_iter().flat_map(|frame| frame.masked().bytes());
    client.write(&request_head("/ws", &[]).into_iter().chain(frames).collect::<Vec<_>>());

    let (_, request) = calls.request();
    assert_eq!(request.path(), "/ws");
    assert!(matches!(calls.next(), Call::Message(message) if message == Message::from("one")));
    assert!(matches!(calls.next(), Call::Ping(payload) if payload == b"two"));
    assert!(matches!(calls.next(), Call::Pong(payload) if payload == b"aside"));
    assert!(matches!(calls.next(), Call::Message(message) if message == Message::from(&b"three"[..])));
    let end = client_end(&mut client, &calls);
    assert_eq!(end, (4001, Cause::PeerClosed));
    drop(served);
    calls.assert_no_more();
}

/// Ends the stream, and waits for the end that the handler sees.
fn client_end(client: &mut RawClient, calls: &Calls) -> (u16, Cause) {
    client.rest().expect("the server ends the stream cleanly");
    client.stream_mut().shut_down_writing();
    let disconnect = calls.end().disconnect;
    (disconnect.code.into(), disconnect.cause)
}

#[test]
fn chunks_are_reported_as_they_arrive() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let (served, calls) = Served::witnessed(config, Witness::accept);
    let mut client = served.open();
    calls.request();
    let bytes = Raw::new(Raw::TEXT, "Hello").masked().bytes();
    client.write(&bytes[..8]);
    assert!(matches!(calls.next(), Call::Chunk(data, false) if data.as_text() == Some("He")));
    client.write(&bytes[8..]);
    assert!(matches!(calls.next(), Call::Chunk(data, true) if data.as_text() == Some("llo")));
}

#[test]
fn a_violation_ends_with_one_disconnect() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    calls.request();
    client.write(&[&[0x83, 0x80, 0, 0, 0, 0][..], &Raw::new(Raw::TEXT, "late").masked().bytes()].concat());
    assert_eq!(client.frame(), Raw::close(1002, "opcode 0x3 is not known"));
    let (code, cause) = client_end(&mut client, &calls);
    assert_eq!((code, cause), (1006, Cause::Protocol(ProtocolError::UnknownOpCode(3))));
    drop(served);
    calls.assert_no_more();
}

/// Accepts from another thread.
fn accept_elsewhere(handle: &Handle, id: SessionId) {
    let handle = handle.clone();
    let accept = move |session: &mut Session<'_>| {
        let headers = session.request().expect("the request is still pending").headers().len();
        session.accept(Accept::new()).expect("a request is pending");
        session.send_text(&format!("{headers} headers")).expect("messages may be sent at once");
    };
    let answered = thread::spawn(move || handle.with_session(id, accept)).join().expect("the thread does not panic");
    answered.expect("the server is running");
}

#[test]
fn a_request_may_be_answered_later_by_another_thread() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(&served);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    accept_elsewhere(&served.handle, id);
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "5 headers"));
    client.echo("Hello");
}

#[test]
fn bytes_from_before_a_late_answer_are_kept() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(&served);
    let early = Raw::new(Raw::TEXT, "early").masked().bytes();
    client.write(&[&request_head("/ws", &[])[..], &early, &early[..4]].concat());
    let (id, _) = calls.request();
    accept_elsewhere(&served.handle, id);
    client.head();
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "5 headers"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "early"));
    client.write(&early[4..]);
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "early"));
}

#[test]
fn a_close_before_the_answer_rejects_the_request() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(&served);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    served.handle.close(id, 1008, "not you").expect("the server is running");
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    assert!(matches!(client_end(&mut client, &calls), (1006, Cause::Rejected(status)) if status == 403));
}

/// Keeps its request, and answers each message with a cookie.
#[derive(Default)]
struct Keeper(Option<Request>);

impl Handler for Keeper {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.0 = Some(request.clone());
        session.accept(Accept::new()).expect("a request is pending");
        assert!(session.request().is_none(), "only the handler has it now");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let request = self.0.as_ref().expect("the request came first");
        let cookie = request.cookie(message.as_text().unwrap_or_default()).unwrap_or("none");
        session.send_text(cookie).expect("the connection is open");
    }
}

#[test]
fn s20_a_handler_can_keep_its_request() {
    let served = Served::start(Config::default(), |server| {
        server.route("/ws", Keeper::default).expect("the route is new");
    });
    let mut client = RawClient::dial(&served);
    client.write(&request_head("/ws", &[("Cookie", "a=1; b=2")]));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    for (name, value) in [("b", "2"), ("a", "1"), ("c", "none")] {
        client.send(Raw::new(Raw::TEXT, name).masked());
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, value));
    }
}

/// Sends by every method without a test of its own, and reports what the handler knows.
struct Sender;

impl Handler for Sender {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request is pending");
        let known =
            (session.param("room"), session.param("other"), session.params().get("room"), session.id().to_string());
        let text = format!("{known:?}");
        session.send_text(&text).expect("messages may be sent at once");
        session.begin_text("one, ").expect("no message is in progress");
        assert!(session.is_mid_message());
        assert_eq!(session.begin_text("two, "), Err(SendError::MessageInProgress));
        session.continue_text("two", true).expect("the message is in progress");
        session.begin_binary(b"\0").expect("no message is in progress");
        session.continue_binary(b"\xFF", true).expect("the message is in progress");
        #[cfg(feature = "serde")]
        {
            session.send_json(&[1, 2]).expect("numbers have a JSON form");
            session.send_json_binary(&[3]).expect("numbers have a JSON form");
        }
    }
}

#[test]
fn a_handler_can_send_everything_that_a_connection_can_send() {
    let served = Served::start(Config::default(), |server| {
        server.route("/ws/{room}", || Sender).expect("the route is new");
    });
    let mut client = served.server().connect("/ws/lobby");
    let known = r##"(Some("lobby"), None, Some("lobby"), "#1")"##;
    let mut expected = vec![Message::from(known), Message::from("one, two"), Message::from(&b"\0\xFF"[..])];
    if cfg!(feature = "serde") {
        expected.extend([Message::from("[1,2]"), Message::from(&b"[3]"[..])]);
    }
    for message in expected {
        assert_eq!(client.receive(), Some(Event::Message(message)));
    }
}

/// Implements no method.
struct Silent;

impl Handler for Silent {}

#[test]
fn a_handler_without_methods_accepts_and_stays_silent() {
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        let mut config = Config::default();
        config.delivery = delivery;
        let served = Served::start(config, |server| server.route("/ws", || Silent).expect("the route is new"));
        let mut client = served.open();
        client.send(Raw::new(Raw::TEXT, "Hello"));
        client.send(Raw::new(Raw::PONG, "unasked"));
        client.send(Raw::new(Raw::PING, "are you there?"));
        assert_eq!(client.frame(), Raw::new(Raw::PONG, "are you there?"), "{delivery:?}: the connection answers");
        client.send(Raw::close(1000, "bye"));
        assert_eq!(client.frame(), Raw::close(1000, "bye"), "{delivery:?}: the connection answers");
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"", "{delivery:?}");
    }
}
