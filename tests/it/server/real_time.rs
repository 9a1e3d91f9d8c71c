//! Timeouts in real time, which are short here. The tests show that the loop keeps each deadline, not how early.

use crate::support::{
    Raw,
    loopback::{
        RawClient, Served, dial,
        turns::{server, turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    CauseKind, Config,
    handshake::{Accept, Request},
    server::{Handler, Session},
};
use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(200);

/// Ticks twice.
struct Clock;

impl Handler for Clock {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.set_timer(SHORT, 0);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        match token {
            0 => session.send_text("tick").expect("the session is open"),
            _ => session.close(1000, "").expect("the session is open"),
        }
        session.set_timer(SHORT, 1);
    }
}

#[test]
fn s10_a_timer_ends_the_wait_of_the_loop_and_is_never_early() {
    let served = Served::start(Config::default(), |server| server.route("/", || Clock).expect("the route is new"));
    let begin = Instant::now();
    let mut client = RawClient::open(served.address, "/");
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "tick"));
    assert!(begin.elapsed() >= SHORT);
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert!(begin.elapsed() >= 2 * SHORT);
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
