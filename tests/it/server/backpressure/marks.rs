//! The high-water and the low-water mark, turn by turn, so that each step is visible; pauses of the application.

use super::{FLOOD, HIGH, LOW, ask, idle, numbered, open, read_all, send_some, server, write_until_blocked};
use crate::support::{
    Raw,
    loopback::{
        PATIENCE, RawClient, Served,
        turns::{Echo, turn_until, turn_until_received},
    },
};
use statesocket::{
    Config, Hold, Message, SendError,
    server::{Handler, Session},
};
use std::{io::Write, sync::mpsc, time::Duration};

#[test]
fn a_peer_that_does_not_read_is_read_again_at_the_low_water_mark() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("the request has arrived");
    let message = Raw::new(Raw::BINARY, [7; 4000]);
    let written = write_until_blocked(&mut server, &mut stream, &message.clone().masked().bytes());

    let (held_by, queued) = ask(&mut server, id, |session| (session.held_by(), session.output_len()));
    assert_eq!(held_by, Some(Hold::Output), "{queued} bytes are queued");
    assert!(queued > LOW && queued <= HIGH + 4004, "at most one reply is beyond the mark: {queued}");
    assert!(seen.drains.borrow().is_empty());
    let before = seen.messages.get();
    for _ in 0..10 {
        server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    }
    assert_eq!(seen.messages.get(), before, "nothing is read in the meantime");

    let frame = message.bytes();
    let count = written / message.masked().bytes().len();
    let received = read_all(&mut server, &mut stream, count * frame.len());
    assert!(received.chunks(frame.len()).all(|echo| echo == frame), "an echo was changed");
    assert_eq!(seen.messages.get(), count);
    assert_eq!(ask(&mut server, id, |session| session.held_by()), None);
    let drains = seen.drains.borrow();
    assert!(!drains.is_empty() && drains.iter().all(|queued| *queued <= LOW), "{drains:?}");
}

#[test]
fn on_drain_is_called_once_per_crossing_of_the_high_water_mark() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("the request has arrived");
    for round in 1..=3 {
        ask(&mut server, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
        let (held_by, queued) = ask(&mut server, id, |session| (session.held_by(), session.output_len()));
        assert!(held_by == Some(Hold::Output) && queued > HIGH, "{queued} of {FLOOD} bytes are queued");
        // Further messages are not a second crossing.
        ask(&mut server, id, |session| session.send_binary(&vec![2; FLOOD / 2]).expect("the output has room"));
        assert_eq!(seen.drains.borrow().len(), round - 1, "on_drain comes only after draining");
        read_all(&mut server, &mut stream, FLOOD + FLOOD / 2 + 20);
        turn_until(&mut server, |_| seen.drains.borrow().len() >= round);
        for _ in 0..10 {
            server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
        }
        assert_eq!(seen.drains.borrow().len(), round);
        assert_eq!(ask(&mut server, id, |session| (session.held_by(), session.output_len())), (None, 0));
    }
}

#[test]
fn s11_exactly_the_high_water_mark_is_not_above_it() {
    for (len, drains) in [(HIGH - 10, 0), (HIGH - 9, 1)] {
        let (mut server, seen) = server(idle, idle);
        let mut stream = open(&mut server);
        let id = seen.id.get().expect("the request has arrived");
        ask(&mut server, id, move |session| {
            session.send_binary(&vec![1; len]).expect("the output has room");
            assert_eq!((session.output_len(), session.has_room()), (len + 10, drains == 0));
        });
        read_all(&mut server, &mut stream, len + 10);
        assert_eq!(seen.drains.borrow().len(), drains, "{len}");
    }
}

/// A message that is sent through the socket takes the queued bytes along, which may have been above the mark.
#[test]
fn on_drain_is_called_if_a_large_message_empties_the_output() {
    for count in [1, 2] {
        let (mut server, seen) = server(idle, idle);
        let mut stream = open(&mut server);
        let id = seen.id.get().expect("the request has arrived");
        let waits = ask(&mut server, id, move |session| {
            session.send_binary(&vec![1; HIGH]).expect("the output has room");
            let waits = session.output_len();
            for _ in 0..count {
                session.send(vec![2; LOW]).expect("the output has room");
            }
            waits
        });
        assert!(waits > HIGH);
        read_all(&mut server, &mut stream, HIGH + 10 + count * (LOW + 4));
        turn_until(&mut server, |_| seen.drains.borrow().len() == 1);
    }
}

#[test]
fn a_handler_stops_at_the_high_water_mark_and_goes_on_at_on_drain() {
    const COUNT: u32 = 20_000;
    let (mut server, seen) = server(send_some, send_some);
    seen.left.set(COUNT);
    let mut stream = open(&mut server);
    let first = Raw::new(Raw::BINARY, numbered(COUNT)).bytes();
    let received = read_all(&mut server, &mut stream, COUNT as usize * first.len());
    for (n, frame) in (1..=COUNT).rev().zip(received.chunks(first.len())) {
        assert!(frame == Raw::new(Raw::BINARY, numbered(n)).bytes(), "message {n} is out of order or changed");
    }
    assert!(seen.drains.borrow().len() > 10, "the handler stopped several times");
}

#[test]
fn the_loop_does_not_end_a_pause_of_the_application() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("the request has arrived");
    ask(&mut server, id, |session| session.pause_reading());
    stream.write_all(&Raw::new(Raw::TEXT, "Hello").masked().bytes()).expect("the socket buffer has room");
    ask(&mut server, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
    read_all(&mut server, &mut stream, FLOOD + 10);
    turn_until(&mut server, |_| seen.drains.borrow().len() == 1);
    assert!(ask(&mut server, id, |session| session.is_reading_paused()), "the application paused it, not the loop");
    assert_eq!(seen.messages.get(), 0);
    ask(&mut server, id, |session| session.resume_reading());
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "Hello").bytes());
}

#[test]
fn a_connection_with_much_output_ends_after_its_close() {
    let (mut server, seen) = server(idle, idle);
    let mut stream = open(&mut server);
    let id = seen.id.get().expect("the request has arrived");
    ask(&mut server, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
    assert_eq!(ask(&mut server, id, |session| session.held_by()), Some(Hold::Output));
    stream.write_all(&Raw::close(1000, "").masked().bytes()).expect("the socket buffer has room");
    ask(&mut server, id, |session| session.ensure_closed(4000, "enough"));
    let received = read_all(&mut server, &mut stream, FLOOD + 10 + 10);
    assert!(received.ends_with(&Raw::close(4000, "enough").bytes()));
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(server.tally().clean, 1);
    assert!(seen.drains.borrow().is_empty(), "a party that has closed sends no more");
}

/// Sends this many messages, with at most the high-water mark queued.
struct Stream(usize);

impl Stream {
    fn pump(&mut self, session: &mut Session<'_>) {
        while self.0 > 0 && session.has_room() {
            session.send_binary(&[0; 10_000]).unwrap();
            self.0 -= 1;
        }
        if self.0 == 0 {
            session.ensure_closed(1000, "");
        }
    }
}

impl Handler for Stream {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.pump(session);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.pump(session);
    }
}

#[test]
fn a_stream_goes_on_if_the_socket_takes_everything_at_once() {
    let served = Served::start(Config::default(), |server| server.route("/", || Stream(1000)).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    for n in 0..1000 {
        assert_eq!(client.frame().payload.len(), 10_000, "message {n}");
    }
    assert_eq!(client.frame(), Raw::close(1000, ""));
}

/// Pauses at its first message, and reports each message.
struct Pauser(mpsc::Sender<&'static str>);

impl Handler for Pauser {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.0.send("message").unwrap();
        session.pause_reading();
        let id = session.id();
        session.handle().with_session(id, |session| assert!(session.is_reading_paused())).unwrap();
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.0.send("drain").unwrap();
    }
}

#[test]
fn a_pause_of_the_application_lasts_until_it_resumes() {
    let (sender, calls) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/", move || Pauser(sender.clone())).unwrap();
        server.route("/echo", || Echo).unwrap();
    });
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "first"));
    client.send(Raw::new(Raw::TEXT, "second"));
    assert_eq!(calls.recv_timeout(PATIENCE), Ok("message"));
    // Both messages may come in one read; no later one is read.
    let _ = calls.recv_timeout(Duration::from_millis(200));
    client.send(Raw::new(Raw::TEXT, "third"));
    RawClient::open(served.address, "/echo").echo("a turn has passed");
    assert_eq!(calls.recv_timeout(Duration::from_millis(200)), Err(mpsc::RecvTimeoutError::Timeout));
}

/// Fills the output, and reports when there is room again.
struct Stuffed(mpsc::Sender<()>);

impl Handler for Stuffed {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        while session.send_binary(&[0; 10_000]).is_ok() {}
        assert!(matches!(session.send_binary(&[0; 10_000]), Err(SendError::OutputFull { .. })));
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn on_drain_follows_a_send_that_was_refused_as_full() {
    let mut config = Config::default();
    config.max_output_bytes = 64 << 10;
    let (sender, drained) = mpsc::channel();
    let served = Served::start(config, move |server| server.route("/", move || Stuffed(sender.clone())).unwrap());
    let mut client = RawClient::open(served.address, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    assert_eq!(drained.recv_timeout(PATIENCE), Ok(()), "the output is smaller than the high-water mark");
}
