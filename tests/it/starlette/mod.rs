//! The tests of Starlette's `tests/test_websockets.py`, in equivalent form and with the same names.
//!
//! Starlette's application reads with `await receive()`; here the events come out of `receive` and `poll_event`, and
//! its exceptions are typed errors or the one `Disconnect`.

mod denial;
#[cfg(feature = "serde")]
mod json;
mod websocket;

use crate::support::{Pair, disconnect_in, drain, feed, pending};
use statesocket::{
    CloseCode, Config, Connection, Event, Message, Phase, State,
    handshake::{Accept, Connect, Request},
};
use std::{sync::Arc, time::Instant};

/// A client that has sent its request for `uri`, and a server with that request pending.
fn websocket_connect(uri: &str, subprotocols: &[&str]) -> (Pair, Arc<Request>) {
    let mut connect = Connect::new(uri).unwrap().seed([7; 32]);
    for name in subprotocols {
        connect = connect.subprotocol(*name).unwrap();
    }
    let (config, now) = (Arc::new(Config::default()), Instant::now());
    let client = Connection::client(&connect, Arc::clone(&config), now);
    let mut pair = Pair { client, server: Connection::server(config, now) };
    let mut events = pair.to_server();
    let Some(Event::Request(request)) = events.pop() else { panic!("{events:?}") };
    (pair, request)
}

/// The same after the application has accepted, and the client has received the 101.
fn accepted(uri: &str) -> Pair {
    let (mut pair, _) = websocket_connect(uri, &[]);
    pair.server.accept(Accept::new()).unwrap();
    let events = pair.to_client();
    assert!(matches!(events.as_slice(), [Event::Accepted(_)]), "{events:?}");
    pair
}

/// `close()` as the last line of an application, and its effect at both ends.
fn close_and_check(mut pair: Pair) {
    pair.server.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert_eq!(disconnect_in(&pair.to_client()).code, CloseCode::NORMAL_CLOSURE);
    assert_eq!(disconnect_in(&pair.to_server()).code, CloseCode::NORMAL_CLOSURE);
    assert_eq!((pair.client.phase(), pair.server.phase()), (Phase::Closed, Phase::Closed));
}

/// Runs an application that answers each message until the client leaves. That ends the loop without an error.
fn iterate(answer: fn(&mut Connection, &Message<'_>)) -> Vec<Event<'static>> {
    let mut pair = accepted("ws://testserver/");
    pair.client.send_text("Hello, world!").unwrap();
    pair.client.send_binary(b"[1]").unwrap();
    pair.client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    let mut bytes = drain(&mut pair.client);
    let mut input = bytes.as_mut_slice();
    while let Some(event) = pair.server.receive(&mut input, Instant::now()) {
        match event {
            Event::Message(message) => answer(&mut pair.server, &message),
            Event::Disconnect(disconnect) => assert!(disconnect.is_clean),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pair.server.phase(), Phase::Closed);
    let mut events = pair.to_client();
    assert!(matches!(events.pop(), Some(Event::Disconnect(_))));
    events
}

/// Checks that no message is reported before the request is accepted.
fn receive_before_accept_yields_nothing(wire: &[u8]) {
    let (mut pair, _) = websocket_connect("ws://testserver/", &[]);
    assert_eq!(feed(&mut pair.server, wire), []);
    assert_eq!(pending(&mut pair.server), []);
    assert_eq!((pair.server.client_state(), pair.server.application_state()), (State::Connected, State::Connecting));
}
