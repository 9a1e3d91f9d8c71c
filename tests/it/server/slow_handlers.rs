//! A handler that takes long: the others wait, and no peer is blamed for it.

use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, Served, Witness},
    request_head,
};
use statesocket::{
    CauseKind, Config, Message,
    server::{Handler, Session},
};
use std::{sync::mpsc, thread, time::Duration};

/// Long enough for what a test does before it runs out.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Waits at each message until the test lets it go on.
struct Slow {
    began: mpsc::Sender<()>,
    end: mpsc::Receiver<()>,
}

impl Handler for Slow {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.began.send(()).expect("the test is waiting");
        self.end.recv_timeout(PATIENCE).expect("the test ends it");
        session.send(&message).expect("the connection is open");
    }
}

/// A server with an echo at `/ws` and one slow handler at `/slow`, which reports that it waits until it is told to go
/// on.
fn serve(config: Config) -> (Served, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((began, begin), (go_on, end)) = (mpsc::channel(), mpsc::channel());
    let served = Served::start(config, move |server| {
        let mut slow = Some(Slow { began, end });
        server.route("/slow", move || slow.take().expect("only one connection is slow")).expect("the route is new");
        server.route("/ws", || Witness::new(mpsc::channel().0, Witness::accept)).expect("the route is new");
    });
    (served, begin, go_on)
}

#[test]
fn other_connections_wait_and_lose_nothing() {
    let (served, begin, go_on) = serve(Config::default());
    let mut slow = RawClient::open(served.address, "/slow");
    let mut others: Vec<_> = (0..50).map(|_| served.open()).collect();
    slow.send(Raw::new(Raw::TEXT, "take your time"));
    begin.recv_timeout(PATIENCE).expect("the handler is called");
    let mut newcomer = RawClient::dial(served.address);
    newcomer.write(&request_head("/ws", &[]));
    for round in 0..20 {
        others.iter_mut().for_each(|client| client.send(Raw::new(Raw::TEXT, format!("{round}"))));
    }
    go_on.send(()).expect("the handler waits");
    for client in &mut others {
        for round in 0..20 {
            assert_eq!(client.frame(), Raw::new(Raw::TEXT, format!("{round}")));
        }
    }
    assert_eq!(slow.frame(), Raw::new(Raw::TEXT, "take your time"));
    assert!(newcomer.head().starts_with("HTTP/1.1 101 "));
    newcomer.echo("Hello");
    drop((slow, newcomer, others));
    let tally = served.stop();
    assert_eq!(tally.accepted, 52);
    assert!(tally.ended(CauseKind::TimedOut) == 0, "{tally}");
}

/// Input is in time if it arrives in time, even if the loop reads it after the deadline.
#[test]
fn input_that_arrived_in_time_is_in_time_when_the_loop_is_late() {
    let mut config = Config::default();
    config.opening_timeout = Some(TIMEOUT);
    config.message_timeout = Some(TIMEOUT);
    config.ping_interval = Some(Duration::from_millis(100));
    config.pong_timeout = Some(TIMEOUT);
    let (served, begin, go_on) = serve(config);
    let mut slow = RawClient::open(served.address, "/slow");
    let mut awaited = served.open();
    let ping = awaited.frame();
    let mut in_mid_head = RawClient::dial(served.address);
    let head = request_head("/ws", &[]);
    in_mid_head.write(&head[..20]);
    let mut in_mid_message = served.open();
    let message = Raw::new(Raw::TEXT, "in two halves").masked().bytes();
    in_mid_message.write(&message[..8]);
    slow.send(Raw::new(Raw::TEXT, "take your time"));
    begin.recv_timeout(PATIENCE).expect("the handler is called");

    awaited.send(Raw::new(Raw::PONG, ping.payload));
    in_mid_head.write(&head[20..]);
    in_mid_message.write(&message[8..]);
    // Makes all deadlines pass.
    thread::sleep(TIMEOUT + TIMEOUT / 4);
    go_on.send(()).expect("the handler waits");

    assert!(in_mid_head.head().starts_with("HTTP/1.1 101 "));
    for (client, expected) in [(&mut in_mid_message, "in two halves"), (&mut awaited, "still there")] {
        if expected == "still there" {
            client.send(Raw::new(Raw::TEXT, expected));
        }
        let frame = std::iter::repeat_with(|| client.frame()).find(|frame| frame.first != 0x80 | Raw::PING);
        assert_eq!(frame, Some(Raw::new(Raw::TEXT, expected)));
    }
}
