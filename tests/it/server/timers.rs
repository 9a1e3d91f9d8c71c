//! Timers and events of handlers.

use statesocket::{
    Config, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handler, Session},
    testing::TestServer,
};
use std::time::Duration;

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
                session.set_timer(Duration::ZERO, 99);
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

fn server() -> TestServer {
    let mut server = TestServer::new(Config::default()).expect("the configuration is right");
    server.route("/ws", || Feed).expect("the route is new");
    server
}

#[test]
fn s10_a_timer_comes_again_and_again_and_never_early() {
    let mut server = server();
    let mut client = server.connect("/ws");
    client.send_text("login").expect("the client is open");
    server.settle();
    assert_eq!(client.receive_text(), "tick");
    for _ in 0..5 {
        server.advance(SHORT - Duration::from_nanos(1));
        assert_eq!(client.receive(), None);
        server.advance(Duration::from_nanos(1));
        assert_eq!(client.receive_text(), "tick");
    }
    // After a jump of the clock a timer that is set again has come as often as without one.
    server.advance(100 * SHORT);
    client.close(1000, "").expect("the client is open");
    server.settle();
    assert_eq!([(); 100].map(|()| client.receive_text()), [(); 100].map(|()| "tick".to_owned()));
    assert_eq!(client.receive_end().code, 1000);
}

#[test]
fn s10_a_timer_closes_a_client_that_does_not_log_in() {
    let mut server = server();
    let (mut silent, mut talker) = (server.connect("/ws"), server.connect("/ws"));
    let waiting = server.connect("/ws?wait");
    talker.send_text("Hello").expect("the client is open");
    server.advance(SHORT - Duration::from_nanos(1));
    assert_eq!((talker.receive_text(), silent.receive(), waiting.response()), ("Hello".to_owned(), None, None));
    server.advance(Duration::from_nanos(1));
    for client in [&mut silent, &mut talker] {
        let end = client.receive_end();
        assert_eq!((u16::from(end.code), &*end.reason), (1008, "log in"));
    }
    let status = waiting.response().map(|response| response.status.as_u16());
    assert_eq!(status, Some(403), "the request was not accepted in time");
}
