//! Our client against our server.

use super::{CODES, REFUSED, closed_by, messages};
use crate::support::{
    Raw,
    loopback::{Call, Client, End, Served, Witness, transitions},
};
use statesocket::{
    Action, Cause, Config, Disconnect, Event, Message, Party, Phase,
    handshake::{Accept, Connect, Response},
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, RETRY_AFTER, SET_COOKIE},
    },
};

#[track_caller]
fn assert_same_moves(client: &Client, server: &End) {
    assert_eq!(client.ws.history(), server.history, "both ends pass the same phases");
    assert_eq!((client.ws.phase(), server.phase), (Phase::Closed, Phase::Closed));
}

fn code_and_reason(disconnect: &Disconnect) -> (u16, &str) {
    (disconnect.code.into(), &disconnect.reason)
}

#[test]
fn messages_of_every_kind_and_length_are_echoed() {
    let served = Served::echo(Config::default());
    let mut client = Client::open(&served.url("/ws"));
    for message in messages() {
        client.ws.connection_mut().send(&message).expect("the connection is open");
        assert!(client.message() == message, "{} bytes came back changed", message.len());
    }
}

#[test]
fn fragments_arrive_as_one_message_around_a_ping() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    let connection = client.ws.connection_mut();
    connection.begin_text("κό").expect("the connection is open");
    connection.continue_text("", false).expect("a fragment may be empty");
    connection.ping(b"between").expect("a Ping may be sent between fragments");
    connection.continue_text("σμε", true).expect("the message is in progress");
    connection.begin_binary(&[1; 70_000]).expect("the connection is open");
    connection.continue_binary(&[2; 70_000], true).expect("the message is in progress");

    assert_eq!(client.next(), Event::Pong(b"between".into()));
    assert_eq!(client.message().as_text(), Some("κόσμε"));
    assert!(client.message() == Message::from([[1; 70_000], [2; 70_000]].concat()));
    calls.request();
    assert!(matches!(calls.next(), Call::Ping(payload) if payload == b"between"));
    assert!(matches!(calls.next(), Call::Message(text) if text.as_text() == Some("κόσμε")));
}

#[test]
fn either_side_pings_and_gets_the_pong() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    client.ws.connection_mut().ping(b"").expect("the connection is open");
    assert_eq!(client.next(), Event::Pong(b"".into()));
    let (id, _) = calls.request();
    assert!(matches!(calls.next(), Call::Ping(payload) if payload.is_empty()));

    served
        .handle
        .with_session(id, |session| session.ping(&[7; 125]).expect("the connection is open"))
        .expect("the server is running");
    assert_eq!(client.next(), Event::Ping(vec![7; 125].into()));
    assert!(matches!(calls.next(), Call::Pong(payload) if payload == [7; 125]));
}

#[test]
fn a_subprotocol_and_headers_are_exchanged() {
    let (served, calls) = Served::witnessed(Config::default(), |session, request| {
        let cookie = HeaderValue::from_static("seen=1");
        let accept = Accept::new().preferred_by_client(request, &["chat", "superchat"]).header(SET_COOKIE, cookie);
        let accept = accept.expect("not a reserved header");
        session.accept(accept).expect("a request is pending");
    });
    let connect = Connect::new(&served.url("/ws?a=1"))
        .and_then(|connect| connect.subprotocol("soap")?.subprotocol("superchat"))
        .and_then(|connect| connect.header(AUTHORIZATION, HeaderValue::from_static("Bearer abc")))
        .expect("a valid request");
    let mut client = Client::start(&connect);
    assert_eq!(client.ws.phase(), Phase::Requested);
    let response = client.accepted();
    assert_eq!(response.headers[SET_COOKIE], "seen=1");
    assert_eq!(client.ws.subprotocol(), Some("superchat"));
    assert_eq!(client.ws.phase(), Phase::Open);

    let (_, request) = calls.request();
    assert_eq!(request.subprotocols(), ["soap", "superchat"]);
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
    assert_eq!(request.url("ws"), served.url("/ws?a=1"));
}

#[test]
fn a_rejection_arrives_whole_and_both_ends_agree() {
    let body = "no room for you\n".repeat(2000);
    let refusal = Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .body(body.clone())
        .header(RETRY_AFTER, HeaderValue::from_static("120"))
        .expect("not a reserved header");
    let (served, calls) = Served::witnessed(Config::default(), move |session, _| {
        session.reject(refusal.clone()).expect("a request is pending");
    });
    let mut client = Client::start(&Connect::new(&served.url("/ws")).expect("a valid URL"));
    let response = client.rejected();
    assert_eq!((response.status.as_u16(), &response.headers[RETRY_AFTER]), (503, &HeaderValue::from_static("120")));
    assert!(response.body == body, "the whole body arrives");

    let disconnect = client.ended();
    calls.request();
    let end = calls.end();
    assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(end.disconnect.cause, disconnect.cause);
    assert_eq!(transitions(&end.history), REFUSED);
    assert_same_moves(&client, &end);
}

#[test]
fn the_client_closes_with_any_code() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    for code in CODES.into_iter().chain([1010, 1013, 1014]) {
        let mut client = Client::open(&served.url("/ws"));
        client.ws.connection_mut().close(code, "so long").expect("a code that a client may send");
        let disconnect = client.ended();
        assert_eq!(code_and_reason(&disconnect), (code, "so long"), "the server answers with the same code");
        assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::LocalClosed, true));

        calls.request();
        let end = calls.end();
        assert_eq!(code_and_reason(&end.disconnect), (code, "so long"));
        assert_eq!((&end.disconnect.cause, end.disconnect.is_clean), (&Cause::PeerClosed, true));
        assert_eq!(transitions(&end.history), closed_by(Party::Client));
        assert_same_moves(&client, &end);
    }
}

#[test]
fn the_server_closes_with_any_code() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let longest = "é".repeat(61);
    for code in CODES.into_iter().chain([1013, 1014]) {
        let mut client = Client::open(&served.url("/ws"));
        let (id, _) = calls.request();
        served.handle.close(id, code, longest.as_str()).expect("the server is running");
        let disconnect = client.ended();
        assert_eq!(code_and_reason(&disconnect), (code, longest.as_str()));
        assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::PeerClosed, true));

        let end = calls.end();
        assert_eq!(code_and_reason(&end.disconnect), (code, longest.as_str()), "the client answers with the same code");
        assert_eq!((&end.disconnect.cause, end.disconnect.is_clean), (&Cause::LocalClosed, true));
        assert_eq!(transitions(&end.history), closed_by(Party::Application));
        assert_same_moves(&client, &end);
    }
}

#[test]
fn simultaneous_closes_end_both_sides_cleanly() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    let (id, _) = calls.request();
    served.handle.close(id, 4002, "from the server").expect("the server is running");
    client.ws.connection_mut().close(4001, "from the client").expect("the connection is open");
    let disconnect = client.ended();
    let end = calls.end();
    assert!(disconnect.is_clean && end.disconnect.is_clean);
    assert_eq!(u16::from(end.disconnect.code), 4001);
    // The end at the client depends on whether the server had read its Close.
    let code = u16::from(disconnect.code);
    assert_eq!(code, if end.history[2].party == Party::Client { 4001 } else { 4002 });
}

#[test]
fn a_client_that_aborts_is_noticed() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    client.ws.connection_mut().abort();
    let disconnect = client.ended();
    assert_eq!((disconnect.cause, u16::from(disconnect.code)), (Cause::Aborted, 1006));

    calls.request();
    let end = calls.end();
    assert_eq!((end.disconnect.cause, u16::from(end.disconnect.code)), (Cause::TransportLost(None), 1006));
    assert_eq!(transitions(&end.history)[2..], [(Party::Client, Action::Abort)]);
    assert_eq!(client.ws.history(), end.history);
}

#[test]
fn a_violation_is_answered_and_both_ends_agree_on_the_offender() {
    let (served, calls) = Served::witnessed(Config::default(), |session, _| {
        session.accept(Accept::new()).expect("a request is pending");
        session.send_text("before").expect("messages may be sent at once");
    });
    let mut client = Client::open(&served.url("/ws"));
    assert_eq!(client.message().as_text(), Some("before"));
    client.write_raw(&Raw::new(Raw::TEXT, "not masked").bytes());
    let disconnect = client.ended();
    assert_eq!((u16::from(disconnect.code), disconnect.cause), (1002, Cause::PeerClosed));

    calls.request();
    let end = calls.end();
    assert!(matches!(end.disconnect.cause, Cause::Protocol(_)), "{:?}", end.disconnect);
    assert_eq!((u16::from(end.disconnect.code), end.phase), (1006, Phase::Closed));
    let sent = end.disconnect.sent.expect("the server gave a reason");
    assert_eq!((u16::from(sent.code), sent.reason.as_str()), (1002, disconnect.reason.as_str()));
}
