//! The high-water and the low-water mark, turn by turn, so that each step is visible; pauses of the application.

use super::{FLOOD, HIGH, LOW, ask, idle, numbered, send_some, serve, turn};
use crate::support::{
    Raw,
    memory::{Echo, RawClient, Served},
};
use statesocket::{
    Config, Hold, Message, SendError,
    server::{Handler, Session},
    testing::ClientOptions,
};
use std::{cell::Cell, rc::Rc};

/// A client whose pipe takes everything at once.
fn open_wide(served: &Served, target: &str) -> RawClient {
    RawClient::open_with(served, target, &ClientOptions::default().with(|options| options.pipe_bytes = 64 << 20))
}

#[test]
fn a_peer_that_does_not_read_is_read_again_at_the_low_water_mark() {
    const COUNT: usize = 100;
    let (served, seen) = serve(idle, idle);
    let mut client = served.open();
    let id = seen.id.get().expect("the request has arrived");
    let message = Raw::new(Raw::BINARY, [7; 4000]);
    client.write(&message.clone().masked().bytes().repeat(COUNT));
    served.settle();

    let (held_by, queued) = ask(&served, id, |session| (session.held_by(), session.output_len()));
    assert_eq!(held_by, Some(Hold::Output), "{queued} bytes are queued");
    assert!(queued > LOW && queued <= HIGH + 4004, "at most one reply is beyond the mark: {queued}");
    assert!(seen.drains.borrow().is_empty());
    let before = seen.messages.get();
    assert!(before < COUNT, "{before} messages were read");
    (0..10).for_each(|_| turn(&served));
    served.settle();
    assert_eq!(seen.messages.get(), before, "nothing is read in the meantime");

    for n in 0..COUNT {
        assert!(client.frame() == message, "echo {n} was changed");
    }
    assert_eq!(seen.messages.get(), COUNT);
    assert_eq!(ask(&served, id, |session| session.held_by()), None);
    let drains = seen.drains.borrow();
    assert!(!drains.is_empty() && drains.iter().all(|queued| *queued <= LOW), "{drains:?}");
}

#[test]
fn on_drain_is_called_once_per_crossing_of_the_high_water_mark() {
    let (served, seen) = serve(idle, idle);
    let mut client = served.open();
    let id = seen.id.get().expect("the request has arrived");
    for round in 1..=3 {
        ask(&served, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
        let (held_by, queued) = ask(&served, id, |session| (session.held_by(), session.output_len()));
        assert!(held_by == Some(Hold::Output) && queued > HIGH, "{queued} of {FLOOD} bytes are queued");
        // Further messages are not a second crossing.
        ask(&served, id, |session| session.send_binary(&vec![2; FLOOD / 2]).expect("the output has room"));
        served.settle();
        assert_eq!(seen.drains.borrow().len(), round - 1, "on_drain comes only after draining");
        for (byte, len) in [(1, FLOOD), (2, FLOOD / 2)] {
            assert!(client.frame() == Raw::new(Raw::BINARY, vec![byte; len]));
        }
        served.settle();
        assert_eq!(seen.drains.borrow().len(), round);
        assert_eq!(ask(&served, id, |session| (session.held_by(), session.output_len())), (None, 0));
    }
}

#[test]
fn s11_exactly_the_high_water_mark_is_not_above_it() {
    for (len, drains) in [(HIGH - 10, 0), (HIGH - 9, 1)] {
        let (served, seen) = serve(idle, idle);
        let mut client = served.open();
        let id = seen.id.get().expect("the request has arrived");
        ask(&served, id, move |session| {
            session.send_binary(&vec![1; len]).expect("the output has room");
            assert_eq!((session.output_len(), session.has_room()), (len + 10, drains == 0));
        });
        assert_eq!(client.frame().payload.len(), len);
        served.settle();
        assert_eq!(seen.drains.borrow().len(), drains, "{len}");
    }
}

/// A message that is sent through the socket takes the queued bytes along, which may have been above the mark.
#[test]
fn on_drain_is_called_if_a_large_message_empties_the_output() {
    for count in [1, 2] {
        let (served, seen) = serve(idle, idle);
        let mut client = open_wide(&served, "/ws");
        let id = seen.id.get().expect("the request has arrived");
        let waits = ask(&served, id, move |session| {
            session.send_binary(&vec![1; HIGH]).expect("the output has room");
            let waits = session.output_len();
            for _ in 0..count {
                session.send(vec![2; LOW]).expect("the output has room");
            }
            waits
        });
        assert!(waits > HIGH);
        let lens: Vec<_> = (0..=count).map(|_| client.frame().payload.len()).collect();
        assert_eq!(lens, [&[HIGH][..], &vec![LOW; count]].concat());
        assert_eq!(seen.drains.borrow().len(), 1);
    }
}

#[test]
fn a_handler_stops_at_the_high_water_mark_and_goes_on_at_on_drain() {
    const COUNT: u32 = 500;
    let (served, seen) = serve(send_some, send_some);
    seen.left.set(COUNT);
    let mut client = served.open();
    for n in (1..=COUNT).rev() {
        assert!(client.frame() == Raw::new(Raw::BINARY, numbered(n)), "message {n} is out of order or changed");
    }
    assert!(seen.drains.borrow().len() > 10, "the handler stopped several times");
}

#[test]
fn the_loop_does_not_end_a_pause_of_the_application() {
    let (served, seen) = serve(idle, idle);
    let mut client = served.open();
    let id = seen.id.get().expect("the request has arrived");
    ask(&served, id, |session| session.pause_reading());
    client.send(Raw::new(Raw::TEXT, "Hello"));
    ask(&served, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
    assert_eq!(client.frame().payload.len(), FLOOD);
    served.settle();
    assert_eq!(seen.drains.borrow().len(), 1);
    assert!(ask(&served, id, |session| session.is_reading_paused()), "the application paused it, not the loop");
    assert_eq!(seen.messages.get(), 0);
    ask(&served, id, |session| session.resume_reading());
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "Hello"));
}

#[test]
fn a_connection_with_much_output_ends_after_its_close() {
    let (served, seen) = serve(idle, idle);
    let mut client = served.open();
    let id = seen.id.get().expect("the request has arrived");
    ask(&served, id, |session| session.send_binary(&vec![1; FLOOD]).expect("the output has room"));
    assert_eq!(ask(&served, id, |session| session.held_by()), Some(Hold::Output));
    client.send(Raw::close(1000, ""));
    ask(&served, id, |session| session.ensure_closed(4000, "enough"));
    assert_eq!(client.frame().payload.len(), FLOOD);
    assert_eq!(client.frame(), Raw::close(4000, "enough"));
    drop(client);
    served.settle();
    assert_eq!((served.connections(), served.tally().clean), (0, 1));
    assert!(seen.drains.borrow().is_empty(), "a party that has closed sends no more");
}

/// Sends this many messages, with at most the high-water mark queued.
struct Stream(usize);

impl Stream {
    fn pump(&mut self, session: &mut Session<'_>) {
        while self.0 > 0 && session.has_room() {
            session.send_binary(&[0; 10_000]).expect("it is open");
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
    const COUNT: usize = 300;
    let served =
        Served::start(Config::default(), |server| server.route("/", || Stream(COUNT)).expect("the route is new"));
    let mut client = open_wide(&served, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    for n in 0..COUNT {
        assert_eq!(client.frame().payload.len(), 10_000, "message {n}");
    }
    assert_eq!(client.frame(), Raw::close(1000, ""));
}

/// Pauses at its first message, and counts its messages.
struct Pauser(Rc<Cell<usize>>);

impl Handler for Pauser {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.0.set(self.0.get() + 1);
        session.pause_reading();
        let id = session.id();
        let act = |session: &mut Session<'_>| assert!(session.is_reading_paused());
        session.handle().with_session(id, act).expect("the server is running");
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        panic!("nothing is sent");
    }
}

#[test]
fn a_pause_of_the_application_lasts_until_it_resumes() {
    let messages = Rc::new(Cell::new(0));
    let counted = Rc::clone(&messages);
    let served = Served::start(Config::default(), move |server| {
        server.route("/", move || Pauser(Rc::clone(&counted))).expect("the route is new");
        server.route("/echo", || Echo).expect("the route is new");
    });
    let mut client = RawClient::open(&served, "/");
    client.send(Raw::new(Raw::TEXT, "first"));
    client.send(Raw::new(Raw::TEXT, "second"));
    served.settle();
    let before = messages.get();
    // Both messages may come in one read; no later one is read.
    assert!((1..=2).contains(&before), "{before}");
    client.send(Raw::new(Raw::TEXT, "third"));
    RawClient::open(&served, "/echo").echo("a turn has passed");
    assert_eq!(messages.get(), before);
}

/// Fills the output, and counts how often there is room again.
struct Stuffed(Rc<Cell<usize>>);

impl Handler for Stuffed {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        while session.send_binary(&[0; 10_000]).is_ok() {}
        assert!(matches!(session.send_binary(&[0; 10_000]), Err(SendError::OutputFull { .. })));
    }

    fn on_drain(&mut self, _: &mut Session<'_>) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn on_drain_follows_a_send_that_was_refused_as_full() {
    let config = Config::default().with(|config| config.max_output_bytes = 64 << 10);
    let drains = Rc::new(Cell::new(0));
    let counted = Rc::clone(&drains);
    let served = Served::start(config, |server| {
        server.route("/", move || Stuffed(Rc::clone(&counted))).expect("the route is new");
    });
    let mut client = RawClient::open(&served, "/");
    client.send(Raw::new(Raw::TEXT, "go"));
    served.settle();
    assert_eq!(drains.get(), 1, "the output is smaller than the high-water mark");
}
