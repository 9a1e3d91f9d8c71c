//! A process with its broker, and a member.

use statesocket::{
    CloseCode, Disconnect, Event,
    handshake::Connect,
    testing::{self, ClientOptions, TestServer},
};
use statesocket_rooms::{
    broker::{Broker, BrokerError, Memory, Presence, Read, Said},
    bus::{Bus, Input, Inputs, Request, bus},
    id::Id,
    links::{Follower, Writer},
    protocol::{FromMember, FromServer},
    routes,
    sequencer::{Sequencer, Settings},
};
use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// More than a test stores.
pub const MANY: usize = 1_000_000;

pub const SETTINGS: Settings = Settings { max_entries: MANY, newest: 3, page_bytes: 64 << 10 };

/// A broker in memory that dies and comes back. Its clones are the same.
#[derive(Clone)]
pub struct Mortal {
    pub memory: Memory,
    faults: Rc<Faults>,
    /// The clock of the broker, in milliseconds.
    clock: Arc<AtomicU64>,
}

#[derive(Default)]
struct Faults {
    is_dead: Cell<bool>,
    loses_next_answer: Cell<bool>,
}

impl Mortal {
    pub fn new() -> Self {
        Self::with_room_for(MANY)
    }

    /// It keeps so many messages.
    pub fn with_room_for(entries: usize) -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
        let of_memory = Arc::clone(&clock);
        let memory = Memory::new(entries, Duration::ZERO, move || of_memory.load(Ordering::Relaxed));
        Self { memory, faults: Rc::default(), clock }
    }

    pub fn die(&self) {
        self.faults.is_dead.set(true);
    }

    pub fn revive(&self) {
        self.faults.is_dead.set(false);
    }

    /// The next messages are stored, and whoever has stored them does not learn of it.
    pub fn lose_next_answer(&self) {
        self.faults.loses_next_answer.set(true);
    }

    pub fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), BrokerError> {
        let is_dead = self.faults.is_dead.get();
        if is_dead { Err(BrokerError { reason: "dead".to_owned(), may_have_acted: false }) } else { Ok(()) }
    }
}

impl Broker for Mortal {
    fn add(&mut self, said: &[Said]) -> Result<Vec<Id>, BrokerError> {
        self.check()?;
        let ids = self.memory.add(said)?;
        if self.faults.loses_next_answer.take() {
            return Err(BrokerError { reason: "no answer".to_owned(), may_have_acted: true });
        }
        Ok(ids)
    }

    fn read(&mut self, after: Id) -> Result<Read, BrokerError> {
        self.check()?;
        self.memory.read(after)
    }

    fn note_present(&mut self, rooms: &[Presence]) -> Result<Vec<Vec<String>>, BrokerError> {
        self.check()?;
        self.memory.note_present(rooms)
    }
}

/// A process: a server, a sequencer, and the two links to the broker. What the threads of a program do by themselves, a
/// test has them do one after another.
pub struct Process {
    pub server: TestServer,
    pub sequencer: Sequencer,
    pub bus: Bus,
    inputs: Inputs,
    requests: Vec<Request>,
    follower: Follower<Mortal>,
    writer: Writer<Mortal>,
}

impl Process {
    pub fn new(broker: &Mortal, settings: Settings) -> Self {
        let (bus, inputs) = bus();
        let mut server = TestServer::new(routes::config()).expect("the configuration is right");
        routes::add(&mut server, &bus).expect("the routes are right");
        let sequencer = Sequencer::new(&server.handle(), rand::random(), settings);
        let (follower, writer) = (Follower::new(broker.clone()), Writer::new(broker.clone()));
        Self { server, sequencer, bus, inputs, requests: Vec::new(), follower, writer }
    }

    /// The server and at most so many inputs of the sequencer. Returns how many there were.
    pub fn serve(&mut self, inputs: usize) -> usize {
        self.server.settle();
        let mut count = 0;
        while count < inputs
            && let Some(input) = self.inputs.next()
        {
            self.sequencer.handle(input);
            count += 1;
        }
        self.requests.extend(self.sequencer.take_requests());
        self.server.settle();
        count
    }

    /// What the follower tells after one read.
    pub fn read(&mut self) -> Vec<Input> {
        self.follower.step()
    }

    /// What the writer tells after it has done what waits.
    pub fn write(&mut self) -> Vec<Input> {
        let requests = std::mem::take(&mut self.requests);
        self.writer.step(requests)
    }

    pub fn send(&self, inputs: Vec<Input>) {
        for input in inputs {
            self.bus.send(input);
        }
    }

    /// All requests that wait are too many for the writer.
    pub fn take_no_request(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            self.sequencer.not_taken(request);
        }
    }

    pub fn is_asked(&self) -> bool {
        !self.requests.is_empty()
    }

    /// The server, the sequencer and the writer, until nothing is left to do. The follower does not read.
    pub fn act(&mut self) {
        while self.serve(MANY) > 0 || self.is_asked() {
            let answers = self.write();
            self.send(answers);
        }
    }

    /// All of them, until the follower has reached the end twice.
    pub fn settle(&mut self) {
        for _ in 0..2 {
            self.act();
            loop {
                let news = self.read();
                let is_end = !news.iter().any(|input| matches!(input, Input::Entries(_)));
                self.send(news);
                self.act();
                if is_end {
                    break;
                }
            }
        }
    }

    pub fn tick(&mut self) {
        self.sequencer.handle(Input::Tick);
    }
}

/// A member as its client knows it.
pub struct Member {
    pub client: testing::Client,
    pub key: u64,
    /// What it gives as `after` when it comes back.
    pub last: Option<Id>,
    /// What has come and has not been looked at.
    pub news: Vec<FromServer>,
    /// Something has come.
    pub has_heard: bool,
    pub end: Option<Disconnect>,
}

impl Member {
    pub fn join(process: &mut Process, room: &str, name: &str, after: Option<Id>) -> Self {
        Self::with_pipe(process, room, name, after, ClientOptions::default().pipe_bytes)
    }

    pub fn with_pipe(process: &mut Process, room: &str, name: &str, after: Option<Id>, pipe_bytes: usize) -> Self {
        let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
        let connect = Connect::new(&format!("ws://localhost/ws/{room}?name={name}{after}")).expect("a URI");
        let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe_bytes);
        let client = process.server.connect_with(&connect, &options);
        Self { client, key: 0, last: None, news: Vec::new(), has_heard: false, end: None }
    }

    pub fn say(&mut self, text: &str) {
        self.key += 1;
        let message = FromMember { key: self.key, text: text.to_owned() };
        self.client.send_text(&serde_json::to_string(&message).expect("JSON")).expect("the member is open");
    }

    /// Takes what has come.
    pub fn take(&mut self) {
        while let Some(event) = self.client.receive() {
            match event {
                Event::Message(message) => {
                    let text = message.as_text().expect("a text");
                    let news: FromServer = serde_json::from_str(text).expect("news of the protocol");
                    if let FromServer::Message { id, .. } | FromServer::Joined { id, .. } = &news {
                        self.last = Some(*id);
                    }
                    self.news.push(news);
                }
                Event::Disconnect(end) => self.end = Some(*end),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// What has come since the last look.
    pub fn look(&mut self) -> Vec<FromServer> {
        self.take();
        std::mem::take(&mut self.news)
    }

    /// The texts of the messages that have come since the last look.
    pub fn hears(&mut self) -> Vec<String> {
        let text = |news| match news {
            FromServer::Message { text, .. } => Some(text),
            _ => None,
        };
        self.look().into_iter().filter_map(text).collect()
    }

    pub fn has_joined(&mut self) -> bool {
        self.take();
        self.news.iter().any(|news| matches!(news, FromServer::Joined { .. }))
    }

    pub fn end_code(&mut self) -> Option<CloseCode> {
        self.take();
        self.end.as_ref().map(|end| end.code)
    }
}

/// Two processes with one broker, which they have read to its end.
pub fn two() -> (Mortal, Process, Process) {
    let broker = Mortal::new();
    let mut processes = [(); 2].map(|()| Process::new(&broker, SETTINGS));
    processes.iter_mut().for_each(Process::settle);
    let [a, b] = processes;
    (broker, a, b)
}

/// The same, and anna in room "1" of the first.
pub fn two_and_anna() -> (Mortal, Process, Process, Member) {
    let (broker, mut a, b) = two();
    let anna = Member::join(&mut a, "1", "anna", None);
    a.settle();
    (broker, a, b, anna)
}

/// The same, and berta in room "1" of the second, who came when anna did.
pub fn two_and_a_member_each() -> (Mortal, Process, Process, [Member; 2]) {
    let (broker, mut a, mut b) = two();
    let members = [Member::join(&mut a, "1", "anna", None), Member::join(&mut b, "1", "berta", None)];
    a.settle();
    b.settle();
    (broker, a, b, members)
}
