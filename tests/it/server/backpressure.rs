//! The high-water and the low-water mark, turn by turn, so that each is seen.

use crate::support::loopback::turns::{ask as ask_for, turn_until, turn_until_answered, turn_until_received};
use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient},
    request_head,
};
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handler, Limits, Peer, PeerId, Server},
};
use std::{
    cell::{Cell, RefCell},
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
    time::{Duration, Instant},
};

const HIGH: usize = 100_000;
const LOW: usize = 30_000;

/// More than the buffers of the system between two sockets take.
const FLOOD: usize = 32 << 20;

/// What the handlers of a server have seen.
#[derive(Debug, Default)]
struct Seen {
    id: Cell<Option<PeerId>>,
    drains: RefCell<Vec<usize>>,
    messages: Cell<usize>,
    /// What a handler that sends by itself has still to send.
    left: Cell<u32>,
}

type Behaviour = fn(&Seen, &mut Peer<'_>);

/// Echoes, keeps count, and does what it is told when it may send.
struct Observer {
    seen: Rc<Seen>,
    at_start: Behaviour,
    at_drain: Behaviour,
}

impl Handler for Observer {
    fn on_request(&mut self, peer: &mut Peer<'_>, _: &Request) {
        self.seen.id.set(Some(peer.id()));
        peer.accept(Accept::new()).expect("a request waits");
        (self.at_start)(&self.seen, peer);
    }

    fn on_message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        self.seen.messages.set(self.seen.messages.get() + 1);
        peer.send(message).expect("reading stops before the output is full");
    }

    fn on_drain(&mut self, peer: &mut Peer<'_>) {
        self.seen.drains.borrow_mut().push(peer.queued());
        (self.at_drain)(&self.seen, peer);
    }
}

fn idle(_: &Seen, _: &mut Peer<'_>) {}

/// Sends messages until so much waits that it is wise to stop.
fn send_some(seen: &Seen, peer: &mut Peer<'_>) {
    while peer.queued() <= HIGH && seen.left.get() > 0 {
        peer.send_binary(&numbered(seen.left.get())).expect("there is room");
        seen.left.set(seen.left.get() - 1);
    }
}

fn numbered(n: u32) -> Vec<u8> {
    n.to_be_bytes().repeat(1_000)
}

fn server(at_start: Behaviour, at_drain: Behaviour) -> (Server, Rc<Seen>) {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    let mut limits = Limits::default();
    (limits.high_water, limits.low_water) = (HIGH, LOW);
    server.set_limits(limits);
    let seen = Rc::new(Seen::default());
    let handlers = Rc::clone(&seen);
    let factory = move || Observer { seen: Rc::clone(&handlers), at_start, at_drain };
    server.route("/ws", factory).expect("the first route");
    (server, seen)
}

/// A client whose connection is open on `server`, which this thread turns.
fn open(server: &mut Server) -> TcpStream {
    let mut stream = ask_for(server, &[]);
    assert_eq!(turn_until_answered(server, &mut stream), 101);
    stream
}

/// Turns until `ask` has been answered by the connection.
fn ask<T: Send + 'static>(server: &mut Server, id: PeerId, ask: impl FnOnce(&mut Peer<'_>) -> T + Send + 'static) -> T {
    let (answer, answers) = std::sync::mpsc::channel();
    server.handle().with_peer(id, move |peer| answer.send(ask(peer)).expect("the test waits")).expect("it runs");
    server.turn(Some(PATIENCE)).expect("nothing fails");
    answers.try_recv().expect("the connection is there")
}

/// Writes `bytes` round and round while turning, until nothing has gone for a while. Returns how many have gone.
fn write_until_blocked(server: &mut Server, stream: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) {
        match stream.write(&bytes[written % bytes.len()..]) {
            Ok(count) => {
                written += count;
                last = Instant::now();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(written < 4 * FLOOD, "the server takes what it cannot get rid of");
        server.turn(Some(Duration::from_millis(5))).expect("nothing fails");
    }
    written
}

/// Reads and turns until `len` bytes have come.
fn read_all(server: &mut Server, stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut received = vec![0; len];
    let mut at = 0;
    turn_until(server, |_| {
        while at < len {
            match stream.read(&mut received[at..]) {
                Ok(0) => panic!("the server has gone after {at} bytes of {len}"),
                Ok(count) => at += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        at == len
    });
    received
}

#[test]
fn a_peer_that_does_not_read_is_not_read_until_it_has_taken_most() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("it has asked");
    let message = Raw::new(Raw::BINARY, [7; 4000]);
    let written = write_until_blocked(&mut server, &mut stream, &message.clone().masked().bytes());

    let (is_paused, queued) = ask(&mut server, id, |peer| (peer.is_reading_paused(), peer.queued()));
    assert!(is_paused, "{queued} bytes wait");
    // Reading stops within the one buffer that is being read.
    assert!(queued > LOW && queued < HIGH + (256 << 10), "{queued}");
    assert!(seen.drains.borrow().is_empty());
    let before = seen.messages.get();
    for _ in 0..10 {
        server.turn(Some(Duration::ZERO)).expect("nothing fails");
    }
    assert_eq!(seen.messages.get(), before, "nothing is read meanwhile");

    let frame = message.bytes();
    let count = written / message.masked().bytes().len();
    let received = read_all(&mut server, &mut stream, count * frame.len());
    assert!(received.chunks(frame.len()).all(|echo| echo == frame), "an echo was changed");
    assert_eq!(seen.messages.get(), count);
    assert!(!ask(&mut server, id, |peer| peer.is_reading_paused()));
    let drains = seen.drains.borrow();
    assert!(!drains.is_empty() && drains.iter().all(|queued| *queued <= LOW), "{drains:?}");
}

#[test]
fn a_handler_is_told_once_for_each_time_that_too_much_waited() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("it has asked");
    for round in 1..=3 {
        ask(&mut server, id, |peer| peer.send_binary(&vec![1; FLOOD]).expect("there is room"));
        let (is_paused, queued) = ask(&mut server, id, |peer| (peer.is_reading_paused(), peer.queued()));
        assert!(is_paused && queued > HIGH, "{queued} of {FLOOD} bytes wait");
        // Further messages make it no second crossing.
        ask(&mut server, id, |peer| peer.send_binary(&vec![2; FLOOD / 2]).expect("there is room"));
        assert_eq!(seen.drains.borrow().len(), round - 1, "not before it has drained");
        read_all(&mut server, &mut stream, FLOOD + FLOOD / 2 + 20);
        turn_until(&mut server, |_| seen.drains.borrow().len() >= round);
        for _ in 0..10 {
            server.turn(Some(Duration::ZERO)).expect("nothing fails");
        }
        assert_eq!(seen.drains.borrow().len(), round);
        assert_eq!(ask(&mut server, id, |peer| (peer.is_reading_paused(), peer.queued())), (false, 0));
    }
}

#[test]
fn the_high_water_mark_itself_is_not_over_it() {
    for (len, drains) in [(HIGH - 10, 0), (HIGH - 9, 1)] {
        let (mut server, seen) = server(idle, idle);
        let mut stream = open(&mut server);
        let id = seen.id.get().expect("it has asked");
        ask(&mut server, id, move |peer| {
            peer.send_binary(&vec![1; len]).expect("there is room");
            assert_eq!(peer.queued(), len + 10);
        });
        read_all(&mut server, &mut stream, len + 10);
        assert_eq!(seen.drains.borrow().len(), drains, "{len}");
    }
}

/// What is sent through the socket takes with it what waits, which may have been over the mark.
#[test]
fn a_handler_is_told_also_if_a_large_message_takes_with_it_what_waited() {
    for count in [1, 2] {
        let (mut server, seen) = server(idle, idle);
        let mut stream = open(&mut server);
        let id = seen.id.get().expect("it has asked");
        let waits = ask(&mut server, id, move |peer| {
            peer.send_binary(&vec![1; HIGH]).expect("there is room");
            let waits = peer.queued();
            for _ in 0..count {
                peer.send(vec![2; LOW]).expect("there is room");
            }
            waits
        });
        assert!(waits > HIGH);
        read_all(&mut server, &mut stream, HIGH + 10 + count * (LOW + 4));
        turn_until(&mut server, |_| seen.drains.borrow().len() == 1);
    }
}

#[test]
fn a_handler_stops_at_the_high_water_mark_and_goes_on_when_it_is_told() {
    const COUNT: u32 = 20_000;
    let (mut server, seen) = server(send_some, send_some);
    seen.left.set(COUNT);
    let mut stream = open(&mut server);
    let first = Raw::new(Raw::BINARY, numbered(COUNT)).bytes();
    let received = read_all(&mut server, &mut stream, COUNT as usize * first.len());
    for (n, frame) in (1..=COUNT).rev().zip(received.chunks(first.len())) {
        assert!(frame == Raw::new(Raw::BINARY, numbered(n)).bytes(), "message {n} is out of order or changed");
    }
    assert!(seen.drains.borrow().len() > 10, "it stopped now and then");
}

#[test]
fn a_handler_that_always_has_more_does_not_keep_the_others_waiting() {
    fn send_for_ever(seen: &Seen, peer: &mut Peer<'_>) {
        seen.left.set(u32::MAX);
        send_some(seen, peer);
    }
    let (mut server, _seen) = server(send_for_ever, send_for_ever);
    server.route("/quiet", || crate::support::loopback::turns::Echo).expect("another route");
    let mut greedy = open(&mut server);
    let reader = std::thread::spawn(move || {
        greedy.set_nonblocking(false).expect("a socket");
        let mut buffer = vec![0; 1 << 20];
        while greedy.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let mut other = crate::support::loopback::dial(server.local_addr());
    let bytes = [request_head("/quiet", &[]), Raw::new(Raw::TEXT, "Hello").masked().bytes()].concat();
    other.write_all(&bytes).expect("the socket has room");
    let echo = Raw::new(Raw::TEXT, "Hello").bytes();
    let head = crate::support::accepted_head(&request_head("/quiet", &[]), &[]);
    turn_until_received(&mut server, &mut other, &[head, echo].concat());
    drop(server);
    reader.join().expect("no panic");
}

#[test]
fn a_pause_of_the_application_is_its_own() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("it has asked");
    ask(&mut server, id, |peer| peer.pause_reading());
    stream.write_all(&Raw::new(Raw::TEXT, "Hello").masked().bytes()).expect("the socket has room");
    ask(&mut server, id, |peer| peer.send_binary(&vec![1; FLOOD]).expect("there is room"));
    read_all(&mut server, &mut stream, FLOOD + 10);
    turn_until(&mut server, |_| seen.drains.borrow().len() == 1);
    assert!(ask(&mut server, id, |peer| peer.is_reading_paused()), "the loop did not pause it");
    assert_eq!(seen.messages.get(), 0);
    ask(&mut server, id, |peer| peer.resume_reading());
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "Hello").bytes());
}

#[test]
fn a_connection_that_is_closed_while_much_waits_ends_all_the_same() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("it has asked");
    ask(&mut server, id, |peer| peer.send_binary(&vec![1; FLOOD]).expect("there is room"));
    assert!(ask(&mut server, id, |peer| peer.is_reading_paused()));
    stream.write_all(&Raw::close(1000, "").masked().bytes()).expect("the socket has room");
    ask(&mut server, id, |peer| peer.ensure_closed(4000, "enough"));
    let received = read_all(&mut server, &mut stream, FLOOD + 10 + 10);
    assert!(received.ends_with(&Raw::close(4000, "enough").bytes()));
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(server.tally().clean, 1);
    assert!(seen.drains.borrow().is_empty(), "who has closed has nothing more to send");
}

#[test]
fn a_flood_of_one_peer_does_not_keep_the_others_waiting() {
    let (mut server, seen) = server(idle, idle);
    let mut flooder = open(&mut server);
    let frame = Raw::new(Raw::BINARY, [1; 100]).masked().bytes().repeat(1_000);
    // So much waits in the socket that one turn cannot take it.
    let mut written = 0;
    while let Ok(count) = flooder.write(&frame[written % frame.len()..]) {
        written += count;
    }
    assert!(written > 1 << 20, "the system takes only {written} bytes");
    server.turn(Some(PATIENCE)).expect("nothing fails");
    let in_one_turn = seen.messages.get();
    assert!(in_one_turn <= 4 * (128 << 10) / 106 + 1, "{in_one_turn} messages were read in one turn");
}

#[test]
fn others_echo_while_one_floods() {
    let served = crate::support::loopback::Served::echo(Config::default());
    let flooder = RawClient::open(served.address, "/ws");
    let mut writer = flooder.stream().try_clone().expect("a socket can be shared");
    let reader = flooder.stream().try_clone().expect("a socket can be shared");
    let frames = Raw::new(Raw::BINARY, [1; 10_000]).masked().bytes().repeat(10);
    std::thread::scope(|scope| {
        scope.spawn(move || while writer.write_all(&frames).is_ok() {});
        scope.spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
        let mut client = RawClient::open(served.address, "/ws");
        for n in 0..200 {
            client.echo(&n.to_string());
        }
        flooder.stream().shutdown(std::net::Shutdown::Both).expect("the socket is open");
    });
}
