//! Timeouts, which are short here. The tests show that the loop keeps each deadline, not how early.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, Served, Witness, dial,
        turns::{server, turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    Cause, CauseKind, Config, Disconnect, Message, Timer,
    server::{Handler, Session},
};
use std::{
    io::{Read, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

const SHORT: Duration = Duration::from_millis(200);

/// Only `timeout` is short, and the others never run out.
fn config(timeout: Timer) -> Config {
    let mut config = Config::default();
    let only = |timer| (timer == timeout).then_some(SHORT);
    config.opening_timeout = only(Timer::Opening);
    config.closing_timeout = only(Timer::Closing);
    config.linger_timeout = only(Timer::Linger);
    config
}

#[test]
fn a_client_without_a_request_is_dropped() {
    let served = Served::echo(config(Timer::Opening));
    let mut silent = RawClient::dial(served.address);
    let mut slow = RawClient::dial(served.address);
    slow.write(&request_head("/ws", &[])[..50]);
    assert_eq!(silent.rest().expect("the server ends the stream cleanly"), b"");
    let answer = slow.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn the_opening_timeout_does_not_apply_to_the_application() {
    let (served, calls) = Served::witnessed(config(Timer::Opening), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    // This opening timeout runs out later than that of the first client would.
    assert_eq!(RawClient::dial(served.address).rest().expect("the server ends the stream cleanly"), b"");
    served
        .handle
        .with_session(id, |session| session.accept(Default::default()).expect("a request is pending"))
        .expect("the server is running");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    client.echo("Hello");
}

#[test]
fn a_close_without_an_answer_times_out() {
    let (served, calls) = Served::witnessed(config(Timer::Closing), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the server is running");
    let end = calls.end().disconnect;
    assert_eq!((end.cause, u16::from(end.code)), (Cause::TimedOut(Timer::Closing), 1006));
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn a_client_that_keeps_its_socket_is_dropped() {
    let mut config = Config::default();
    config.linger_timeout = Some(Duration::from_millis(100));
    let mut server = server(config);
    let mut stream = dial(server.local_addr());
    let bytes = [request_head("/ws", &[]), Raw::close(1000, "").masked().bytes()].concat();
    stream.write_all(&bytes).expect("the socket buffer has room");
    turn_until(&mut server, |server| server.connections() == 1);
    turn_until(&mut server, |server| server.connections() == 0);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server ends the stream cleanly");
    assert!(all.ends_with(&Raw::close(1000, "").bytes()));
}

/// Answers with more than any socket holds, and reports the end.
struct Flood(mpsc::Sender<Cause>);

impl Handler for Flood {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        session.send_binary(&vec![0; 32 << 20]).unwrap();
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        self.0.send(disconnect.cause.clone()).unwrap();
    }
}

#[test]
fn a_peer_that_never_reads_is_dropped_after_the_write_timeout() {
    let mut config = Config::default();
    config.write_timeout = Some(Duration::from_millis(300));
    let (sender, ends) = mpsc::channel();
    let served = Served::start(config, move |server| server.route("/", move || Flood(sender.clone())).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(Cause::TimedOut(Timer::Write)));
}

/// Together they have more to read at their deadlines than one turn reads.
#[test]
fn many_peers_that_flood_at_their_deadlines_are_dropped_in_some_turns() {
    const PEERS: u64 = 24;
    let mut server = server(Config::default().with(|config| config.message_timeout = Some(SHORT)));
    let mut clients: Vec<_> = (0..PEERS).map(|_| dial(server.local_addr())).collect();
    for client in &mut clients {
        let head_of_a_message = [0x82, 0xff, 0, 0, 0, 0, 0, 0xf0, 0, 0, 0, 0, 0, 0];
        client.write_all(&[request_head("/ws", &[]), head_of_a_message.to_vec()].concat()).expect("there is room");
    }
    for client in &mut clients {
        client.set_nonblocking(true).expect("the socket is open");
        assert_eq!(turn_until_answered(&mut server, client), 101);
    }
    thread::sleep(SHORT);
    let zeros = vec![0; 4 << 20];
    for client in &mut clients {
        while client.write(&zeros).is_ok() {}
    }
    turn_until(&mut server, |server| server.tally().ended(CauseKind::TimedOut) == PEERS);
}
