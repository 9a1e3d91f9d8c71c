//! Our client against tungstenite's server.

use super::{CODES, REFUSED, closed_by, messages};
use crate::support::loopback::{Client, patient, transitions};
use statesocket::{
    Action, Cause, Event, Party, Phase,
    handshake::Connect,
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, SET_COOKIE},
    },
};
use std::{
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};
use tungstenite::{
    Error, HandshakeError, Message, WebSocket,
    handshake::server::{Callback, ErrorResponse, NoCallback, Request, Response},
    protocol::frame::{
        CloseFrame, Frame,
        coding::{Data, OpCode},
    },
};

type Outcome = Result<WebSocket<TcpStream>, Box<Error>>;

/// Makes a thread accept one connection, answer the request by `callback`, and hand the result to `serve`.
fn serve<C: Callback + Send + 'static, R: Send + 'static>(
    callback: C,
    serve: impl FnOnce(Outcome) -> R + Send + 'static,
) -> (String, JoinHandle<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/chat?x=1", listener.local_addr().expect("a bound socket"));
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client connects");
        serve(tungstenite::accept_hdr(patient(stream), callback).map_err(|error| match error {
            HandshakeError::Failure(error) => Box::new(error),
            HandshakeError::Interrupted(_) => panic!("the client sends no request"),
        }))
    });
    (url, thread)
}

/// Like [`serve`], for a server that accepts.
fn serve_open<R: Send + 'static>(
    act: impl FnOnce(WebSocket<TcpStream>) -> R + Send + 'static,
) -> (Client, JoinHandle<R>) {
    let (url, thread) = serve(NoCallback, |outcome| act(outcome.expect("the request is valid")));
    (Client::open(&url), thread)
}

/// Echoes until the connection ends. Returns the received Close, and the error at the end.
fn echo(mut socket: WebSocket<TcpStream>) -> (Option<CloseFrame>, Error) {
    let mut close = None;
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).expect("the client reads"),
            Ok(Message::Close(frame)) => close = frame,
            Ok(_) => {}
            Err(error) => return (close, error),
        }
    }
}

#[test]
fn messages_of_every_kind_and_length_are_echoed() {
    let (mut client, server) = serve_open(echo);
    for message in messages() {
        client.ws.connection_mut().send(&message).expect("the connection is open");
        assert!(client.message() == message, "{} bytes came back changed", message.len());
    }
    client.ws.connection_mut().close(1000, "").expect("the connection is open");
    client.ended();
    assert!(matches!(server.join().expect("the thread does not panic").1, Error::ConnectionClosed));
}

#[test]
fn fragments_are_exchanged_around_a_ping() {
    let (mut client, server) = serve_open(|mut socket| {
        assert_eq!(socket.read().expect("the Ping arrives"), Message::Ping(b"between".to_vec().into()));
        assert_eq!(socket.read().expect("a message arrives"), Message::text("κόσμε"));
        for frame in [
            Frame::message(vec![0xCE], OpCode::Data(Data::Text), false),
            Frame::ping(b"inside a character".to_vec()),
            Frame::message(vec![0xBA], OpCode::Data(Data::Continue), false),
            Frame::message(Vec::new(), OpCode::Data(Data::Continue), true),
        ] {
            socket.send(Message::Frame(frame)).expect("the client reads");
        }
        assert_eq!(socket.read().expect("the Pong arrives"), Message::Pong(b"inside a character".to_vec().into()));
    });
    client.ws.connection_mut().begin_text("κό").expect("the connection is open");
    client.ws.connection_mut().ping(b"between").expect("a Ping may be sent between fragments");
    client.ws.connection_mut().continue_text("σμε", true).expect("the message is in progress");
    assert_eq!(client.next(), Event::Pong(b"between".into()));
    assert_eq!(client.next(), Event::Ping(b"inside a character".into()));
    assert_eq!(client.message().as_text(), Some("κ"));
    server.join().expect("the thread does not panic");
}

#[expect(clippy::result_large_err, reason = "the error is tungstenite's")]
fn choose(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert_eq!(request.uri(), "/chat?x=1");
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
    assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], "chat, superchat");
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("superchat"));
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("seen=1"));
    Ok(response)
}

#[test]
fn a_subprotocol_and_headers_are_exchanged() {
    let (url, server) = serve(choose, |outcome| echo(outcome.expect("the request is valid")));
    let connect = Connect::new(&url)
        .and_then(|connect| connect.subprotocol("chat")?.subprotocol("superchat"))
        .and_then(|connect| connect.header(AUTHORIZATION, HeaderValue::from_static("Bearer abc")))
        .expect("a valid request");
    let mut client = Client::start(&connect);
    assert_eq!(client.accepted().headers[SET_COOKIE], "seen=1");
    assert_eq!(client.ws.subprotocol(), Some("superchat"));
    client.ws.connection_mut().close(1000, "").expect("the connection is open");
    client.ended();
    server.join().expect("the thread does not panic");
}

#[expect(clippy::result_large_err, reason = "the error is tungstenite's")]
fn refuse(_: &Request, _: Response) -> Result<Response, ErrorResponse> {
    let mut refusal = ErrorResponse::new(Some("who are you?".to_owned()));
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    refusal.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("seen=1"));
    Err(refusal)
}

#[test]
fn a_rejection_has_a_status_headers_and_a_body() {
    let (url, server) = serve(refuse, |outcome| assert!(matches!(*outcome.expect_err("refused"), Error::Http(_))));
    let mut client = Client::start(&Connect::new(&url).expect("a valid URL"));
    let response = client.rejected();
    assert_eq!((response.status, &response.body[..]), (StatusCode::FORBIDDEN, &b"who are you?"[..]));
    assert_eq!(response.headers[SET_COOKIE], "seen=1");
    assert_eq!(client.ended().cause, Cause::Rejected(StatusCode::FORBIDDEN));
    assert_eq!(transitions(client.ws.history()), REFUSED);
    server.join().expect("the server rejected the request");
}

#[test]
fn the_client_closes_with_any_code() {
    for code in CODES {
        let (mut client, server) = serve_open(echo);
        client.ws.connection_mut().close(code, "so long").expect("a code that a client may send");
        assert_eq!(client.ws.phase(), Phase::ClientClosed);
        let disconnect = client.ended();
        assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (code, true));
        assert_eq!((disconnect.cause, disconnect.initiator), (Cause::LocalClosed, Some(Party::Client)));
        assert_eq!(transitions(client.ws.history()), closed_by(Party::Client));

        let (close, end) = server.join().expect("the thread does not panic");
        assert_eq!(close, Some(CloseFrame { code: code.into(), reason: "so long".into() }));
        assert!(matches!(end, Error::ConnectionClosed), "{end:?}");
    }
}

#[test]
fn the_server_closes_with_any_code_or_none() {
    for code in CODES.into_iter().map(Some).chain([None]) {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "bye".into() });
        let sent = frame.clone();
        let (mut client, server) = serve_open(move |mut socket| {
            socket.close(sent).expect("the client reads");
            echo(socket)
        });
        let disconnect = client.ended();
        let expected = code.map_or((1005, ""), |code| (code, "bye"));
        assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str()), expected);
        assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::PeerClosed, true));
        assert_eq!(transitions(client.ws.history()), closed_by(Party::Application));

        let (close, end) = server.join().expect("the thread does not panic");
        assert_eq!(close, frame, "the client answers with the same code");
        assert!(matches!(end, Error::ConnectionClosed), "{end:?}");
    }
}

#[test]
fn a_server_that_vanishes_is_noticed() {
    let (mut client, server) = serve_open(drop);
    server.join().expect("the thread does not panic");
    let disconnect = client.ended();
    assert_eq!((u16::from(disconnect.code), disconnect.cause), (1006, Cause::TransportLost(None)));
    assert_eq!(transitions(client.ws.history())[2..], [(Party::Application, Action::Abort)]);
}
