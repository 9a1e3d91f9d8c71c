//! Starlette's tests that send JSON.

use super::{accepted, close_and_check, iterate, receive_before_accept_yields_nothing};
use crate::support::Raw;
use serde_json::{Value, json};
use statesocket::{Event, Message, Phase};

fn only_message(events: Vec<Event<'static>>) -> Message<'static> {
    let [Event::Message(message)] = events.as_slice() else { panic!("{events:?}") };
    message.clone()
}

#[test]
fn websocket_binary_json() {
    let mut pair = accepted("ws://testserver/123?a=abc");
    pair.client.send_json_binary(&json!({"test": "data"})).unwrap();
    let message = only_message(pair.to_server());
    assert!(matches!(message, Message::Binary(_)), "{message:?}");
    pair.server.send_json_binary(&message.json::<Value>().unwrap()).unwrap();
    assert_eq!(only_message(pair.to_client()).json::<Value>().unwrap(), json!({"test": "data"}));
    close_and_check(pair);
}

#[test]
fn websocket_ensure_unicode_on_send_json() {
    let mut pair = accepted("ws://testserver/123?a=abc");
    pair.client.send_json(&json!({"test": "\u{6570}\u{636e}"})).unwrap();
    assert_eq!(only_message(pair.to_server()).as_text(), Some("{\"test\":\"\u{6570}\u{636e}\"}"));
    close_and_check(pair);
}

#[test]
fn websocket_send_and_receive_json() {
    let mut pair = accepted("ws://testserver/");
    pair.client.send_json(&json!({"hello": "world"})).unwrap();
    let data: Value = only_message(pair.to_server()).json().unwrap();
    pair.server.send_json(&json!({"message": data})).unwrap();
    let data: Value = only_message(pair.to_client()).json().unwrap();
    assert_eq!(data, json!({"message": {"hello": "world"}}));
    close_and_check(pair);
}

#[test]
fn websocket_iter_json() {
    let events = iterate(|server, message| {
        if let Ok(data) = message.json::<Value>() {
            server.send_json(&json!({"message": data})).unwrap();
        }
    });
    assert_eq!(events, [Event::Message("{\"message\":[1]}".into())], "invalid JSON does not close the connection");
}

/// A reader and a writer share one connection without knowing of each other.
#[test]
fn websocket_concurrency_pattern() {
    let mut pair = accepted("ws://testserver/");
    let (stream_send, stream_receive) = std::sync::mpsc::channel::<Value>();
    pair.client.send_json(&json!({"hello": "world"})).unwrap();
    let reader = |events: Vec<Event<'static>>| {
        for event in events {
            if let Event::Message(message) = event {
                stream_send.send(message.json().unwrap()).unwrap();
            }
        }
    };
    reader(pair.to_server());
    for message in stream_receive.try_iter() {
        pair.server.send_json(&message).unwrap();
    }
    assert_eq!(only_message(pair.to_client()).json::<Value>().unwrap(), json!({"hello": "world"}));
    close_and_check(pair);
}

#[test]
fn receive_json_before_accept() {
    receive_before_accept_yields_nothing(&Raw::new(Raw::TEXT, "{}").masked().bytes());
}

/// Starlette has no test for it, but documents it: invalid JSON is the application's affair.
#[test]
fn invalid_json_leaves_the_connection_open() {
    let mut pair = accepted("ws://testserver/");
    pair.client.send_text("{").unwrap();
    let message = only_message(pair.to_server());
    assert!(message.json::<Value>().is_err());
    assert_eq!(pair.server.phase(), Phase::Open);
    close_and_check(pair);
}
