//! Handlers that call any method in any call, panic, and send commands to each other and to themselves.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
    request_head,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use statesocket::{
    CloseReply, Config, Disconnect, Message, SharedMessage,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Handler, Session, SessionId, Unsent},
};
use std::{
    any::Any,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

const ROOMS: [&str; 3] = ["red", "blue", ""];
const CLIENTS: usize = 120;

/// What the handlers of a server share.
struct World {
    rng: StdRng,
    ids: Vec<SessionId>,
    /// How many handlers have got a request, and how many have heard of the end.
    begun: usize,
    ended: usize,
    faults: Vec<String>,
}

type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Careless {
    world: Shared,
    has_panicked: bool,
    has_ended: bool,
}

impl Careless {
    /// A call of the loop has come. Acts at random.
    fn called(&mut self, what: &str, session: &mut Session<'_>) {
        let may_come_last = matches!(what, "drain" | "unsent");
        if self.has_panicked || (self.has_ended && !may_come_last) {
            let (panicked, ended) = (self.has_panicked, self.has_ended);
            lock(&self.world).faults.push(format!("{what}, panicked: {panicked}, ended: {ended}"));
        }
        self.act(session);
    }

    fn act(&mut self, session: &mut Session<'_>) {
        // In case that one of the actions panics.
        self.has_panicked = true;
        for _ in 0..draw(&self.world, 4) {
            act(&self.world, session);
        }
        self.has_panicked = false;
    }
}

fn draw(world: &Shared, below: usize) -> usize {
    lock(world).rng.random_range(0..below)
}

/// Does anything. Whatever comes of it is ignored.
fn act(world: &Shared, session: &mut Session<'_>) {
    let room = ROOMS[draw(world, ROOMS.len())];
    let news = SharedMessage::text("news");
    let (handle, other) = (session.handle().clone(), some_id(world).unwrap_or_else(|| session.id()));
    match draw(world, 40) {
        0 | 1 => _ = session.accept(Accept::new()).map(|()| session.join(room)),
        2 => _ = session.reject(Response::new(StatusCode::FORBIDDEN)),
        3 => _ = session.respond(Response::new(StatusCode::OK)),
        4 => session.require_upgrade(),
        5 => _ = session.send_text("text"),
        6 => _ = session.send_binary(&[7; 300 << 10]),
        7 => _ = session.begin_text("begin"),
        8 => _ = session.continue_text("end", true),
        9 => _ = session.ping(b"ping"),
        10 => _ = session.close(4000, "close"),
        11 => _ = session.reply_close(),
        12 => _ = session.fail(4001, "fail"),
        13 => session.ensure_closed(4002, "ensure"),
        14 => session.shutdown(1001),
        15 => session.abort(),
        16 => session.finish(),
        17 => session.pause_reading(),
        18 | 19 => session.resume_reading(),
        20 | 21 => _ = session.join(room),
        22 => _ = session.leave(room),
        23 | 24 => _ = session.publish(room, &news),
        25 => _ = session.publish_to_others(room, &news),
        26 | 27 => session.set_timer(Duration::from_micros(draw(world, 2_000) as u64), draw(world, 3) as u64),
        28 => session.set_timer(Duration::MAX, 0),
        29 => _ = session.cancel_timer(0),
        30 => _ = session.set_config(Arc::default()),
        31 => _ = handle.send_text(other, "by handle"),
        32 => _ = handle.notify(other, news),
        33 => {
            let world = Arc::clone(world);
            let _ = handle.with_session(other, move |session| act(&world, session));
        }
        34 => _ = handle.broadcast(lock(world).ids.clone(), news),
        35 => _ = handle.publish(room, news),
        36 => _ = handle.blocking().close(other, 4003, "by handle"),
        37 => {
            let (world, id) = (Arc::clone(world), session.id());
            let _ = handle.with_session(id, move |session| act(&world, session));
            let _ = handle.send_text(id, "to myself");
            let _ = session.send_text("after");
        }
        38 => _ = handle.notify(session.id(), "to myself"),
        _ => resume_unwind(Box::new("this is what the test is about")),
    }
}

fn some_id(world: &Shared) -> Option<SessionId> {
    let ids = lock(world).ids.len();
    (ids > 0).then(|| draw(world, ids)).map(|place| lock(world).ids[place])
}

impl Handler for Careless {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        {
            let mut world = lock(&self.world);
            world.begun += 1;
            world.ids.push(session.id());
        }
        self.act(session);
        let _ = session.accept(Accept::new());
        self.act(session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.called("message", session);
    }

    fn on_ping(&mut self, session: &mut Session<'_>, _: &[u8]) {
        self.called("ping", session);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.called("drain", session);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        self.called("timer", session);
    }

    fn on_event(&mut self, session: &mut Session<'_>, _: Box<dyn Any + Send>) {
        self.called("event", session);
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, _: Message<'_>) -> Unsent {
        self.called("unsent", session);
        if draw(&self.world, 2) == 0 { Unsent::Drop } else { Unsent::Close }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        let is_member = ROOMS.iter().any(|room| session.member_ids(room).any(|id| id == session.id()));
        {
            let mut world = lock(&self.world);
            world.ended += 1;
            if self.has_ended || is_member || session.rooms().count() > 0 {
                world.faults.push(format!("the end: again: {}, a member: {is_member}", self.has_ended));
            }
        }
        self.has_ended = true;
        self.act(session);
    }
}

impl Drop for Careless {
    fn drop(&mut self) {
        if draw(&self.world, 4) == 0 && !thread::panicking() {
            resume_unwind(Box::new("this is what the test is about"));
        }
    }
}

/// The bytes of a client that says something.
fn says(rng: &mut StdRng) -> Vec<u8> {
    let head = request_head(["/ws", "/manual"][rng.random_range(0..2)], &[]);
    let mut bytes = head[..if rng.random_range(0..10) == 0 { 30 } else { head.len() }].to_vec();
    for _ in 0..rng.random_range(0..60) {
        let frame = match rng.random_range(0..20) {
            0 => Raw::close(4010, ""),
            1..4 => Raw::new(Raw::PING, "ping"),
            4 => Raw::new(Raw::BINARY, vec![1; 20_000]),
            _ => Raw::new(Raw::TEXT, "text"),
        };
        bytes.extend(frame.masked().bytes());
    }
    bytes
}

/// Clients come, read or do not read, and leave in one way or another.
fn talk(served: &Served, rng: &mut StdRng) {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = RawClient::dial(served);
        client.write(&says(rng));
        clients.push(client);
        for _ in 0..rng.random_range(0..4) {
            let wait = Duration::from_micros(rng.random_range(0..2_000));
            served.server().turn(Some(wait)).expect("the loop does not fail");
            let place = rng.random_range(0..clients.len());
            clients[place].stream_mut().receive_raw();
        }
        if clients.len() > 4 {
            let mut gone = clients.swap_remove(rng.random_range(0..clients.len()));
            if rng.random_range(0..4) == 0 {
                gone.stream_mut().reset();
            }
        }
    }
}

#[test]
fn s6_whatever_handlers_do_every_end_is_told_once_and_nothing_remains() {
    for seed in 0..10 {
        let world = World { rng: StdRng::seed_from_u64(seed), ids: Vec::new(), begun: 0, ended: 0, faults: Vec::new() };
        let world = Arc::new(Mutex::new(world));
        let served = Served::start(Config::default(), |server| {
            let of_handlers = Arc::clone(&world);
            let factory = move || Careless { world: Arc::clone(&of_handlers), has_panicked: false, has_ended: false };
            server.route("/ws", factory.clone()).expect("the route is new");
            let manual = |config: &mut Config| config.close_reply = CloseReply::Manual;
            server.route_with("/manual", manual, factory).expect("the route is new");
        });
        talk(&served, &mut StdRng::seed_from_u64(100 + seed));
        let tally = served.stop();
        let world = lock(&world);
        assert_eq!((&world.faults, world.begun), (&vec![], world.ended), "seed {seed}: {tally}");
        assert!(world.begun > CLIENTS / 2, "seed {seed}: {tally}");
    }
}
