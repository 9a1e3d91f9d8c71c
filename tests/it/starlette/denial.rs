//! Starlette's tests that refuse a request.

use super::{close_and_check, websocket_connect};
use crate::support::Pair;
use statesocket::{
    Action, Cause, CloseCode, Disconnect, Event, Phase, RejectError,
    handshake::{Accept, Response},
    http::{HeaderName, HeaderValue, StatusCode, header},
};

/// The response and the end that the client gets if the application does not answer with 101.
fn denied(mut pair: Pair) -> (Response, Disconnect) {
    let events = pair.to_client();
    let [Event::Rejected(response), Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((pair.client.phase(), pair.server.phase()), (Phase::Closed, Phase::Closed));
    assert_eq!(pair.client.history(), pair.server.history());
    ((**response).clone(), (**disconnect).clone())
}

#[test]
fn rejected_connection() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    pair.server.close(CloseCode::GOING_AWAY, "").unwrap();
    let (response, disconnect) = denied(pair);
    // Starlette's test client shows the application's code; ASGI puts a 403 on the wire.
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::FORBIDDEN));
}

#[test]
fn send_denial_response() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    pair.server.reject(Response::new(StatusCode::NOT_FOUND).body("foo")).unwrap();
    let (response, _) = denied(pair);
    assert_eq!((response.status, &response.body[..]), (StatusCode::NOT_FOUND, &b"foo"[..]));
}

/// A rejection is written as a whole: an application with a body in pieces joins them.
#[test]
fn send_denial_response_with_streaming_response() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let body: Vec<u8> = [&b"first "[..], b"second"].concat();
    pair.server.reject(Response::new(StatusCode::FORBIDDEN).body(body)).unwrap();
    let (response, _) = denied(pair);
    assert_eq!((response.status, &response.body[..]), (StatusCode::FORBIDDEN, &b"first second"[..]));
}

#[test]
fn send_denial_response_with_file_response() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    pair.server.reject(Response::new(StatusCode::UNAUTHORIZED).body(file.clone())).unwrap();
    let (response, _) = denied(pair);
    assert_eq!((response.status, &response.body[..]), (StatusCode::UNAUTHORIZED, file.as_slice()));
}

#[test]
fn send_response_multi() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let response = Response::new(StatusCode::NOT_FOUND)
        .body("hardbody")
        .header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
        .and_then(|response| response.header(HeaderName::from_static("foo"), HeaderValue::from_static("bar")))
        .unwrap();
    pair.server.reject(response).unwrap();
    let (response, _) = denied(pair);
    assert_eq!((response.status, &response.body[..]), (StatusCode::NOT_FOUND, &b"hardbody"[..]));
    assert_eq!(response.headers["foo"], "bar");
}

/// Every server here can reject with a response. What remains is a response that cannot be written, which leaves the
/// connection usable.
#[test]
fn send_response_unsupported() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let error = pair.server.reject(Response::new(StatusCode::NO_CONTENT).body("foo")).unwrap_err();
    assert_eq!(error, RejectError::BodyNotAllowed(StatusCode::NO_CONTENT));
    assert_eq!((pair.server.phase(), pair.server.output()), (Phase::Requested, &[][..]));
    pair.server.accept(Accept::new()).unwrap();
    pair.to_client();
    close_and_check(pair);
}

#[test]
fn send_response_duplicate_start() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let response = Response::new(StatusCode::NOT_FOUND).body("foo");
    pair.server.reject(response.clone()).unwrap();
    let wire = pair.server.output().to_vec();
    let RejectError::Transition(error) = pair.server.reject(response).unwrap_err() else { panic!() };
    assert_eq!((error.action, error.phase), (Action::Reject, Phase::Closed));
    assert_eq!(pair.server.output(), wire, "one response");
}
