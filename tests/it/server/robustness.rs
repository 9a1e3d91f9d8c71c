//! Handlers that misbehave, and peers that never read: only their own connections suffer.

use crate::support::{
    Raw,
    loopback::{RawClient, Served},
};
use statesocket::{
    Cause, Config, Disconnect, Message, Timer,
    server::{Handler, Peer},
};
use std::{sync::mpsc, time::Duration};

/// Sends so many messages, but no more than the high-water mark at a time.
struct Stream(usize);

impl Stream {
    fn pump(&mut self, peer: &mut Peer<'_>) {
        while self.0 > 0 && peer.queued() <= 64 << 10 {
            peer.send_binary(&[0; 10_000]).unwrap();
            self.0 -= 1;
        }
        if self.0 == 0 {
            peer.ensure_closed(1000, "");
        }
    }
}

impl Handler for Stream {
    fn on_message(&mut self, peer: &mut Peer<'_>, _: Message<'_>) {
        self.pump(peer);
    }

    fn on_drain(&mut self, peer: &mut Peer<'_>) {
        self.pump(peer);
    }
}

#[test]
fn a_stream_goes_on_also_if_the_socket_takes_everything_at_once() {
    let served = Served::start(Config::default(), |server| server.route("/", || Stream(1000)).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    for n in 0..1000 {
        assert_eq!(client.frame().payload.len(), 10_000, "message {n}");
    }
    assert_eq!(client.frame(), Raw::close(1000, ""));
}

struct Bomb;

impl Handler for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("this is what the test is about");
        }
    }
}

#[test]
fn a_handler_that_panics_while_it_is_made_or_dropped_ends_its_own_connection() {
    let served = Served::start(Config::default(), |server| {
        server.route("/bomb", || Bomb).unwrap();
        server.route("/factory", || -> Bomb { panic!("this is what the test is about") }).unwrap();
        server.route("/echo", || Echo).unwrap();
    });
    let mut other = RawClient::open(served.address, "/echo");
    let mut bomb = RawClient::open(served.address, "/bomb");
    bomb.send(Raw::close(1000, ""));
    assert_eq!(bomb.frame(), Raw::close(1000, ""));
    drop(bomb);
    let mut factory = RawClient::dial(served.address);
    factory.write(&crate::support::request_head("/factory", &[]));
    assert!(factory.head().starts_with("HTTP/1.1 500 "));
    other.echo("still here");
    RawClient::open(served.address, "/echo").echo("and for newcomers");
}

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        peer.send(&message).unwrap();
    }
}

/// Pauses at its first message, and tells of each.
struct Pauser(mpsc::Sender<&'static str>);

impl Handler for Pauser {
    fn on_message(&mut self, peer: &mut Peer<'_>, _: Message<'_>) {
        self.0.send("message").unwrap();
        peer.pause_reading();
        let id = peer.id();
        peer.handle().with_peer(id, |peer| assert!(peer.is_reading_paused())).unwrap();
    }

    fn on_drain(&mut self, _: &mut Peer<'_>) {
        self.0.send("drain").unwrap();
    }
}

#[test]
fn what_the_application_has_paused_stays_paused_until_it_resumes() {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/", move || Pauser(sender.clone())).unwrap();
        server.route("/echo", || Echo).unwrap();
    });
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "first"));
    client.send(Raw::new(Raw::TEXT, "second"));
    assert_eq!(calls.recv_timeout(Duration::from_secs(20)), Ok("message"));
    // Both messages may have come in one read; what comes after that is not read.
    let _ = calls.recv_timeout(Duration::from_millis(200));
    client.send(Raw::new(Raw::TEXT, "third"));
    RawClient::open(served.address, "/echo").echo("a turn has passed");
    assert_eq!(calls.recv_timeout(Duration::from_millis(200)), Err(mpsc::RecvTimeoutError::Timeout));
}

/// Answers with more than any socket holds, and tells of the end.
struct Flood(mpsc::Sender<Cause>);

impl Handler for Flood {
    fn on_message(&mut self, peer: &mut Peer<'_>, _: Message<'_>) {
        peer.send_binary(&vec![0; 32 << 20]).unwrap();
    }

    fn on_disconnect(&mut self, _: &mut Peer<'_>, disconnect: &Disconnect) {
        self.0.send(disconnect.cause.clone()).unwrap();
    }
}

#[test]
fn a_peer_that_never_reads_is_left_after_the_write_timeout() {
    let mut config = Config::default();
    config.write_timeout = Some(Duration::from_millis(300));
    let (sender, ends) = mpsc::channel();
    let served = Served::start(config, move |server| server.route("/", move || Flood(sender.clone())).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    assert_eq!(ends.recv_timeout(Duration::from_secs(20)), Ok(Cause::TimedOut(Timer::Write)));
}
