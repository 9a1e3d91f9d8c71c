//! Timers and events of handlers.

use crate::support::{
    Raw,
    loopback::{RawClient, Served},
    request_head,
};
use statesocket::{
    Config, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handler, Session},
};
use std::time::{Duration, Instant};

const LOGIN: u64 = 1;
const TICK: u64 = 2;
const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(30);

/// Wants a login in time, and then ticks.
struct Feed;

impl Handler for Feed {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        session.set_timer(SHORT, LOGIN);
        if request.raw_query() != Some("wait") {
            session.accept(Accept::new()).expect("a request waits");
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some("login") => {
                assert_eq!((session.cancel_timer(LOGIN), session.cancel_timer(LOGIN)), (true, false));
                session.set_timer(LONG, TICK);
                session.set_timer(Duration::ZERO, TICK);
                session.set_timer(Duration::MAX, 99);
            }
            _ => session.send(message).expect("the session is open"),
        }
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        match token {
            LOGIN => session.ensure_closed(1008, "log in"),
            TICK => {
                session.send_text("tick").expect("the session is open");
                session.set_timer(SHORT, TICK);
            }
            _ => panic!("it never comes"),
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        session.set_timer(Duration::ZERO, 99);
    }
}

fn serve() -> Served {
    Served::start(Config::default(), |server| server.route("/ws", || Feed).expect("the route is new"))
}

#[test]
fn s10_a_timer_comes_again_and_again_and_never_early() {
    let served = serve();
    let mut client = served.open();
    client.send(Raw::new(Raw::TEXT, "login"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "tick"));
    let first = Instant::now();
    for _ in 0..5 {
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, "tick"));
    }
    assert!(first.elapsed() >= 4 * SHORT, "the first may have been late");
    client.send(Raw::close(1000, ""));
    while client.frame() != Raw::close(1000, "") {}
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn s10_a_timer_closes_a_client_that_does_not_log_in() {
    let served = serve();
    let mut silent = served.open();
    assert_eq!(silent.frame(), Raw::close(1008, "log in"));
    let mut talker = served.open();
    talker.echo("Hello");
    assert_eq!(talker.frame(), Raw::close(1008, "log in"));
    let mut waiting = RawClient::dial(served.address);
    waiting.write(&request_head("/ws?wait", &[]));
    assert!(waiting.rest_as_text().starts_with("HTTP/1.1 403 "), "the request was not accepted in time");
}
