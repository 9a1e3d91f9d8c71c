//! Several loops that serve one address. They are threads, and only a system shows who gets which connection.

mod handing_over;
mod metrics;
mod overload;
mod reaching;
mod refusing;
mod rooms;
mod starting;
mod stopping;

use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient},
};
use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Cluster, Handle, Handler, Limits, Loops, RouteError, Server, Session, SessionId, Sharing, Unsent},
};
use std::{
    any::Any,
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc::{self, Receiver, Sender},
};

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// All that the system can do.
const SHARINGS: &[Sharing] =
    if cfg!(target_os = "linux") { &[Sharing::HandOver, Sharing::System] } else { &[Sharing::HandOver] };

/// Loops that get the connections in turn: the first of three gets the first, the fourth and so on.
fn in_turn(count: usize) -> Loops {
    Loops::new(count).with(|loops| loops.sharing = Sharing::HandOver)
}

/// A session that has been opened, and the number of its loop.
type Arrived = (usize, SessionId);

/// Does what its client says: `join ROOM`, `leave ROOM`, `say ROOM TEXT`, `others ROOM TEXT`, `behind ROOM
/// TEXT`, `count ROOM`. Answers `done N`, with the number of members if it is one. Returns all other messages.
struct Member {
    number: usize,
    arrived: Sender<Arrived>,
    unsent: Unsent,
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        // The test may not want to know.
        let _ = self.arrived.send((self.number, session.id()));
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let text = message.as_text().expect("the tests send text").to_owned();
        let words: Vec<_> = text.splitn(3, ' ').collect();
        let done = match words[..] {
            ["join", room] => usize::from(session.join(room).expect("the session is open")),
            ["leave", room] => usize::from(session.leave(room)),
            ["say", room, text] => session.publish(room, &SharedMessage::text(text)),
            ["others", room, text] => session.publish_to_others(room, &SharedMessage::text(text)),
            ["behind", room, text] => {
                session.handle().publish(room, SharedMessage::text(text)).expect("the loops run");
                session.publish_to_others(room, &SharedMessage::text(text))
            }
            ["count", room] => session.members(room),
            _ => return session.send(message).expect("there is room"),
        };
        session.send_text(&format!("done {done}")).expect("there is room");
    }

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        let text = event.downcast::<String>().expect("the tests send text");
        session.send_text(&format!("loop {}: {text}", self.number)).expect("there is room");
    }

    fn on_unsent(&mut self, _: &mut Session<'_>, _: Message<'_>) -> Unsent {
        self.unsent
    }
}

struct Scene {
    cluster: Cluster,
    arrived: Receiver<Arrived>,
}

impl Scene {
    fn new(loops: impl Into<Loops>) -> Self {
        Self::with(loops, |_| {})
    }

    /// With other limits, of each loop.
    fn with(loops: impl Into<Loops>, change: fn(&mut Limits)) -> Self {
        let (sender, arrived) = mpsc::channel();
        let cluster = Cluster::spawn(ANY_PORT, Config::default(), loops, move |server: &mut Server, number| {
            let limits = Limits::default().with(change);
            server.set_limits(limits);
            members(server, number, &sender)
        });
        Self { cluster: cluster.expect("a free port"), arrived }
    }

    fn address(&self) -> SocketAddr {
        self.cluster.local_addr()
    }

    /// A new client, with its loop and the id of its session.
    fn open(&self) -> (RawClient, Arrived) {
        self.open_at("/")
    }

    fn open_at(&self, target: &str) -> (RawClient, Arrived) {
        let client = RawClient::open(self.address(), target);
        (client, self.arrived.recv().expect("the handler tells it"))
    }

    /// A client of each loop, in the order of their numbers. With either sharing all loops get connections.
    fn one_per_loop(&self, count: usize) -> Vec<(RawClient, SessionId)> {
        let mut found: Vec<Option<(RawClient, SessionId)>> = (0..count).map(|_| None).collect();
        while found.iter().any(Option::is_none) {
            let (client, (number, id)) = self.open();
            found[number].get_or_insert((client, id));
        }
        found.into_iter().flatten().collect()
    }

    /// A room with one client per loop.
    fn room(&self, count: usize, room: &str) -> Vec<RawClient> {
        let mut clients: Vec<_> = self.one_per_loop(count).into_iter().map(|(client, _)| client).collect();
        for client in &mut clients {
            ask(client, &format!("join {room}"), 1);
        }
        clients
    }
}

/// Serves members at `/`, and at `/lossy` those that go on without a message.
fn members(server: &mut Server, number: usize, arrived: &Sender<Arrived>) -> Result<(), RouteError> {
    for (path, unsent) in [("/", Unsent::Close), ("/lossy", Unsent::Drop)] {
        let arrived = arrived.clone();
        server.route(path, move || Member { number, arrived: arrived.clone(), unsent })?;
    }
    Ok(())
}

/// Sends a command, whose answer is the next message.
#[track_caller]
fn ask(client: &mut RawClient, command: &str, answer: usize) {
    client.send(Raw::new(Raw::TEXT, command));
    assert_eq!(text(client), format!("done {answer}"), "{command}");
}

/// The next message.
#[track_caller]
fn text(client: &mut RawClient) -> String {
    let frame = client.frame();
    let text = String::from_utf8_lossy(&frame.payload).into_owned();
    assert_eq!(frame, Raw::new(Raw::TEXT, &text));
    text
}

/// Keeps the loop of the session busy until the sender is dropped.
fn busy(handle: &Handle, id: SessionId) -> Sender<()> {
    let (release, released) = mpsc::channel();
    let (begun, begin) = mpsc::channel();
    let act = move |_: &mut Session<'_>| {
        begun.send(()).expect("the test waits");
        let _ = released.recv();
    };
    handle.with_session(id, act).expect("the loop runs");
    begin.recv_timeout(PATIENCE).expect("the loop begins");
    release
}
