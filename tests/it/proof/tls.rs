//! A server in memory that speaks TLS, and one client: its records are cut, changed, lost, repeated and reordered on
//! their way, between records that nobody has encrypted.

mod client;
mod secrets;

use super::source::Source;
use client::{MOST_MESSAGE_BYTES, TlsClient};
use secrets::{CLIENTS, SERVER};
use statesocket::{
    CauseKind, Config, Disconnect, Message,
    server::{Handler, Limits, Session, Tally, Tls},
    testing::TestServer,
};
use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

/// The most that the server may hold of its only client. Its messages, its records and the answers are well below.
const MOST_HELD: usize = 256 << 10;

/// The most bytes of a record that nobody has encrypted.
const MOST_FILLING: usize = 64 << 8;

/// What the handler is told.
#[derive(Debug, Default)]
struct Told {
    messages: Vec<Vec<u8>>,
    ends: Vec<Disconnect>,
}

/// Echoes.
struct Echo(Rc<RefCell<Told>>);

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.0.borrow_mut().messages.push(message.as_bytes().to_vec());
        session.send(message).unwrap_or_else(|error| session.ensure_closed(1011, &error.to_string()));
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, end: &Disconnect) {
        self.0.borrow_mut().ends.push(end.clone());
    }
}

/// What a script has reached.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) tally: Tally,
    /// The messages that the handler got.
    pub(crate) messages: usize,
    /// No record has been touched.
    pub(crate) is_intact: bool,
}

struct World {
    server: TestServer,
    source: Source,
    client: TlsClient,
    told: Rc<RefCell<Told>>,
    /// Nobody touches the records of the client, and none is lost before the end.
    is_peaceful: bool,
    /// A deadline may have come.
    has_waited: bool,
}

/// Runs the script, and checks what must hold at its end.
pub(crate) fn check(data: &[u8]) {
    run(data);
}

/// The same, for a test of the scripts.
pub(crate) fn run(data: &[u8]) -> Reached {
    let source = Source::new(data);
    let mut world = World::new(&source);
    while let Some(choice) = source.byte() {
        world.step(choice % 24);
    }
    world.finish()
}

impl World {
    fn new(source: &Source) -> Self {
        let config = Config::default().with(|config| config.max_message_bytes = MOST_MESSAGE_BYTES as u64);
        let mut server = TestServer::new(config).expect("the configuration is right");
        let told = Rc::<RefCell<Told>>::default();
        let handler = Rc::clone(&told);
        server.route("/", move || Echo(Rc::clone(&handler))).expect("a new route");
        server.set_tls(Some(Tls::from(Arc::clone(&SERVER))));
        server.set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = MOST_HELD));
        let tls = Arc::clone(&CLIENTS[source.below(CLIENTS.len())]);
        let client = TlsClient::dial(&mut server, tls, source.one_of(&[64 << 10, 1_000, 100]));
        let is_peaceful = source.below(2) == 0;
        Self { server, source: source.clone(), client, told, is_peaceful, has_waited: false }
    }

    fn step(&mut self, choice: u8) {
        match choice {
            0..=2 => self.client.say(self.source.one_of(&[0, 1, 5, 125, 126, 3_000, 17_000, MOST_MESSAGE_BYTES])),
            3 => self.client.ping(),
            4 => self.client.close(),
            5 => self.client.change_keys(),
            6..=10 if self.is_peaceful => self.arrive(1),
            6 => self.client.end_tls(),
            7 => {
                self.server.advance(self.source.one_of(&[1, 100, 4_000, 30_000].map(Duration::from_millis)));
                self.has_waited = true;
                self.settle();
            }
            8 => self.damage(),
            9 => {
                let len = self.source.below(20);
                let bytes = std::iter::from_fn(|| self.source.byte()).take(len).collect();
                self.client.insert(bytes);
            }
            10 => self.insert_record(),
            11 | 12 => self.arrive_in_part(),
            13..=15 => self.arrive(usize::MAX),
            _ => self.arrive(1),
        }
    }

    /// Whole records arrive.
    fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            if !self.client.pass(usize::MAX) {
                return;
            }
            self.settle();
        }
    }

    /// Both ends do all they can, but that nothing of the client arrives.
    fn settle(&mut self) {
        self.server.settle();
        while self.client.read() {
            self.server.settle();
        }
    }

    /// The beginning of a record arrives.
    fn arrive_in_part(&mut self) {
        let len = self.client.next_len().min(self.source.below(256));
        self.client.pass(len);
        self.settle();
    }

    fn damage(&mut self) {
        let source = &self.source;
        let (fault, place) = (source.below(4), source.below(3));
        self.client.damage(place, |records, place| match fault {
            0 => {
                // The header more often than the rest.
                let at = if source.below(2) == 0 { source.below(5) } else { source.below(256) };
                let record = &mut records[place];
                let at = at % record.len();
                record[at] ^= 1 << source.below(8);
            }
            1 => drop(records.remove(place)),
            2 => records.swap(place, 0),
            _ => records.insert(place, records[place].clone()),
        });
    }

    /// A record of any kind, with a length that may be wrong.
    fn insert_record(&mut self) {
        let kind = self.source.one_of(&[20, 21, 22, 23, 22, 0x80]);
        let filling = (self.source.below(256) << 8 | self.source.below(256)) % MOST_FILLING;
        let len = if self.source.below(2) == 0 { filling } else { self.source.below(256) << 8 };
        let [first, second] = u16::try_from(len).expect("two bytes").to_be_bytes();
        let mut record = vec![self.source.byte().unwrap_or_default(); 5 + filling];
        record[..5].copy_from_slice(&[kind, 3, 3, first, second]);
        self.client.insert(record);
    }

    /// Ends the connection in one of four ways, and checks how it has ended.
    fn finish(mut self) -> Reached {
        let way = self.source.below(4);
        if way < 2 {
            self.arrive(usize::MAX);
        }
        if way == 0 {
            self.client.close();
            self.arrive(usize::MAX);
        }
        if way == 3 {
            self.client.reset()
        } else {
            self.client.shut_down()
        }
        self.settle();
        let (tally, is_complete) = (self.server.tally(), way == 0 && !self.has_waited && self.client.is_intact());
        let is_open_end = tally.total_ended() < tally.accepted;
        assert!(!is_complete || !is_open_end, "a complete conversation has ended at once: {tally}");
        self.server.advance(Duration::from_secs(600));
        self.settle();
        self.judge(is_complete)
    }

    fn judge(self, is_complete: bool) -> Reached {
        let (tally, told) = (self.server.tally().clone(), self.told.borrow());
        assert_eq!((self.server.connections(), tally.accepted, tally.total_ended()), (0, 1, 1), "{tally}");
        assert_eq!(tally.ended(CauseKind::Overloaded), 0, "the server holds little");
        let (said, got, heard) = (self.client.said(), &told.messages, self.client.heard());
        assert!(said.starts_with(got), "{} of {} messages, but not as they were sent", got.len(), said.len());
        assert!(got.starts_with(heard), "an echo that is none");
        assert!(told.ends.len() <= 1 && (got.is_empty() || told.ends.len() == 1), "{:?}", told.ends);
        if let Some(end) = told.ends.first() {
            let has_closed = self.client.has_closed();
            assert!(tally.clean == 0 || has_closed, "no Close has come, and yet the end is clean: {end}");
            let is_by_peer = end.cause.kind() == CauseKind::PeerClosed;
            assert!(!is_by_peer || has_closed && got.len() == said.len(), "a Close overtakes messages: {end}");
        } else {
            assert_eq!(tally.clean, 0, "no session was open");
        }
        if is_complete {
            assert_eq!((tally.clean, tally.ended(CauseKind::PeerClosed)), (1, 1), "{tally}, {:?}", told.ends);
            assert!(got == said && heard == said, "all arrives, and comes back");
        }
        Reached { tally, messages: got.len(), is_intact: self.client.is_intact() }
    }
}
