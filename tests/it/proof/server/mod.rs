//! A whole server in memory: any calls of handlers, any clients, any time.
//!
//! A ledger beside the server notes what each session was told, and what its client must get.

mod actor;
mod ledger;

use super::{
    compression::{self, Compression},
    source::Source,
};
use crate::support::Raw;
use actor::{Actor, ROOMS, pick};
use ledger::{Ledger, Number, PROGRAM, Stage};
use statesocket::{
    CloseReply, Config, Event, Phase, SharedMessage,
    handshake::{Connect, Response},
    http::StatusCode,
    server::{HandleError, Limits, Tally, WhenFull},
    testing::{Client, ClientOptions, TestServer},
};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

/// The most clients of a script.
const MOST_CLIENTS: usize = 24;

/// How long a drawn shutdown may take.
const GRACE: Duration = Duration::from_secs(5);

struct World {
    server: TestServer,
    source: Source,
    ledger: Rc<RefCell<Ledger>>,
    clients: BTreeMap<Number, Guest>,
    next: Number,
    is_stopping: bool,
    /// How the server and its clients compress.
    compression: Option<Compression>,
}

struct Guest {
    client: Client,
    /// How many messages it has sent as a client does.
    said: u64,
    is_reading: bool,
}

/// What a script has reached.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) tally: Tally,
    /// The messages that clients and handlers got, and those that handlers dropped.
    pub(crate) got: u64,
    pub(crate) heard: u64,
    pub(crate) dropped: u64,
    /// How many sessions were a member of a room, and how many handlers have panicked.
    pub(crate) members: usize,
    pub(crate) panicked: usize,
}

/// Runs the script, stops the server, and checks that nothing is left.
pub(crate) fn check(data: &[u8]) {
    run(data);
}

/// The same, for a test of the scripts.
pub(crate) fn run(data: &[u8]) -> Reached {
    let (compression, data) = compression::split(data);
    let source = Source::new(data);
    let mut world = World::new(source.clone(), compression);
    while let Some(choice) = source.byte() {
        world.step(choice % 24);
        world.check();
    }
    world.come_to_rest();
    world.stop()
}

impl World {
    fn new(source: Source, compression: Option<Compression>) -> Self {
        let config = Config::default().with(|config| {
            config.max_output_bytes = source.one_of(&[4 << 20, 40_000, 3_000, 3_000]);
            config.high_water = source.one_of(&[Some(64 << 10), Some(1_000), None]);
            config.low_water = config.high_water.map_or(0, |high| high / 4);
            if let Some(compression) = compression {
                compression.apply(config);
            }
        });
        let mut server = TestServer::new(config).expect("the configuration is right");
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        let factory = || {
            let (source, ledger) = (source.clone(), Rc::clone(&ledger));
            move || Actor::new(&source, &ledger)
        };
        server.route("/", factory()).expect("a new route");
        let manual = |config: &mut Config| config.close_reply = CloseReply::Manual;
        server.route_with("/manual", manual, factory()).expect("a new route");
        server.route_http("/", |_, _| Response::new(StatusCode::OK).body("a page")).expect("a new route");
        actor::lend_to_closures(Some((source.clone(), Rc::clone(&ledger))));
        Self { server, source, ledger, clients: BTreeMap::new(), next: 0, is_stopping: false, compression }
    }

    fn step(&mut self, choice: u8) {
        match choice {
            0..=3 => self.connect(),
            4 => self.server.turn(Some(Duration::ZERO)).expect("a wait of no time does not fail"),
            5 | 6 => self.server.settle(),
            7 => self.server.advance(self.source.one_of(&[1, 30, 700, 2_000, 9_000, 21_000, 61_000].map(millis))),
            8 => self.limit(),
            9 | 10 => self.command(),
            11 if self.source.below(6) == 0 => self.shut_down(),
            12 => drop(self.server.get("/")),
            _ => self.act(choice),
        }
    }

    /// A client comes.
    fn connect(&mut self) {
        let number = self.next;
        if number == MOST_CLIENTS {
            return;
        }
        self.next += 1;
        let path = self.source.one_of(&["/", "/", "/", "/", "/manual", "/manual", "/manual", "/absent"]);
        let connect = Connect::new(&format!("ws://localhost{path}?n={number}")).expect("a URI");
        let options = ClientOptions::default().with(|options| {
            options.pipe_bytes = self.source.one_of(&[64 << 10, 4 << 10, 256, 256]);
            options.address = [127, 0, 0, self.source.one_of(&[1, 1, 2])].into();
            if let Some(compression) = self.compression {
                compression.apply(&mut options.config);
            }
        });
        let mut client = self.server.dial(&connect.seed([number as u8; 32]), &options);
        let mut is_lawless = false;
        match self.source.below(8) {
            0..=5 => client.send_request(),
            6 => {
                let request = client.take_request();
                let (first, second) = request.split_at(self.source.below(request.len()));
                client.send_raw(first);
                self.server.turn(Some(Duration::ZERO)).expect("a wait of no time does not fail");
                client.send_raw(second);
            }
            _ => {
                let request = client.take_request();
                client.send_raw(&request[..self.source.below(request.len())]);
                is_lawless = true;
            }
        }
        if is_lawless {
            self.ledger.borrow_mut().lawless.insert(number);
        }
        self.clients.insert(number, Guest { client, said: 0, is_reading: true });
    }

    /// A client does something.
    fn act(&mut self, choice: u8) {
        let place = self.source.below(self.clients.len());
        let Some((&number, guest)) = self.clients.iter_mut().nth(place) else { return };
        let client = &mut guest.client;
        match choice {
            13 => drop(client.ping(b"drawn")),
            14 => drop(client.close(self.source.one_of(&[1000, 1001, 4000]), "drawn")),
            15 => client.shut_down_writing(),
            16 => {
                self.ledger.borrow_mut().lawless.insert(number);
                client.reset();
            }
            17 if self.source.below(2) == 0 => {
                self.ledger.borrow_mut().lawless.insert(number);
                self.clients.remove(&number);
            }
            18 => {
                client.stop_reading();
                guest.is_reading = false;
            }
            19 => {
                client.resume_reading();
                guest.is_reading = true;
            }
            20 if self.source.below(2) == 0 => {
                self.ledger.borrow_mut().lawless.insert(number);
                let len = self.source.below(20);
                let bytes: Vec<u8> = std::iter::from_fn(|| self.source.byte()).take(len).collect();
                client.send_raw(&bytes);
            }
            21 if client.phase() == Phase::Open => {
                guest.said += 1;
                let frame = Raw::new(Raw::TEXT, format!("{} in pieces", guest.said)).masked().bytes();
                let (first, second) = frame.split_at(self.source.below(frame.len()));
                client.send_raw(first);
                self.server.turn(Some(Duration::ZERO)).expect("a wait of no time does not fail");
                client.send_raw(second);
            }
            _ => {
                let padding = self.source.one_of(&[0, 0, 0, 500, 20_000]);
                let text = format!("{} {}", guest.said + 1, "y".repeat(padding));
                guest.said += u64::from(client.send_text(&text).is_ok());
            }
        }
    }

    fn limit(&mut self) {
        let any = |usual: usize| self.source.one_of(&[usual, usual, 1, 3]);
        let (connections, handshakes, waiting, address) = (any(1_000), any(1_000), any(1_000), any(1_000));
        let when_full = self.source.one_of(&[WhenFull::Refuse, WhenFull::Wait]);
        let buffered = self.source.one_of(&[1 << 30, 1 << 30, 20_000, 5_000]);
        self.server.set_limits(Limits::default().with(|limits| {
            limits.max_connections = connections;
            limits.max_handshakes = handshakes;
            limits.max_waiting_requests = waiting;
            limits.max_connections_per_address = address;
            limits.when_full = when_full;
            limits.max_buffered_bytes = buffered;
        }));
    }

    /// The program sends the loop a command.
    fn command(&mut self) {
        let Some((number, id)) = pick(&self.source, &self.ledger) else { return };
        let handle = self.server.handle();
        let message = || self.ledger.borrow_mut().message(PROGRAM, true, 10);
        let sent = match self.source.below(5) {
            0 | 1 => {
                let message = message();
                self.ledger.borrow_mut().owe(number, &message);
                handle.send_text(id, message.text)
            }
            2 => handle.publish(self.source.one_of(&ROOMS), SharedMessage::text(&message().text)),
            3 => handle.notify(id, ()),
            _ => handle.close(id, 4002, "by the program"),
        };
        assert_eq!(sent.is_err(), self.server.is_stopped());
    }

    fn shut_down(&mut self) {
        let handle = self.server.handle();
        let sent = if self.source.below(3) == 0 { handle.stop() } else { handle.shutdown(1001, GRACE) };
        assert_eq!(sent.is_err(), self.server.is_stopped());
        self.is_stopping = true;
    }

    /// Checks what must hold at any time.
    fn check(&mut self) {
        let (tally, connections) = (self.server.tally(), self.server.connections() as u64);
        assert!(tally.total_ended() <= tally.accepted, "{tally}");
        assert!(tally.accepted <= tally.total_ended() + connections, "{tally}, and {connections} are left");
        for (number, guest) in self.clients.iter_mut().filter(|(_, guest)| guest.is_reading) {
            while let Some(event) = guest.client.receive() {
                if let Event::Message(message) = event {
                    self.ledger.borrow_mut().get(*number, message.as_text().expect("every message is a text"));
                }
            }
        }
    }

    /// All clients read, and time passes until all handlers have resumed. Then nothing is under way.
    fn come_to_rest(&mut self) {
        for guest in self.clients.values_mut() {
            guest.client.resume_reading();
            guest.is_reading = true;
        }
        self.server.settle();
        self.server.advance(Duration::from_secs(1));
        self.check();
        let ledger = self.ledger.borrow();
        for (number, guest) in &self.clients {
            let is_open = guest.client.phase() == Phase::Open;
            if is_open && !ledger.lawless.contains(number) {
                assert_eq!(ledger.missing(*number), [0; 0], "client {number}: messages that it has not got");
                assert_eq!(ledger.heard(*number), guest.said, "client {number}: its messages were handed out");
            }
        }
    }

    /// Nothing is left of a server that has stopped.
    fn stop(mut self) -> Reached {
        if !self.is_stopping {
            self.server.handle().shutdown(1001, GRACE).expect("the server runs");
        }
        self.server.settle();
        self.server.advance(GRACE);
        self.check();
        assert!(self.server.is_stopped() && self.server.connections() == 0, "{:?}", self.server);
        assert_eq!(self.server.tally().total_ended(), self.server.tally().accepted, "{}", self.server.tally());
        assert_eq!(self.server.handle().stop(), Err(HandleError::Stopped));
        for (number, record) in &self.ledger.borrow().sessions {
            assert_eq!(record.stage, Stage::Ended, "client {number}: its handler was told of the end");
        }
        for (number, guest) in &self.clients {
            assert_eq!(guest.client.phase(), Phase::Closed, "client {number}");
        }
        actor::lend_to_closures(None);
        let reached = self.ledger.borrow().reached(self.server.tally().clone());
        drop(self.server);
        assert_eq!(Rc::strong_count(&self.ledger), 1, "no handler is left");
        reached
    }
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
