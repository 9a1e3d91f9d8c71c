//! The configuration of a route (row S9).

use crate::support::{
    Call, Calls, Raw, Witness,
    loopback::LONG,
    memory::{RawClient, Served, server},
    request_head,
};
use statesocket::{
    CloseReply, Config, Delivery,
    handshake::{Accept, Request},
    server::{Handler, Session},
};
use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

/// Echoes at `/ws`, and at `/other` with the configuration of the server as `change` changes it.
fn routed(config: Config, change: impl FnOnce(&mut Config)) -> (Served, Calls) {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(config, move |server| {
        let factory = move || Witness::new(sender.clone(), Witness::accept);
        server.route("/ws", factory.clone()).expect("the first route");
        server.route_with("/other", change, factory).expect("another path");
    });
    let calls = served.calls(calls);
    (served, calls)
}

/// The first frame that answers `frames` behind a request for `target`, which come together with it or after the 101.
fn reply(served: &Served, target: &str, frames: &[u8], is_early: bool) -> Raw {
    let mut client = RawClient::dial(served);
    let head = request_head(target, &[]);
    let early: &[u8] = if is_early { frames } else { &[] };
    client.write(&[&head, early].concat());
    assert!(client.head().starts_with("HTTP/1.1 101 "), "{target}");
    if !is_early {
        client.write(frames);
    }
    client.frame()
}

#[test]
fn s9_each_route_has_limits_of_its_own() {
    let text = Raw::new(Raw::TEXT, "x".repeat(1_000));
    let frame = text.clone().masked().bytes();
    let small = Config::default().with(|config| config.max_message_bytes = 999);
    let (served, _calls) = routed(small, |config| config.max_message_bytes = 1_000);
    let (reverse, _calls) = routed(Config::default(), |config| config.max_frame_bytes = 999);
    for is_early in [true, false] {
        assert_eq!(reply(&served, "/other", &frame, is_early), text);
        assert_eq!(reply(&served, "/ws", &frame, is_early).payload[..2], 1009_u16.to_be_bytes());
        assert_eq!(reply(&reverse, "/ws", &frame, is_early), text);
        assert_eq!(reply(&reverse, "/other", &frame, is_early).payload[..2], 1009_u16.to_be_bytes());
    }
}

#[test]
fn s9_each_route_has_a_delivery_of_its_own() {
    let (served, calls) = routed(Config::default(), |config| config.delivery = Delivery::Chunks);
    for (target, has_chunks) in [("/ws", false), ("/other", true), ("/ws", false)] {
        let mut client = RawClient::dial(&served);
        client.write(&[request_head(target, &[]), Raw::new(Raw::TEXT, "part").masked().bytes()].concat());
        calls.request();
        match calls.next() {
            Call::Chunk(..) => assert!(has_chunks, "{target}"),
            Call::Message(_) => assert!(!has_chunks, "{target}"),
            other => panic!("{target}: {other:?}"),
        }
        drop(client);
        calls.end();
    }
}

#[test]
fn s9_each_route_has_timeouts_and_a_close_reply_of_its_own() {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(Config::default().with(|config| config.closing_timeout = Some(LONG)), |server| {
        let waits = || Witness::new(mpsc::channel().0, Witness::leave_waiting);
        server.route("/patient", waits).expect("the first route");
        let at_once = |config: &mut Config| config.accept_timeout = Some(Duration::ZERO);
        server.route_with("/hasty", at_once, waits).expect("another path");
        let manual = |config: &mut Config| {
            (config.close_reply, config.closing_timeout) = (CloseReply::Manual, Some(Duration::from_millis(1)));
        };
        let witness = move || Witness::new(sender.clone(), Witness::accept);
        server.route_with("/silent", manual, witness).expect("another path");
    });
    let mut patient = RawClient::dial(&served);
    patient.write(&request_head("/patient", &[]));
    let mut hasty = RawClient::dial(&served);
    hasty.write(&request_head("/hasty", &[]));
    assert!(hasty.head().starts_with("HTTP/1.1 503 "));

    let mut silent = RawClient::open(&served, "/silent");
    silent.send(Raw::close(1000, ""));
    silent.assert_silent();
    served.advance(Duration::from_millis(1));
    assert_eq!(silent.rest_as_text(), "", "nobody answers the Close");
    let calls = served.calls(calls);
    calls.request();
    assert_eq!(calls.end().disconnect.sent, None);
    patient.write(b"\x81");
    drop(patient);
    assert_eq!(served.stop().total_ended(), 3);
}

/// Tells the limits that it finds when the request comes, and those that it has chosen itself.
struct Limits;

impl Handler for Limits {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        let found = session.config().max_message_bytes;
        if let Some(limit) = request.query("limit") {
            let config = session.config().clone().with(|config| config.max_message_bytes = limit.parse().unwrap());
            session.set_config(Arc::new(config)).expect("a request waits");
        }
        session.accept(Accept::new()).expect("a request waits");
        let [limit, interval] = [session.config().max_message_bytes, session.config().ping_interval.unwrap().as_secs()];
        session.send_text(&format!("{found} {limit} {interval}")).expect("it is open");
        session.set_config(Arc::default()).expect_err("no request waits");
    }
}

#[test]
fn s9_a_route_begins_with_the_configuration_of_the_server() {
    let config = Config::default().with(|config| {
        (config.max_message_bytes, config.ping_interval) = (77, Some(Duration::from_secs(700)));
    });
    let served = Served::start(config, |server| {
        server.route("/a", || Limits).expect("a path");
        server.route_with("/b", |config| config.max_message_bytes = 88, || Limits).expect("a path");
        server.route_with("/c/{x}", |config| config.ping_interval = Some(LONG), || Limits).expect("a path");
    });
    for (target, expected) in [
        ("/a", "77 77 700"),
        ("/b", "88 88 700"),
        ("/c/1", "77 77 600"),
        ("/a?limit=9", "77 9 700"),
        ("/b?limit=99", "88 99 700"),
        ("/a", "77 77 700"),
    ] {
        assert_eq!(served.server().connect(target).receive_text(), expected, "{target}");
    }
}

#[test]
fn s9_a_field_that_cannot_differ_per_route_is_an_error() {
    let config = Config::default().with(|config| config.max_headers = 50);
    let mut server = server(config);
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 7] = [
        ("max_head_bytes", |config| config.max_head_bytes += 1),
        ("max_request_line_bytes", |config| config.max_request_line_bytes -= 1),
        ("max_headers", |config| config.max_headers = 100),
        ("max_list_elements", |config| config.max_list_elements = 1),
        ("opening_timeout", |config| config.opening_timeout = None),
        ("max_rejection_body_bytes", |config| config.max_rejection_body_bytes = 1),
        ("client_high_water", |config| config.client_high_water = Some(1)),
    ];
    for (field, change) in changes {
        let error = server.route_with("/other", change, || Limits).expect_err(field);
        assert_eq!(error.reason, format!("{field} has no effect on one route"));
    }
    server.route_with("/other", |config| config.max_headers = 50, || Limits).expect("no error has added a route");
    server.route_with("/other", |_| {}, || Limits).expect_err("there is this route already");
    server.route_with("ws", |_| {}, || Limits).expect_err("no request can have this path");
}
