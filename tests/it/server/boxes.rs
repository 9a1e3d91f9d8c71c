//! Handlers that are boxes or closures.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Config, Delivery, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handler, Params, Session, Unsent, on_message},
};
use std::{any::Any, collections::BTreeSet, sync::mpsc, time::Duration};

/// Names its calls, and causes one of each.
struct Recorder(mpsc::Sender<&'static str>);

impl Recorder {
    fn tell(&self, call: &'static str) {
        self.0.send(call).expect("the test is waiting");
    }
}

impl Handler for Recorder {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.tell("on_request");
        if request.raw_query() == Some("chunks") {
            let config = Config::clone(session.config()).with(|config| config.delivery = Delivery::Chunks);
            session.set_config(config.into()).expect("a request waits");
        }
        session.accept(Accept::new()).expect("a request waits");
    }

    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.tell("on_message");
        let (id, handle) = (session.id(), session.handle().clone());
        session.set_timer(Duration::ZERO, 7);
        handle.notify(id, "event").expect("the server is running");
        session.send_text(&"x".repeat(100)).expect("the session is open");
        session.begin_text("be").expect("the session is open");
        handle.send_text(id, "not now").expect("the server is running");
    }

    fn on_chunk(&mut self, _: &mut Session<'_>, data: Message<'_>, is_last: bool) {
        assert_eq!((data.as_text(), is_last), (Some("chunk"), true));
        self.tell("on_chunk");
    }

    fn on_ping(&mut self, _: &mut Session<'_>, payload: &[u8]) {
        assert_eq!(payload, b"ping");
        self.tell("on_ping");
    }

    fn on_pong(&mut self, _: &mut Session<'_>, payload: &[u8]) {
        assert_eq!(payload, b"pong");
        self.tell("on_pong");
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.tell("on_drain");
    }

    fn on_timer(&mut self, _: &mut Session<'_>, token: u64) {
        assert_eq!(token, 7);
        self.tell("on_timer");
    }

    fn on_event(&mut self, _: &mut Session<'_>, event: Box<dyn Any + Send>) {
        assert!(event.is::<&str>());
        self.tell("on_event");
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        assert_eq!(message.as_text(), Some("not now"));
        session.continue_text("gun", true).expect("a message has begun");
        self.tell("on_unsent");
        Unsent::Drop
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
        self.tell("on_disconnect");
    }
}

/// The calls of a handler for a client that makes every call come. They are sorted, since the timer and the Ping may
/// come in any order.
fn calls(target: &'static str) -> Vec<&'static str> {
    let (sender, calls) = mpsc::channel();
    let config = Config::default().with(|config| (config.high_water, config.low_water) = (Some(50), 0));
    let served = Served::start(config, move |server| {
        let other = sender.clone();
        server.route("/plain", move || Recorder(other.clone())).expect("the route is new");
        let other = sender.clone();
        server
            .route("/box", move || Box::new(Box::new(Recorder(other.clone())) as Box<dyn Handler>))
            .expect("the route is new");
    });
    let mut client = RawClient::open(&served, target);
    client.send(Raw::new(Raw::TEXT, "go"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "x".repeat(100)));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "be").more());
    assert_eq!(client.frame(), Raw::new(Raw::CONTINUATION, "gun"));
    client.send(Raw::new(Raw::PING, "ping"));
    assert_eq!(client.frame(), Raw::new(Raw::PONG, "ping"));
    client.send(Raw::new(Raw::PONG, "pong"));
    client.send(Raw::close(1000, ""));
    client.assert_closed(1000);
    let mut client = RawClient::open(&served, &format!("{target}?chunks"));
    client.send(Raw::new(Raw::TEXT, "chunk"));
    client.send(Raw::close(1000, ""));
    client.assert_closed(1000);
    drop(served);
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_unstable();
    calls
}

#[test]
fn a_box_forwards_every_call_to_its_handler() {
    let plain = calls("/plain");
    let source = include_str!("../../../src/server/handler.rs");
    let methods = source.lines().filter_map(|line| line.strip_prefix("    fn ")?.split('(').next());
    assert_eq!(plain.iter().copied().collect::<BTreeSet<_>>(), methods.collect(), "this test causes every call");
    assert_eq!(calls("/box"), plain);
}

#[test]
fn a_box_may_be_a_handler_of_any_type() {
    let served = Served::start(Config::default(), |server| {
        let factory = |request: &Request, _: &Params| {
            let name = request.query("name").map(String::from);
            let greet = move |session: &mut Session<'_>, _: Message<'_>| {
                session.send_text(name.as_deref().unwrap_or_default()).expect("the session is open");
            };
            let handler: Box<dyn Handler> = match request.query("name") {
                Some(_) => Box::new(on_message(greet)),
                None => Box::new(Box::new(on_message(|session, _| session.ensure_closed(4000, "who?")))),
            };
            Ok(handler)
        };
        server.route_checked("/", factory).expect("the route is new");
    });
    let mut client = RawClient::open(&served, "/?name=anna");
    client.send(Raw::new(Raw::TEXT, "hello"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "anna"));
    let mut stranger = RawClient::open(&served, "/");
    stranger.send(Raw::new(Raw::TEXT, "hello"));
    assert_eq!(stranger.frame(), Raw::close(4000, "who?"));
}

#[test]
fn a_closure_gets_every_message_and_keeps_its_state_per_session() {
    let served = Served::start(Config::default(), |server| {
        let factory = || {
            let mut count = 0;
            on_message(move |session, _| {
                count += 1;
                session.send_text(&count.to_string()).expect("the session is open");
            })
        };
        server.route("/count", factory).expect("the route is new");
    });
    let mut clients = [(); 2].map(|()| RawClient::open(&served, "/count"));
    for count in 1..4 {
        for client in &mut clients {
            client.send(Raw::new(Raw::BINARY, ""));
            assert_eq!(client.frame(), Raw::new(Raw::TEXT, count.to_string()));
        }
    }
    let mut plain = RawClient::dial(&served);
    plain.write(&request_head("/count", &[("Upgrade", "")]));
    assert!(plain.head().starts_with("HTTP/1.1 4"), "it opens no session");
}
