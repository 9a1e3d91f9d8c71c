//! What a handler is told, in which order, and that it is told of the end once, whenever that comes.

use crate::support::{
    Raw,
    loopback::{Call, Calls, RawClient, Served, Witness, moves},
    request_head,
};
use statesocket::{
    Action, Cause, Config, Delivery, Message, Party, Phase, ProtocolError,
    handshake::Accept,
    server::{Handle, PeerId},
};
use std::thread;

#[test]
fn the_calls_come_in_order() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = RawClient::dial(served.address);
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

/// Ends the stream, and waits for the end as the handler sees it.
fn client_end(client: &mut RawClient, calls: &Calls) -> (u16, Cause) {
    client.rest().expect("the server ends in order");
    client.stream().shutdown(std::net::Shutdown::Both).unwrap_or_default();
    let disconnect = calls.end().disconnect;
    (disconnect.code.into(), disconnect.cause)
}

#[test]
fn chunks_are_handed_out_as_they_come() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let (served, calls) = Served::witnessed(config, Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    calls.request();
    let bytes = Raw::new(Raw::TEXT, "Hello").masked().bytes();
    client.write(&bytes[..8]);
    assert!(matches!(calls.next(), Call::Chunk(data, false) if data.as_text() == Some("He")));
    client.write(&bytes[8..]);
    assert!(matches!(calls.next(), Call::Chunk(data, true) if data.as_text() == Some("llo")));
}

#[test]
fn a_client_that_vanishes_before_its_request_needs_no_handler() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    drop(RawClient::dial(served.address));
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[])[..40]);
    drop(client);
    // Those before it have had their turn when this one has.
    RawClient::open(served.address, "/ws").echo("Hello");
    calls.request();
    drop(served);
    calls.end_after_all();
    calls.assert_no_more();
}

#[test]
fn a_client_that_vanishes_while_it_waits_for_the_answer() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    drop(client);
    let end = calls.end();
    assert_eq!((u16::from(end.disconnect.code), end.disconnect.cause), (1006, Cause::TransportLost));
    assert_eq!(moves(&end.history), [(Party::Client, Action::Open), (Party::Client, Action::Abort)]);
    served.handle.with_peer(id, |_| panic!("it has gone")).expect("the loop runs");
    drop(served);
    calls.assert_no_more();
}

/// What a client does before it vanishes, and what the handler is told of the end.
type Vanishing = (&'static str, fn(RawClient), u16, Cause);

const VANISHING: [Vanishing; 8] = [
    ("open", drop, 1006, Cause::TransportLost),
    ("open, by a reset", |client| client.reset_after(b""), 1006, Cause::TransportLost),
    (
        "in a header",
        |mut client| client.write(&Raw::new(Raw::TEXT, [0; 200]).masked().bytes()[..3]),
        1006,
        Cause::TransportLost,
    ),
    (
        "in a payload",
        |mut client| client.write(&Raw::new(Raw::TEXT, "Hello").masked().bytes()[..9]),
        1006,
        Cause::TransportLost,
    ),
    (
        "in a payload, by a reset",
        |client| client.reset_after(&Raw::new(Raw::TEXT, "Hello").masked().bytes()[..9]),
        1006,
        Cause::TransportLost,
    ),
    ("between fragments", |mut client| client.send(Raw::new(Raw::TEXT, "Hello").more()), 1006, Cause::TransportLost),
    (
        "after its Close, by a reset",
        |client| client.reset_after(&Raw::close(1001, "off").masked().bytes()),
        1001,
        Cause::PeerClosed,
    ),
    ("after its Close", |mut client| client.send(Raw::close(1001, "off")), 1001, Cause::PeerClosed),
];

#[test]
fn a_client_that_vanishes_while_open() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    for (case, vanish, code, cause) in VANISHING {
        let client = RawClient::open(served.address, "/ws");
        calls.request();
        vanish(client);
        let end = calls.end_after_all();
        assert_eq!((u16::from(end.disconnect.code), end.disconnect.cause), (code, cause), "{case}");
        assert_eq!(end.phase, Phase::Closed, "{case}");
    }
    drop(served);
    calls.assert_no_more();
}

#[test]
fn a_violation_ends_with_one_disconnect() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    calls.request();
    client.write(&[&[0x83, 0x80, 0, 0, 0, 0][..], &Raw::new(Raw::TEXT, "late").masked().bytes()].concat());
    assert_eq!(client.frame(), Raw::close(1002, "opcode 0x3 is not known"));
    let (code, cause) = client_end(&mut client, &calls);
    assert_eq!((code, cause), (1006, Cause::Protocol(ProtocolError::UnknownOpCode(3))));
    drop(served);
    calls.assert_no_more();
}

/// Answers from another thread.
fn accept_elsewhere(handle: &Handle, id: PeerId) {
    let handle = handle.clone();
    let accept = move |peer: &mut statesocket::server::Peer<'_>| {
        let headers = peer.request().expect("the request still waits").headers().len();
        peer.accept(Accept::new()).expect("a request waits");
        peer.send_text(&format!("{headers} headers")).expect("messages may be sent at once");
    };
    let answered = thread::spawn(move || handle.with_peer(id, accept)).join().expect("no panic");
    answered.expect("the loop runs");
}

#[test]
fn an_answer_may_come_later_from_another_thread() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    accept_elsewhere(&served.handle, id);
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "5 headers"));
    client.echo("Hello");
}

#[test]
fn what_came_before_a_late_answer_is_kept() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
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
fn a_close_before_the_answer_refuses() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    served.handle.close(id, 1008, "not you").expect("the loop runs");
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    assert!(matches!(client_end(&mut client, &calls), (1006, Cause::Rejected(status)) if status == 403));
}
