//! Starlette's tests of accepted connections.

use super::{accepted, close_and_check, iterate, receive_before_accept_yields_nothing, websocket_connect};
use crate::support::{Pair, Raw, disconnect_in, feed, pending};
use statesocket::{
    AcceptError, Action, Cause, CloseCode, CloseError, Event, Message, Phase, SendError, SocketAction,
    handshake::Accept,
    http::{HeaderName, HeaderValue, header},
};
use std::collections::HashMap;

#[test]
fn websocket_url() {
    let (_, request) = websocket_connect("ws://testserver/123?a=abc", &[]);
    assert_eq!(request.url("ws"), "ws://testserver/123?a=abc");
}

#[test]
fn websocket_query_params() {
    let (pair, request) = websocket_connect("ws://testserver/?a=abc&b=456", &[]);
    assert_eq!(pair.server.phase(), Phase::Requested, "known before the accept");
    let params: HashMap<_, _> = request.query_pairs().collect();
    assert_eq!(params, HashMap::from([("a".into(), "abc".into()), ("b".into(), "456".into())]));
}

#[test]
fn websocket_headers() {
    let (pair, request) = websocket_connect("ws://testserver/", &[]);
    assert_eq!(pair.server.phase(), Phase::Requested, "known before the accept");
    let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "host", "sec-websocket-key", "sec-websocket-version", "upgrade"]);
    for (name, value) in [("host", "testserver"), ("connection", "Upgrade"), ("sec-websocket-version", "13")] {
        assert_eq!(request.headers()[name], value);
    }
}

#[test]
fn websocket_port() {
    let (_, request) = websocket_connect("ws://example.com:123/123?a=abc", &[]);
    assert_eq!(request.authority().and_then(|authority| authority.port_u16()), Some(123));
}

#[test]
fn websocket_send_and_receive_text() {
    let mut pair = accepted("ws://testserver/");
    pair.client.send_text("Hello, world!").unwrap();
    let events = pair.to_server();
    let [Event::Message(Message::Text(data))] = events.as_slice() else { panic!("{events:?}") };
    pair.server.send_text(&format!("Message was: {data}")).unwrap();
    assert_eq!(pair.to_client(), [Event::Message("Message was: Hello, world!".into())]);
    close_and_check(pair);
}

#[test]
fn websocket_send_and_receive_bytes() {
    let mut pair = accepted("ws://testserver/");
    pair.client.send_binary(b"Hello, world!").unwrap();
    let events = pair.to_server();
    let [Event::Message(Message::Binary(data))] = events.as_slice() else { panic!("{events:?}") };
    pair.server.send_binary(&[b"Message was: ", &data[..]].concat()).unwrap();
    assert_eq!(pair.to_client(), [Event::Message(b"Message was: Hello, world!"[..].into())]);
    close_and_check(pair);
}

#[test]
fn websocket_iter_text() {
    let events = iterate(|server, message| {
        if let Some(text) = message.as_text() {
            server.send_text(&format!("Message was: {text}")).unwrap();
        }
    });
    assert_eq!(events, [Event::Message("Message was: Hello, world!".into())]);
}

#[test]
fn websocket_iter_bytes() {
    let events = iterate(|server, message| {
        if let Message::Binary(bytes) = message {
            server.send_binary(&[b"Message was: ", &bytes[..]].concat()).unwrap();
        }
    });
    assert_eq!(events, [Event::Message(b"Message was: [1]"[..].into())]);
}

#[test]
fn client_close() {
    let mut pair = accepted("ws://testserver/");
    pair.client.close(CloseCode::GOING_AWAY, "Going Away").unwrap();
    let disconnect = disconnect_in(&pair.to_server());
    assert_eq!((disconnect.code, disconnect.reason.as_str()), (CloseCode::GOING_AWAY, "Going Away"));
}

#[test]
fn client_disconnect_on_send() {
    let mut pair = accepted("ws://testserver/");
    pair.server.send_text("Hello, world!").unwrap();
    // A driver reports this when it fails to write these bytes.
    pair.server.transport_failed();
    let disconnect = disconnect_in(&pending(&mut pair.server));
    assert_eq!((disconnect.code, disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::TransportLost(None)));
}

#[test]
fn application_close() {
    let mut pair = accepted("ws://testserver/");
    pair.server.close(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(disconnect_in(&pair.to_client()).code, CloseCode::GOING_AWAY);
}

#[test]
fn subprotocol() {
    let (mut pair, request) = websocket_connect("ws://testserver/", &["soap", "wamp"]);
    assert_eq!(request.subprotocols(), ["soap", "wamp"]);
    pair.server.accept(Accept::new().subprotocol("wamp")).unwrap();
    pair.to_client();
    assert_eq!((pair.client.subprotocol(), pair.server.subprotocol()), (Some("wamp"), Some("wamp")));
    close_and_check(pair);
}

/// The headers of the 101 except those of the handshake.
fn extra_headers(pair: &mut Pair) -> Vec<(String, HeaderValue)> {
    let events = pair.to_client();
    let [Event::Accepted(response)] = events.as_slice() else { panic!("{events:?}") };
    let mut headers = response.headers.clone();
    for name in [header::UPGRADE, header::CONNECTION, header::SEC_WEBSOCKET_ACCEPT] {
        headers.remove(name).expect("the handshake writes it");
    }
    headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

#[test]
fn additional_headers() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let (name, value) = (HeaderName::from_static("additional"), HeaderValue::from_static("header"));
    pair.server.accept(Accept::new().header(name, value.clone()).unwrap()).unwrap();
    assert_eq!(extra_headers(&mut pair), [("additional".to_owned(), value)]);
    close_and_check(pair);
}

#[test]
fn no_additional_headers() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    pair.server.accept(Accept::new()).unwrap();
    assert_eq!(extra_headers(&mut pair), []);
    close_and_check(pair);
}

/// An application that fails before it answers leaves its driver to drop the connection: the handshake is not
/// completed, and the client notices.
#[test]
fn websocket_exception() {
    let (mut pair, _) = websocket_connect("ws://testserver/123?a=abc", &[]);
    pair.server.abort();
    assert_eq!(disconnect_in(&pending(&mut pair.server)).cause, Cause::Aborted);
    assert_eq!((pair.server.output(), pair.server.phase()), (&[][..], Phase::Closed));
    assert_eq!(pair.server.poll_socket(), Some(SocketAction::Close));
    pair.client.receive_eof();
    let disconnect = disconnect_in(&pending(&mut pair.client));
    assert_eq!((disconnect.code, disconnect.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::TransportLost(None)));
}

#[test]
fn duplicate_close() {
    let mut pair = accepted("ws://testserver/");
    pair.server.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    let CloseError::Transition(error) = pair.server.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err() else { panic!() };
    assert_eq!((error.action, error.phase), (Action::Close, Phase::ApplicationClosed));
}

#[test]
fn duplicate_disconnect() {
    let mut pair = accepted("ws://testserver/");
    pair.client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    disconnect_in(&pair.to_server());
    let late = Raw::close(1000, "").masked().bytes();
    assert_eq!(feed(&mut pair.server, &late), [], "nothing is received after the end");
    pair.server.receive_eof();
    assert_eq!(pending(&mut pair.server), []);
}

/// Starlette keeps these in a mapping; here they are fields and methods of [`Request`], which is compared by value. A
/// `Connection` is equal only to itself, so it is neither `PartialEq` nor `Hash`.
#[test]
fn websocket_scope_interface() {
    let (_, request) = websocket_connect("ws://testserver/abc/", &[]);
    assert_eq!((request.path(), request.raw_query(), request.is_websocket()), ("/abc/", None, true));
    let (_, same) = websocket_connect("ws://testserver/abc/", &[]);
    let (_, other) = websocket_connect("ws://testserver/abc", &[]);
    assert_eq!(request, same);
    assert_ne!(request, other);
}

#[test]
fn websocket_close_reason() {
    let mut pair = accepted("ws://testserver/");
    pair.server.close(CloseCode::GOING_AWAY, "Going Away").unwrap();
    let disconnect = disconnect_in(&pair.to_client());
    assert_eq!((disconnect.code, disconnect.reason.as_str()), (CloseCode::GOING_AWAY, "Going Away"));
}

#[test]
fn receive_text_before_accept() {
    receive_before_accept_yields_nothing(&Raw::new(Raw::TEXT, "early").masked().bytes());
}

#[test]
fn receive_bytes_before_accept() {
    receive_before_accept_yields_nothing(&Raw::new(Raw::BINARY, "early").masked().bytes());
}

#[test]
fn send_before_accept() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    let SendError::Transition(error) = pair.server.send_text("early").unwrap_err() else { panic!() };
    assert_eq!((error.action, error.phase), (Action::Message, Phase::Requested));
    assert_eq!(pair.server.output(), b"");
}

#[test]
fn send_wrong_message_type() {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    pair.server.accept(Accept::new()).unwrap();
    let AcceptError::Transition(error) = pair.server.accept(Accept::new()).unwrap_err() else { panic!() };
    assert_eq!((error.action, error.phase), (Action::Accept, Phase::Open));
}

/// A second request inside an open connection is not a request: its first byte begins no frame.
#[test]
fn receive_wrong_message_type() {
    let mut pair = accepted("ws://testserver/");
    let disconnect = disconnect_in(&feed(&mut pair.server, b"GET / HTTP/1.1\r\n"));
    assert!(matches!(disconnect.cause, Cause::Protocol(_)), "{disconnect}");
}
