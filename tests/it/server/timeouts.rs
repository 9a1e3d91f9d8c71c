//! Timeouts, each at its exact time.

use crate::support::{
    Raw, Witness,
    memory::{Guest, RawClient, Served, server},
    request_head,
};
use statesocket::{
    CauseKind, Config, Disconnect, Message, Timer,
    handshake::{Accept, Request},
    server::{Handler, Limits, Session},
    testing::TestServer,
};
use std::{cell::RefCell, rc::Rc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(7);
const TICK: Duration = Duration::from_nanos(1);

/// Only `timeout` is on.
fn config(timeout: Timer) -> Config {
    let only = |timer| (timer == timeout).then_some(TIMEOUT);
    Config::default().with(|config| {
        config.opening_timeout = only(Timer::Opening);
        config.accept_timeout = only(Timer::Accept);
        config.ping_interval = None;
        config.closing_timeout = only(Timer::Closing);
        config.linger_timeout = only(Timer::Linger);
        config.write_timeout = only(Timer::Write);
        config.drain_timeout = None;
    })
}

/// Lets the time of the timeout pass, and checks that only its last moment ends `count` connections.
#[track_caller]
fn assert_ends_in_time(server: &mut TestServer, count: usize) {
    let connections = server.connections();
    server.advance(TIMEOUT - TICK);
    assert_eq!(server.connections(), connections, "too early");
    server.advance(TICK);
    assert_eq!(server.connections(), connections - count);
}

#[test]
fn a_client_without_a_request_is_dropped() {
    let mut server = server(config(Timer::Opening));
    let [silent, mut slow] = [(); 2].map(|()| Guest::dial(&mut server, "/ws"));
    slow.ask_more(50);
    server.settle();
    assert_ends_in_time(&mut server, 2);
    silent.assert_ended(&mut server, None);
    slow.assert_ended(&mut server, Some(408));
}

/// Answers once the handle says so.
struct Waits(Rc<RefCell<Vec<String>>>);

impl Handler for Waits {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        if request.raw_query() == Some("late") {
            session.set_timer(10 * TIMEOUT, 0);
        }
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        session.accept(Accept::new()).expect("a request waits");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some("close") => session.close(1000, "").expect("the session is open"),
            // More than any pipe holds.
            _ => session.send_binary(&vec![0; 32 << 20]).expect("nothing is queued before it"),
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, end: &Disconnect) {
        self.0.borrow_mut().push(end.to_string());
    }
}

fn waits(timeout: Timer) -> (TestServer, Rc<RefCell<Vec<String>>>) {
    let (mut server, ends) = (server(config(timeout)), Rc::default());
    let there = Rc::clone(&ends);
    server.route("/wait", move || Waits(Rc::clone(&there))).expect("the route is new");
    (server, ends)
}

#[test]
fn the_opening_timeout_does_not_apply_to_the_application() {
    let (mut server, _) = waits(Timer::Opening);
    let client = server.connect("/wait?late");
    server.advance(10 * TIMEOUT);
    assert_eq!(client.response().map(|response| response.status.as_u16()), Some(101));
    let (mut server, ends) = waits(Timer::Accept);
    let client = server.connect("/wait?late");
    assert_ends_in_time(&mut server, 1);
    assert_eq!(client.response().map(|response| response.status.as_u16()), Some(503));
    assert_eq!(*ends.borrow(), ["1006 (timed out: answer to the request)"]);
}

#[test]
fn a_close_without_an_answer_times_out() {
    let (mut server, ends) = waits(Timer::Closing);
    let mut client = server.connect("/wait?late");
    server.advance(10 * TIMEOUT);
    client.stop_reading();
    client.send_text("close").expect("the client is open");
    server.settle();
    assert_ends_in_time(&mut server, 1);
    assert_eq!(*ends.borrow(), ["1006 (timed out: closing handshake, not clean)"]);
    client.resume_reading();
    assert_eq!(client.receive_end().code, 1000, "our Close has left");
}

#[test]
fn a_client_that_keeps_its_end_is_dropped() {
    let mut server = server(config(Timer::Linger));
    let mut client = server.connect("/ws");
    client.stop_reading();
    client.close(1000, "").expect("the client is open");
    server.settle();
    assert_ends_in_time(&mut server, 1);
    assert_eq!(server.tally().clean, 1);
}

#[test]
fn a_peer_that_never_reads_is_dropped_after_the_write_timeout() {
    let (mut server, ends) = waits(Timer::Write);
    let mut client = server.connect("/wait?late");
    server.advance(10 * TIMEOUT);
    client.stop_reading();
    client.send_text("flood").expect("the client is open");
    server.settle();
    assert_ends_in_time(&mut server, 1);
    assert_eq!((server.tally().ended(CauseKind::TimedOut), ends.borrow().len()), (1, 1));
}

/// Pauses at once, for a number of Ping intervals.
struct Paused(u32);

impl Handler for Paused {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.pause_reading();
        session.set_timer(TIMEOUT * self.0 + TICK, 0);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        session.resume_reading();
    }
}

#[test]
fn a8_pings_go_on_during_a_pause_and_end_it_only_afterwards() {
    let config = Config::default().with(|config| {
        (config.ping_interval, config.pong_timeout) = (Some(TIMEOUT), Some(3 * TIMEOUT));
    });
    let served = Served::start(config, |server| server.route("/ws", || Paused(12)).expect("the route is new"));
    // It sends no Pong.
    let mut client = served.open();
    for number in 1..=12_u32 {
        served.advance(TIMEOUT);
        assert_eq!(client.frame(), Raw::new(Raw::PING, number.to_be_bytes()));
    }
    assert_eq!(served.tally().total_ended(), 0, "a Pong that is not read is not missed");
    served.advance(TICK);
    served.advance(3 * TIMEOUT);
    assert_eq!(served.tally().ended(CauseKind::TimedOut), 1);
}

#[test]
fn s21_a_timeout_of_a_server_is_answered_with_a_date() {
    let config = Config::default().with(|config| {
        (config.opening_timeout, config.accept_timeout) = (Some(TIMEOUT), Some(TIMEOUT));
    });
    let (served, _calls) = Served::witnessed(config, Witness::leave_waiting);
    let [mut begun, mut waiting] = [(); 2].map(|()| RawClient::dial(&served));
    begun.write(&request_head("/ws", &[])[..30]);
    waiting.write(&request_head("/ws", &[]));
    served.advance(TIMEOUT);
    for (client, status) in [(&mut begun, 408), (&mut waiting, 503)] {
        let answer = client.rest_as_text();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(answer.matches("\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n").count(), 1, "{answer}");
    }
}

/// The most sessions whose deadlines the server handles per turn.
const DUE_PER_TURN: usize = 1024;

/// A server with room for a crowd.
fn roomy(config: Config) -> TestServer {
    let mut server = server(config);
    server.set_limits(Limits::default().with(|limits| {
        limits.max_connections_per_address = limits.max_connections;
        limits.max_handshakes = limits.max_connections;
    }));
    server
}

/// One turn, which may wait for `max_wait`.
#[track_caller]
fn turn(server: &mut TestServer, max_wait: Option<Duration>) {
    server.turn(max_wait).expect("there is a deadline");
}

#[test]
fn s10_the_deadlines_of_a_crowd_take_several_turns_and_hold_nobody_up() {
    let mut server = roomy(config(Timer::Opening));
    let mut neighbour = Guest::open(&mut server);
    // The server forgets a deadline when its time comes.
    server.advance(TIMEOUT);
    let mut left = 2 * DUE_PER_TURN + 7;
    let _silent: Vec<_> = (0..left).map(|_| Guest::dial(&mut server, "/ws")).collect();
    server.settle();
    let due = server.now() + TIMEOUT;
    for ended in [DUE_PER_TURN, DUE_PER_TURN, 7] {
        turn(&mut server, None);
        left -= ended;
        assert_eq!((server.now(), server.connections()), (due, left + 1), "the first turn waits, and no other one");
        if left + ended < 2 * DUE_PER_TURN {
            // It came after the turn before, and did not wait for the deadlines that were left then.
            assert_eq!(neighbour.receive_text(), "Hello", "{left} sessions are still due");
        }
        neighbour.send_text("Hello").expect("the client is open");
    }
}

#[test]
fn s10_no_deadline_of_a_crowd_starves() {
    /// A header, and the number of the Ping.
    const PING_BYTES: usize = 2 + 4;
    const CROWD: usize = 2 * DUE_PER_TURN + 7;
    let mut server = roomy(config(Timer::Ping).with(|config| {
        config.ping_interval = Some(TIMEOUT);
        config.pong_timeout = None;
    }));
    let mut members: Vec<_> = (0..CROWD).map(|_| Guest::ask(&mut server)).collect();
    server.settle();
    members.iter_mut().for_each(|member| member.stop_reading());
    let (mut pinged, mut received) = (0, 0);
    for more in [DUE_PER_TURN, DUE_PER_TURN, 7] {
        turn(&mut server, None);
        pinged += more;
        // Those that have their Ping have their next deadline after all others.
        for member in &mut members {
            received += member.receive_raw().len();
        }
        assert_eq!(received, pinged * PING_BYTES);
    }
    let next = server.now() + TIMEOUT;
    turn(&mut server, None);
    assert_eq!(server.now(), next, "each has one Ping");
}

#[test]
fn s10_a_server_settles_once_no_deadline_is_due() {
    let mut server = roomy(config(Timer::Opening));
    let crowd: Vec<_> = (0..3 * DUE_PER_TURN).map(|_| Guest::dial(&mut server, "/ws")).collect();
    server.settle();
    assert_ends_in_time(&mut server, crowd.len());
}
