//! The bytes that all connections hold together: who is not read, who is ended, and who is left alone.

use crate::support::{
    Raw,
    loopback::{
        dial,
        turns::{ask as ask_for, assert_waits, echo, open, turn_until, turn_until_answered, turn_until_received},
    },
    request_head,
};
use statesocket::{
    Cause, CauseKind, Config, Disconnect, Message, SharedMessage, Timer,
    handshake::{Accept, Request},
    server::{Handler, Limits, Server, Session},
};
use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
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
            "/large" => session.send(vec![7; LARGE + (4 << 20)]).expect("one message may be as long as it is"),
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

fn server_with(config: Config, limit: usize) -> (Server, Ends) {
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    let ends = Ends::default();
    for path in ["/ws", "/room", "/paused", "/wait", "/large"] {
        let ends = Rc::clone(&ends);
        server.route(path, move || Member(Rc::clone(&ends))).expect("the route is new");
    }
    server.set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = limit));
    (server, ends)
}

fn server() -> (Server, Ends) {
    server_with(Config::default(), LIMIT)
}

fn open_at(server: &mut Server, path: &str) -> TcpStream {
    let mut client = dial(server.local_addr());
    client.write_all(&request_head(path, &[])).expect("the socket buffer has room");
    client.set_nonblocking(true).expect("the socket is open");
    assert_eq!(turn_until_answered(server, &mut client), 101);
    client
}

/// Writes as much as the server and the system take, and turns until the server has read what it reads.
fn write(server: &mut Server, client: &mut TcpStream, bytes: &[u8]) -> usize {
    let (mut written, mut idle) = (0, 0);
    while idle < 20 {
        match client.write(&bytes[written..]) {
            Ok(count) if count > 0 => (written, idle) = (written + count, 0),
            Ok(_) => idle += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                idle += 1;
            }
        }
        server.turn(Some(Duration::from_millis(2))).expect("the loop does not fail");
    }
    written
}

/// A client that has sent `len` bytes of a message in fragments, of which nobody knows how many will follow.
fn half_message(server: &mut Server, len: usize) -> TcpStream {
    let mut client = open(server);
    send_half(server, &mut client, len);
    client
}

fn send_half(server: &mut Server, client: &mut TcpStream, len: usize) {
    let half = Raw::new(Raw::BINARY, vec![1; len]).more().masked().bytes();
    assert_eq!(write(server, client, &half), half.len(), "the sockets take it");
}

/// Ends the message of [`half_message`], and expects its echo.
fn complete(server: &mut Server, client: &mut TcpStream, len: usize) {
    client.write_all(&Raw::new(Raw::CONTINUATION, "end").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(server, client, &Raw::new(Raw::BINARY, [&vec![1; len][..], b"end"].concat()).bytes());
    client.set_nonblocking(true).expect("the socket is open");
}

/// The last bytes, once the server has closed the connection.
fn last_bytes(server: &mut Server, client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    turn_until(server, |_| match client.read_to_end(&mut bytes) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    });
    bytes
}

#[track_caller]
fn assert_ended(server: &Server, ends: &Ends, count: usize) {
    assert_eq!(server.tally().ended(CauseKind::Overloaded), count as u64, "{}", server.tally());
    let ends = ends.borrow();
    assert_eq!(ends.iter().filter(|end| end.cause == Cause::Overloaded).count(), count, "{ends:?}");
    assert_eq!(ends.len(), count, "nobody else has ended: {ends:?}");
}

#[test]
fn a11_the_largest_half_message_ends_with_1013() {
    let (mut server, ends) = server();
    let mut small = half_message(&mut server, 1000);
    let mut halves = [300, 700, 400, 500].map(|kib| half_message(&mut server, kib << 10));
    assert_ended(&server, &ends, 0);
    // Each of these holds less than the level at which reading stops, and all together too much.
    let mut crowd = Vec::new();
    while ends.borrow().is_empty() {
        crowd.push(half_message(&mut server, 100 << 10));
        assert!(crowd.len() < 100, "the sum has a limit");
    }
    assert_eq!(&last_bytes(&mut server, &mut halves[1])[2..4], 1013_u16.to_be_bytes());
    assert_eq!(ends.borrow()[0].sent.as_ref().map(|close| close.code.as_u16()), Some(1013));
    complete(&mut server, &mut small, 1000);
    // The one that lacks the least is read first.
    for (client, kib) in [(3, 500), (2, 400), (0, 300)] {
        complete(&mut server, &mut halves[client], kib << 10);
    }
    for client in &mut crowd {
        complete(&mut server, client, 100 << 10);
    }
    let _newcomer = open(&mut server);
}

#[test]
fn a11_a_message_that_fits_alone_comes_through() {
    for is_in_fragments in [false, true] {
        let (mut server, ends) = server();
        let mut client = open(&mut server);
        // Above the mark, and within the limit.
        let payload = vec![1; 3600 << 10];
        let frame = Raw::new(Raw::BINARY, &payload);
        let frame = match is_in_fragments {
            false => frame.masked().bytes(),
            true => [frame.more().masked().bytes(), Raw::new(Raw::CONTINUATION, "").masked().bytes()].concat(),
        };
        let (mut written, mut echoed) = (0, Vec::new());
        let expected = Raw::new(Raw::BINARY, &payload).bytes();
        turn_until(&mut server, |_| {
            written += client.write(&frame[written..]).unwrap_or(0);
            let _ = client.read_to_end(&mut echoed);
            echoed.len() == expected.len()
        });
        assert!(echoed == expected, "in fragments: {is_in_fragments}");
        assert_ended(&server, &ends, 0);
    }
}

#[test]
fn a11_those_that_hold_most_wait_and_go_on_when_the_sum_has_fallen() {
    let (mut server, ends) = server();
    let mut first = half_message(&mut server, LARGE + 1);
    let mut second = half_message(&mut server, LARGE);
    let mut third = half_message(&mut server, LARGE);
    let mut little = open(&mut server);
    for client in [&mut second, &mut third] {
        client.write_all(&Raw::new(Raw::CONTINUATION, "end").masked().bytes()).expect("the socket buffer has room");
        assert_waits(&mut server, client);
    }
    echo(&mut server, &mut little);
    assert_ended(&server, &ends, 0);

    // Nothing more comes of the second and the third.
    complete(&mut server, &mut first, LARGE + 1);
    let expected = Raw::new(Raw::BINARY, [&vec![1; LARGE][..], b"end"].concat()).bytes();
    for client in [&mut second, &mut third] {
        turn_until_received(&mut server, client, &expected);
    }
    assert_ended(&server, &ends, 0);
}

#[test]
fn a11_the_timers_of_a_client_that_is_not_read_go_on() {
    let config = Config::default().with(|config| {
        config.message_timeout = Some(Duration::from_secs(5));
        config.ping_interval = Some(Duration::from_secs(1));
        config.pong_timeout = Some(Duration::from_secs(1));
    });
    let (mut server, ends) = server_with(config, LIMIT);
    let mut clients = [LARGE + 1, LARGE, LARGE].map(|len| half_message(&mut server, len));
    let mut seen = Vec::new();
    turn_until(&mut server, |_| {
        // Only the first one is read.
        let _ = clients[0].write(&Raw::new(Raw::PONG, "").masked().bytes());
        let _ = clients[1].read_to_end(&mut seen);
        ends.borrow().len() == 3
    });
    for end in ends.borrow().iter() {
        assert_eq!(end.cause, Cause::TimedOut(Timer::Message));
    }
    let pings = seen.windows(2).filter(|header| *header == [0x89, 4]).count();
    assert!(pings >= 2, "{pings} Pings");
}

#[test]
fn a11_a_client_that_leaves_while_it_is_not_read_is_noticed() {
    for is_reset in [false, true] {
        let (mut server, ends) = server();
        let mut first = half_message(&mut server, LARGE + 1);
        let [second, third] = [(); 2].map(|()| half_message(&mut server, LARGE));
        let unread = Raw::new(Raw::CONTINUATION, [1; 100]).more().masked().bytes();
        (&second).write_all(&unread).expect("the socket buffer has room");
        if is_reset {
            socket2::SockRef::from(&second).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
        }
        drop(second);
        turn_until(&mut server, |server| server.connections() == 2);
        assert_eq!(ends.borrow()[0].cause, Cause::TransportLost, "reset: {is_reset}");
        complete(&mut server, &mut first, LARGE + 1);
        drop(third);
    }
}

#[test]
fn a11_slow_readers_end_before_all_hold_more_than_the_limit() {
    let (mut server, ends) = server();
    let mut honest = open(&mut server);
    let mut slow: Vec<_> = (0..8).map(|_| open_at(&mut server, "/large")).collect();
    turn_until(&mut server, |_| !ends.borrow().is_empty());
    echo(&mut server, &mut honest);
    let (ended, left) = (ends.borrow().len(), server.connections() - 1);
    assert_eq!((ended + left, left > 0), (8, true), "{}", server.tally());
    assert_ended(&server, &ends, ended);
    // Those that are left get all of it.
    let whole = Raw::new(Raw::BINARY, vec![7; LARGE + (4 << 20)]).bytes().len();
    let mut count = 0;
    for client in &mut slow {
        let mut bytes = Vec::new();
        turn_until(&mut server, |_| match client.read_to_end(&mut bytes) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset || bytes.len() == whole,
        });
        count += usize::from(bytes.len() == whole);
    }
    assert_eq!(count, left);
}

#[test]
fn a11_what_a_room_of_slow_members_shares_counts_once() {
    let config = Config::default().with(|config| config.max_output_bytes = 64 << 20);
    let (mut server, ends) = server_with(config, usize::MAX);
    server.set_limits(Limits::default().with(|limits| {
        (limits.max_buffered_bytes, limits.max_room_backlog) = (16 << 20, 64 << 20);
    }));
    let mut honest = open(&mut server);
    let mut members: Vec<_> = (0..10).map(|_| open_at(&mut server, "/room")).collect();
    let message = SharedMessage::binary(&vec![7; 1 << 20]);
    let handle = server.handle();
    // The system takes some of it. The rest is the same for all.
    for _ in 0..10 {
        handle.publish("room", message.clone()).expect("the server is running");
        echo(&mut server, &mut honest);
    }
    assert_ended(&server, &ends, 0);
    // Held once, this is too much too.
    for _ in 0..20 {
        handle.publish("room", message.clone()).expect("the server is running");
        echo(&mut server, &mut honest);
    }
    turn_until(&mut server, |_| !ends.borrow().is_empty());
    echo(&mut server, &mut honest);
    assert_eq!(server.tally().ended(CauseKind::Overloaded), ends.borrow().len() as u64, "{}", server.tally());
    members.clear();
    turn_until(&mut server, |server| server.connections() == 1);
}

#[test]
fn a11_kept_rests_and_early_bytes_count() {
    // The rest of one read is 128 KiB; a request may be followed by 64 KiB.
    for (path, code) in [("/paused", Some(1013)), ("/wait", None)] {
        let (mut server, ends) = server_with(Config::default(), 512 << 10);
        let mut honest = open(&mut server);
        let mut crowd = Vec::new();
        while server.tally().ended(CauseKind::Overloaded) == 0 {
            let mut client = dial(server.local_addr());
            client.set_nonblocking(true).expect("the socket is open");
            let bytes = [request_head(path, &[]), Raw::new(Raw::BINARY, vec![1; 60_000]).masked().bytes()].concat();
            write(&mut server, &mut client, &bytes);
            crowd.push(client);
            assert!(crowd.len() < 100, "the sum has a limit: {}", server.tally());
        }
        echo(&mut server, &mut honest);
        let ended = server.tally().ended(CauseKind::Overloaded);
        assert_ended(&server, &ends, ended as usize);
        let ends = ends.borrow();
        let codes = ends.iter().map(|end| end.sent.as_ref().map(|close| close.code.as_u16()));
        assert!(codes.into_iter().all(|sent| sent == code), "{path}: {ends:?}");
    }
}

#[test]
fn a11_the_limit_can_be_switched_off() {
    let (mut server, ends) = server_with(Config::default(), usize::MAX);
    let mut clients = [LARGE, LARGE, LARGE, LARGE].map(|len| half_message(&mut server, len));
    for client in &mut clients {
        complete(&mut server, client, LARGE);
    }
    assert_ended(&server, &ends, 0);
    // With no limit left, whoever holds something ends.
    server.set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = 0));
    let mut idle = ask_for(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut idle), 101);
    idle.write_all(&Raw::new(Raw::BINARY, [1; 100]).more().masked().bytes()).expect("the socket buffer has room");
    assert_eq!(&last_bytes(&mut server, &mut idle)[2..4], 1013_u16.to_be_bytes());
    assert_ended(&server, &ends, 1);
}
