//! The bytes that all connections hold together: who is not read, who is ended, and who is left alone.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Cause, CauseKind, Config, Disconnect, Message, SharedMessage, Timer,
    handshake::{Accept, Request},
    server::{Handler, Limits, Session},
    testing::ClientOptions,
};
use std::{
    cell::RefCell,
    io::{ErrorKind, Read},
    rc::Rc,
    time::Duration,
};

const LIMIT: usize = 4 << 20;

/// More than a quarter of the limit, so that three are above the mark at which reading stops.
const LARGE: usize = 1200 << 10;

type Ends = Rc<RefCell<Vec<Disconnect>>>;

/// Echoes. `/room` is a room, `/paused` pauses, `/wait` does not answer, and `/large` sends much to each client.
struct Member(Ends);

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        if request.path() == "/wait" {
            return;
        }
        session.accept(Accept::new()).expect("a request waits");
        match request.path() {
            "/room" => drop(session.join("room").expect("it may join")),
            "/paused" => session.pause_reading(),
            "/large" => session.send(vec![7; LARGE]).expect("one message may be as long as it is"),
            _ => {}
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        // A message that cannot be sent ends in a panic, and this in an unexpected cause.
        session.send(message).expect("there is room for an echo");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        self.0.borrow_mut().push(disconnect.clone());
    }
}

fn serve_with(config: Config, limit: usize) -> (Served, Ends) {
    let ends = Ends::default();
    let told = Rc::clone(&ends);
    let served = Served::start(config, |server| {
        for path in ["/ws", "/room", "/paused", "/wait", "/large"] {
            let ends = Rc::clone(&told);
            server.route(path, move || Member(Rc::clone(&ends))).expect("the route is new");
        }
        server.set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = limit));
    });
    (served, ends)
}

fn serve() -> (Served, Ends) {
    serve_with(Config::default(), LIMIT)
}

/// A client whose pipe takes whatever the server does not read.
fn open(served: &Served) -> RawClient {
    RawClient::open_with(served, "/ws", &ClientOptions::default().with(|options| options.pipe_bytes = 64 << 20))
}

/// A client that has sent `len` bytes of a message in fragments, of which nobody knows how many will follow.
fn half_message(served: &Served, len: usize) -> RawClient {
    let mut client = open(served);
    client.send(Raw::new(Raw::BINARY, vec![1; len]).more());
    served.settle();
    client
}

/// Ends the message of [`half_message`].
fn end_message(client: &mut RawClient) {
    client.send(Raw::new(Raw::CONTINUATION, "end"));
}

#[track_caller]
fn assert_echoed(client: &mut RawClient, len: usize) {
    assert!(client.frame() == Raw::new(Raw::BINARY, [&vec![1; len][..], b"end"].concat()), "the echo is whole");
}

#[track_caller]
fn complete(client: &mut RawClient, len: usize) {
    end_message(client);
    assert_echoed(client, len);
}

/// The last bytes of a connection that the server has closed.
fn last_bytes(client: &mut RawClient) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = client.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}

#[track_caller]
fn assert_ended(served: &Served, ends: &Ends, count: usize) {
    assert_eq!(served.tally().ended(CauseKind::Overloaded), count as u64, "{}", served.tally());
    let ends = ends.borrow();
    assert_eq!(ends.iter().filter(|end| end.cause == Cause::Overloaded).count(), count, "{ends:?}");
    assert_eq!(ends.len(), count, "nobody else has ended: {ends:?}");
}

#[test]
fn a11_the_largest_half_message_ends_with_1013() {
    let (served, ends) = serve();
    let mut small = half_message(&served, 1000);
    let mut halves = [300, 700, 400, 500].map(|kib| half_message(&served, kib << 10));
    assert_ended(&served, &ends, 0);
    // Each of these holds less than the level at which reading stops, and all together too much.
    let mut crowd = Vec::new();
    while ends.borrow().is_empty() {
        crowd.push(half_message(&served, 100 << 10));
        assert!(crowd.len() < 100, "the sum has a limit");
    }
    assert_eq!(&last_bytes(&mut halves[1])[2..4], 1013_u16.to_be_bytes());
    assert_eq!(ends.borrow()[0].sent.as_ref().map(|close| close.code.as_u16()), Some(1013));
    complete(&mut small, 1000);
    // The one that lacks the least is read first.
    for (client, kib) in [(3, 500), (2, 400), (0, 300)] {
        complete(&mut halves[client], kib << 10);
    }
    for client in &mut crowd {
        complete(client, 100 << 10);
    }
    let _newcomer = open(&served);
}

#[test]
fn a11_a_session_that_ends_waits_for_its_client_to_read_why() {
    let (served, ends) = serve();
    let mut client = half_message(&served, LIMIT + 1);
    assert_ended(&served, &ends, 1);
    assert_eq!(served.connections(), 1, "a reset would overtake the Close");
    client.stream_mut().shut_down_writing();
    assert_eq!(&last_bytes(&mut client)[2..4], 1013_u16.to_be_bytes());
    assert_eq!(served.connections(), 0);
}

#[test]
fn a11_a_message_that_fits_alone_comes_through() {
    for is_in_fragments in [false, true] {
        let (served, ends) = serve();
        let mut client = served.open();
        // Above the mark, and within the limit.
        let echo = Raw::new(Raw::BINARY, vec![1; 3600 << 10]);
        let frame = echo.clone();
        let frame = match is_in_fragments {
            false => frame.masked().bytes(),
            true => [frame.more().masked().bytes(), Raw::new(Raw::CONTINUATION, "").masked().bytes()].concat(),
        };
        client.write(&frame);
        assert!(client.frame() == echo, "in fragments: {is_in_fragments}");
        assert_ended(&served, &ends, 0);
    }
}

#[test]
fn a11_those_that_hold_most_wait_and_go_on_when_the_sum_has_fallen() {
    let (served, ends) = serve();
    let mut first = half_message(&served, LARGE + 1);
    let [mut second, mut third] = [(); 2].map(|()| half_message(&served, LARGE));
    let mut little = open(&served);
    for client in [&mut second, &mut third] {
        end_message(client);
        client.assert_silent();
    }
    little.echo("Hello");
    assert_ended(&served, &ends, 0);

    // Nothing more comes of the second and the third.
    complete(&mut first, LARGE + 1);
    for client in [&mut second, &mut third] {
        assert_echoed(client, LARGE);
    }
    assert_ended(&served, &ends, 0);
}

#[test]
fn a11_the_timers_of_a_client_that_is_not_read_go_on() {
    let second = Duration::from_secs(1);
    let config = Config::default().with(|config| {
        config.message_timeout = Some(second * 5);
        (config.ping_interval, config.pong_timeout) = (Some(second), Some(second));
    });
    let (served, ends) = serve_with(config, LIMIT);
    let mut clients = [LARGE + 1, LARGE, LARGE].map(|len| half_message(&served, len));
    for _ in 0..4 {
        served.advance(second);
        // Only the first one is read.
        clients[0].send(Raw::new(Raw::PONG, ""));
        assert_eq!(clients[1].frame().first, 0x80 | Raw::PING);
    }
    assert_eq!(ends.borrow().len(), 0);
    served.advance(second);
    let causes: Vec<_> = ends.borrow().iter().map(|end| end.cause.clone()).collect();
    assert_eq!(causes, [(); 3].map(|()| Cause::TimedOut(Timer::Message)));
}

#[test]
fn a11_a_client_that_leaves_while_it_is_not_read_is_noticed() {
    for is_reset in [false, true] {
        let (served, ends) = serve();
        let mut first = half_message(&served, LARGE + 1);
        let [mut second, third] = [(); 2].map(|()| half_message(&served, LARGE));
        second.send(Raw::new(Raw::CONTINUATION, [1; 100]).more());
        if is_reset {
            second.stream_mut().reset();
        }
        drop(second);
        served.settle();
        assert_eq!(served.connections(), 2);
        let error = is_reset.then_some(ErrorKind::ConnectionReset);
        assert_eq!(ends.borrow()[0].cause, Cause::TransportLost(error), "reset: {is_reset}");
        complete(&mut first, LARGE + 1);
        drop(third);
    }
}

#[test]
fn a11_slow_readers_end_before_all_hold_more_than_the_limit() {
    let (served, ends) = serve();
    let mut honest = open(&served);
    let mut slow: Vec<_> = (0..8).map(|_| RawClient::open(&served, "/large")).collect();
    honest.echo("Hello");
    let (ended, left) = (ends.borrow().len(), served.connections() - 1);
    assert_eq!((ended + left, left > 0, ended > 0), (8, true, true), "{}", served.tally());
    assert_ended(&served, &ends, ended);
    // Those that are left get all of it.
    let whole = Raw::new(Raw::BINARY, vec![7; LARGE]).bytes();
    let is_whole = |client: &mut RawClient| {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).map_err(|error| error.kind()) == Err(ErrorKind::WouldBlock) && bytes == whole
    };
    assert_eq!(slow.iter_mut().map(is_whole).filter(|is_whole| *is_whole).count(), left);
}

#[test]
fn a11_what_a_room_of_slow_members_shares_counts_once() {
    let config = Config::default().with(|config| config.max_output_bytes = 64 << 20);
    let (served, ends) = serve_with(config, usize::MAX);
    served.server().set_limits(Limits::default().with(|limits| {
        (limits.max_buffered_bytes, limits.max_room_backlog) = (16 << 20, 64 << 20);
    }));
    let mut honest = open(&served);
    let mut members: Vec<_> = (0..10).map(|_| RawClient::open(&served, "/room")).collect();
    let message = SharedMessage::binary(&vec![7; 1 << 20]);
    // The pipes take a little of it. The rest is the same for all.
    for _ in 0..10 {
        served.handle.publish("room", message.clone()).expect("the server is running");
        honest.echo("Hello");
    }
    assert_ended(&served, &ends, 0);
    // Held once, this is too much too.
    for _ in 0..20 {
        served.handle.publish("room", message.clone()).expect("the server is running");
        honest.echo("Hello");
    }
    assert_ne!(ends.borrow().len(), 0);
    assert_eq!(served.tally().ended(CauseKind::Overloaded), ends.borrow().len() as u64);
    members.clear();
    served.settle();
    assert_eq!(served.connections(), 1);
}

#[test]
fn a11_kept_rests_and_early_bytes_count() {
    // The rest of one read is 128 KiB; a request may be followed by 64 KiB.
    for (path, code) in [("/paused", Some(1013)), ("/wait", None)] {
        let (served, ends) = serve_with(Config::default(), 512 << 10);
        let mut honest = open(&served);
        let mut crowd = Vec::new();
        while served.tally().ended(CauseKind::Overloaded) == 0 {
            let mut client = RawClient::dial(&served);
            client.write(&request_head(path, &[]));
            client.send(Raw::new(Raw::BINARY, vec![1; 60_000]));
            served.settle();
            crowd.push(client);
            assert!(crowd.len() < 100, "the sum has a limit: {}", served.tally());
        }
        honest.echo("Hello");
        let ended = served.tally().ended(CauseKind::Overloaded);
        assert_ended(&served, &ends, ended as usize);
        let ends = ends.borrow();
        let codes = ends.iter().map(|end| end.sent.as_ref().map(|close| close.code.as_u16()));
        assert!(codes.into_iter().all(|sent| sent == code), "{path}: {ends:?}");
    }
}

#[test]
fn a11_the_limit_can_be_switched_off() {
    let (served, ends) = serve_with(Config::default(), usize::MAX);
    let mut clients = [LARGE, LARGE, LARGE, LARGE].map(|len| half_message(&served, len));
    for client in &mut clients {
        complete(client, LARGE);
    }
    assert_ended(&served, &ends, 0);
    // With no limit left, whoever holds something ends.
    served.server().set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = 0));
    let mut idle = open(&served);
    idle.send(Raw::new(Raw::BINARY, [1; 100]).more());
    assert_eq!(&last_bytes(&mut idle)[2..4], 1013_u16.to_be_bytes());
    assert_ended(&served, &ends, 1);
}
