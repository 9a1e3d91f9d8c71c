//! Servers that are full, stopped, or asked for what nobody wants any more.

use crate::support::{
    Raw,
    loopback::{RawClient, Served},
    request_head,
};
use statesocket::{
    Config, Message, SendError,
    server::{Handler, Limits, Peer, Server, WhenFull},
};
use std::{sync::mpsc, time::Duration};

const LONG: Duration = Duration::from_secs(20);

/// Fills the output, and tells when it is told that there is room again.
struct Stuffed(mpsc::Sender<()>);

impl Handler for Stuffed {
    fn on_message(&mut self, peer: &mut Peer<'_>, _: Message<'_>) {
        while peer.send_binary(&[0; 10_000]).is_ok() {}
        assert!(matches!(peer.send_binary(&[0; 10_000]), Err(SendError::OutputFull { .. })));
    }

    fn on_drain(&mut self, _: &mut Peer<'_>) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn who_was_told_that_the_output_is_full_is_told_when_it_is_not_any_more() {
    let mut config = Config::default();
    config.max_output_bytes = 64 << 10;
    let (sender, drained) = mpsc::channel();
    let served = Served::start(config, move |server| server.route("/", move || Stuffed(sender.clone())).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    assert_eq!(drained.recv_timeout(LONG), Ok(()), "the output is smaller than the high-water mark");
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("this is what the test is about");
    }
}

struct Nothing;

impl Handler for Nothing {
    fn on_request(&mut self, peer: &mut Peer<'_>, _: &statesocket::handshake::Request) {
        let (id, bomb) = (peer.id(), Bomb);
        peer.abort();
        // By the time that its turn comes the connection has gone, and it is dropped.
        peer.handle().with_peer(id, move |_| drop(bomb)).unwrap();
    }
}

#[test]
fn what_is_asked_for_a_connection_that_has_gone_may_panic_when_it_is_dropped() {
    let served = Served::start(Config::default(), |server| {
        server.route("/", || Nothing).unwrap();
        server.route("/plain", || Plain).unwrap();
    });
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/", &[]));
    let _ = client.rest();
    RawClient::open(served.address, "/plain");
}

struct Plain;

impl Handler for Plain {}

#[test]
fn those_that_wait_for_room_are_answered_with_503_when_the_server_stops() {
    let mut served = Served::start(Config::default(), |server| {
        let mut limits = Limits::default();
        (limits.max_connections, limits.when_full) = (1, WhenFull::Wait);
        server.set_limits(limits);
        server.route("/", || Plain).unwrap();
    });
    let mut inside = RawClient::open(served.address, "/");
    let mut waiting: Vec<_> = (0..100).map(|_| RawClient::dial(served.address)).collect();
    for client in &mut waiting {
        client.write(&request_head("/", &[]));
    }
    served.handle.shutdown(1001, LONG).unwrap();
    for client in &mut waiting {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    assert_eq!(inside.frame(), Raw::close(1001, ""));
    drop((inside, waiting));
    served.wait_for_end();
}

#[test]
fn a_turn_of_a_server_that_has_stopped_waits_for_nothing() {
    let (sender, end) = mpsc::channel();
    std::thread::spawn(move || {
        let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
        server.handle().stop().unwrap();
        server.run().unwrap();
        server.turn(None).unwrap();
        sender.send(()).unwrap();
    });
    assert_eq!(end.recv_timeout(LONG), Ok(()));
}
