//! Opening handshakes that fail, at either end.

use super::{client, drain, feed, request_head};
use statesocket::{
    Cause, CloseCode, Config, Connection, Event, HandshakeError, Party, Phase, SocketAction, State,
    handshake::{Request, Response},
};
use std::{fmt::Display, sync::Arc, time::Instant};

/// A client that has queued its request, with an offer of `subprotocols`, and that request.
pub(crate) fn asking(config: Config, subprotocols: &[&str]) -> (Connection, Vec<u8>) {
    let mut client = client(config, subprotocols);
    let request = drain(&mut client);
    (client, request)
}

/// The error with which `client` fails the handshake for `response`. Asserts what every such failure has in common.
#[track_caller]
pub(crate) fn failure(client: Connection, response: &[u8]) -> HandshakeError {
    let (_, error) = failure_and_response(client, response);
    error
}

/// Like [`failure`]. Also returns the response if it is handed out, as a complete 101 is.
#[track_caller]
pub(crate) fn failure_and_response(mut client: Connection, response: &[u8]) -> (Option<Box<Response>>, HandshakeError) {
    let case = &response[..response.len().min(300)].escape_ascii();
    let mut events = feed(&mut client, response);
    let handed_out = match events.first() {
        Some(Event::InvalidResponse(response)) => Some(Box::clone(response)),
        _ => None,
    };
    events.drain(..usize::from(handed_out.is_some()));
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{case}: {events:?}") };
    assert!(handed_out.as_ref().is_none_or(|response| response.status == 101 && response.body.is_empty()), "{case}");
    let Cause::Handshake(error) = &disconnect.cause else { panic!("{case}: {disconnect:?}") };
    assert_eq!((disconnect.code, disconnect.reason.as_str()), (CloseCode::ABNORMAL_CLOSURE, ""), "{case}");
    assert_eq!((disconnect.initiator, disconnect.is_clean), (Some(Party::Client), false), "{case}");
    assert_eq!((&disconnect.received, &disconnect.sent), (&None, &None), "{case}");
    assert_eq!(client.disconnected(), Some(&**disconnect), "{case}");
    assert_eq!(client.subprotocol(), None, "{case}");
    assert_gone(&mut client, case);
    (handed_out, error.clone())
}

/// Checks that `client` is gone: it writes nothing, closes the socket, and ignores all further input.
#[track_caller]
pub(crate) fn assert_gone(client: &mut Connection, case: &impl Display) {
    assert_eq!(client.phase(), Phase::Closed, "{case}");
    assert_eq!(
        (client.client_state(), client.application_state()),
        (State::Disconnected, State::Disconnected),
        "{case}"
    );
    assert!(client.output().is_empty(), "{case}: a failed client writes nothing");
    assert!(!client.wants_read(), "{case}");
    assert_eq!((client.poll_socket(), client.poll_socket()), (Some(SocketAction::Close), None), "{case}");
    assert_eq!(feed(client, b"HTTP/1.1 200 OK\r\n\r\n\x81\x05Hello"), [], "{case}: nothing follows a Disconnect");
    client.receive_eof();
    assert_eq!(client.poll_event(), None, "{case}");
}

/// A server that has received nothing.
pub(crate) fn server(config: Config) -> Connection {
    Connection::server(Arc::new(config), Instant::now())
}

/// The request that a new server reports for `bytes`.
#[track_caller]
pub(crate) fn request(config: Config, bytes: &[u8]) -> Arc<Request> {
    let events = feed(&mut server(config), bytes);
    let [Event::Request(request)] = events.as_slice() else { panic!("{}: {events:?}", bytes.escape_ascii()) };
    Arc::clone(request)
}

/// The error with which a new server refuses `bytes`, and its answer as written. Asserts what every refusal has in
/// common.
#[track_caller]
pub(crate) fn refusal(config: Config, bytes: &[u8]) -> (HandshakeError, String) {
    refusal_by(server(config), bytes)
}

/// Like [`refusal`], for a server that has received bytes before.
#[track_caller]
pub(crate) fn refusal_by(mut server: Connection, bytes: &[u8]) -> (HandshakeError, String) {
    let case = &bytes[..bytes.len().min(300)].escape_ascii();
    let events = feed(&mut server, bytes);
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{case}: {events:?}") };
    let Cause::Handshake(error) = &disconnect.cause else { panic!("{case}: {disconnect:?}") };
    assert_eq!((disconnect.code, disconnect.reason.as_str()), (CloseCode::ABNORMAL_CLOSURE, ""), "{case}");
    assert_eq!((disconnect.initiator, disconnect.is_clean), (Some(Party::Application), false), "{case}");
    assert_eq!((&disconnect.received, &disconnect.sent), (&None, &None), "{case}");
    assert_eq!(server.disconnected(), Some(&**disconnect), "{case}");
    assert_eq!(server.phase(), Phase::Closed, "{case}");
    assert_eq!(
        (server.client_state(), server.application_state()),
        (State::Disconnected, State::Disconnected),
        "{case}"
    );

    assert_eq!(server.poll_socket(), None, "{case}: the answer is not written yet");
    let answer = String::from_utf8(drain(&mut server)).expect("the answer is text");
    let body = format!("{error}\n");
    assert!(answer.starts_with(&format!("HTTP/1.1 {}\r\n", error.status())), "{case}: {answer}");
    assert!(answer.contains("\r\nConnection: close"), "{case}: {answer}");
    assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{case}: {answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{case}: {answer}");
    assert_over(&mut server, case);
    (error.clone(), answer)
}

/// Checks that `server` is done: it shuts down writing, ignores all further input, and closes at the end of the stream.
#[track_caller]
pub(crate) fn assert_over(server: &mut Connection, case: &impl Display) {
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite), "{case}");
    assert_eq!(feed(server, &request_head("/again", &[])), [], "{case}: nothing follows a Disconnect");
    assert_eq!(server.poll_socket(), None, "{case}");
    server.receive_eof();
    assert_eq!(server.poll_event(), None, "{case}");
    assert_eq!((server.poll_socket(), server.poll_socket()), (Some(SocketAction::Close), None), "{case}");
    assert!(server.is_finished() && server.output().is_empty(), "{case}");
}
