//! tungstenite's client against our server.

use super::{CODES, REFUSED, closed_by, messages};
use crate::support::loopback::{Call, Calls, Served, Witness, dial, transitions};
use statesocket::{
    Cause, Config, Party,
    handshake::{Accept, Response},
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, SET_COOKIE, WWW_AUTHENTICATE},
    },
    server::SessionId,
};
use std::net::TcpStream;
use tungstenite::{
    ClientRequestBuilder, Error, HandshakeError, Message, WebSocket,
    handshake::client::Response as Accepted,
    protocol::frame::{
        CloseFrame, Frame,
        coding::{Data, OpCode},
    },
};

/// Connects to the server, with the additions of `change` to the request.
fn connect(
    served: &Served,
    change: impl FnOnce(ClientRequestBuilder) -> ClientRequestBuilder,
) -> Result<(WebSocket<TcpStream>, Accepted), Box<Error>> {
    let request = change(ClientRequestBuilder::new(served.url("/ws").parse().expect("a URI")));
    tungstenite::client(request, dial(served.address)).map_err(|error| match error {
        HandshakeError::Failure(error) => Box::new(error),
        HandshakeError::Interrupted(_) => panic!("the server does not answer"),
    })
}

/// An echo server, and a client that is connected to it.
fn open() -> (Served, Calls, SessionId, WebSocket<TcpStream>) {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let (socket, _) = connect(&served, |request| request).expect("the server accepts");
    let (id, _) = calls.request();
    (served, calls, id, socket)
}

#[test]
fn messages_of_every_kind_and_length_are_echoed() {
    let (_served, _calls, _, mut socket) = open();
    for message in messages() {
        let message = Message::from(message);
        socket.send(message.clone()).expect("the server reads");
        assert!(socket.read().expect("the echo arrives") == message, "{} bytes came back changed", message.len());
    }
}

#[test]
fn fragments_arrive_as_one_message_around_a_ping() {
    let (_served, calls, _, mut socket) = open();
    let (first, last) = "κόσμε".as_bytes().split_at(3);
    for frame in [
        Frame::message(first.to_vec(), OpCode::Data(Data::Text), false),
        Frame::message(Vec::new(), OpCode::Data(Data::Continue), false),
        Frame::ping(b"between".to_vec()),
        Frame::message(last.to_vec(), OpCode::Data(Data::Continue), true),
        Frame::message(vec![1; 70_000], OpCode::Data(Data::Binary), false),
        Frame::message(vec![2; 70_000], OpCode::Data(Data::Continue), true),
    ] {
        socket.write(Message::Frame(frame)).expect("the server reads");
    }
    socket.flush().expect("the server reads");
    assert_eq!(socket.read().expect("the Pong arrives"), Message::Pong(b"between".to_vec().into()));
    assert_eq!(socket.read().expect("the echo arrives"), Message::text("κόσμε"));
    assert!(socket.read().expect("the echo arrives") == Message::binary([[1; 70_000], [2; 70_000]].concat()));
    assert!(matches!(calls.next(), Call::Ping(payload) if payload == b"between"));
}

#[test]
fn either_side_pings_and_gets_the_pong() {
    let (served, calls, id, mut socket) = open();
    socket.send(Message::Ping(vec![7; 125].into())).expect("the server reads");
    assert_eq!(socket.read().expect("the Pong arrives"), Message::Pong(vec![7; 125].into()));
    assert!(matches!(calls.next(), Call::Ping(payload) if payload == [7; 125]));

    served
        .handle
        .with_session(id, |session| session.ping(b"").expect("the connection is open"))
        .expect("the server is running");
    assert_eq!(socket.read().expect("the Ping arrives"), Message::Ping(Vec::new().into()));
    socket.flush().expect("the server reads");
    assert!(matches!(calls.next(), Call::Pong(payload) if payload.is_empty()));
}

#[test]
fn a_subprotocol_and_headers_are_exchanged() {
    let (served, calls) = Served::witnessed(Config::default(), |session, request| {
        let cookie = HeaderValue::from_static("seen=1");
        let accept = Accept::new().preferred_by_client(request, &["chat", "superchat"]).header(SET_COOKIE, cookie);
        let accept = accept.expect("not a reserved header");
        session.accept(accept).expect("a request is pending");
    });
    let (_socket, response) = connect(&served, |request| {
        request.with_sub_protocol("soap").with_sub_protocol("superchat").with_header("Authorization", "Bearer abc")
    })
    .expect("the server accepts");
    assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "superchat");
    assert_eq!(response.headers()[SET_COOKIE], "seen=1");
    let (_, request) = calls.request();
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
}

#[test]
fn a_rejection_has_a_status_headers_and_a_body() {
    let (served, calls) = Served::witnessed(Config::default(), |session, _| {
        let refusal = Response::new(StatusCode::UNAUTHORIZED)
            .body("who are you?")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))
            .expect("not a reserved header");
        session.reject(refusal).expect("a request is pending");
    });
    let error = connect(&served, |request| request).expect_err("the server refuses");
    let Error::Http(response) = *error else { panic!("{error:?}") };
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic");
    assert_eq!(response.body().as_deref(), Some(&b"who are you?"[..]));
    calls.request();
    let end = calls.end();
    assert_eq!(end.disconnect.cause, Cause::Rejected(StatusCode::UNAUTHORIZED));
    assert_eq!(transitions(&end.history), REFUSED);
}

#[test]
fn the_client_closes_with_any_code() {
    for code in CODES {
        let (_served, calls, _, mut socket) = open();
        let frame = CloseFrame { code: code.into(), reason: "so long".into() };
        socket.close(Some(frame.clone())).expect("the server reads");
        let answer = socket.read().expect("the server answers");
        assert_eq!(answer, Message::Close(Some(frame)));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)), "the server ends the stream cleanly");

        let end = calls.end();
        assert_eq!((u16::from(end.disconnect.code), end.disconnect.reason.as_str()), (code, "so long"));
        assert_eq!((end.disconnect.cause, end.disconnect.is_clean), (Cause::PeerClosed, true));
        assert_eq!(transitions(&end.history), closed_by(Party::Client));
    }
}

#[test]
fn an_empty_close_is_answered_with_an_empty_one() {
    let (_served, calls, _, mut socket) = open();
    socket.close(None).expect("the server reads");
    assert_eq!(socket.read().expect("the server answers"), Message::Close(None));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
    let end = calls.end();
    assert_eq!((u16::from(end.disconnect.code), end.disconnect.is_clean), (1005, true));
}

#[test]
fn the_server_closes_with_any_code() {
    for code in CODES {
        let (served, calls, id, mut socket) = open();
        served.handle.close(id, code, "bye").expect("the server is running");
        let close = socket.read().expect("the Close arrives");
        assert_eq!(close, Message::Close(Some(CloseFrame { code: code.into(), reason: "bye".into() })));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)), "the server ends the stream cleanly");

        let end = calls.end();
        assert_eq!((u16::from(end.disconnect.code), end.disconnect.is_clean), (code, true));
        assert_eq!(end.disconnect.cause, Cause::LocalClosed);
        assert_eq!(transitions(&end.history), closed_by(Party::Application));
    }
}
