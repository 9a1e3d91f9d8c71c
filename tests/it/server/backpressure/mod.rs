//! Back-pressure: a peer that does not read is not read, and its handler learns when there is room again.

mod fairness;
#[cfg(feature = "deflate")]
mod inflating;
mod marks;
mod rooms;
mod unread;

use crate::support::memory::Served;
use statesocket::{
    Config, Message,
    handshake::{Accept, Request},
    server::{Handler, Session, SessionId},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::mpsc,
    time::Duration,
};

const HIGH: usize = 100_000;
const LOW: usize = 30_000;

/// More than a pipe holds together with the high-water mark.
const FLOOD: usize = 1 << 20;

/// What the handlers of a server have seen.
#[derive(Debug, Default)]
struct Seen {
    id: Cell<Option<SessionId>>,
    drains: RefCell<Vec<usize>>,
    messages: Cell<usize>,
    /// What a handler that sends on its own has still to send.
    left: Cell<u32>,
}

type Behaviour = fn(&Seen, &mut Session<'_>);

/// Echoes, counts, and calls its behaviours at the request and at `on_drain`.
struct Observer {
    seen: Rc<Seen>,
    at_start: Behaviour,
    at_drain: Behaviour,
}

impl Handler for Observer {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        self.seen.id.set(Some(session.id()));
        session.accept(Accept::new()).expect("a request is pending");
        (self.at_start)(&self.seen, session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.seen.messages.set(self.seen.messages.get() + 1);
        session.send(message).expect("reading stops before the output is full");
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.seen.drains.borrow_mut().push(session.output_len());
        (self.at_drain)(&self.seen, session);
    }
}

fn idle(_: &Seen, _: &mut Session<'_>) {}

/// Sends messages up to the high-water mark.
fn send_some(seen: &Seen, session: &mut Session<'_>) {
    while session.has_room() && seen.left.get() > 0 {
        session.send_binary(&numbered(seen.left.get())).expect("the output has room");
        seen.left.set(seen.left.get() - 1);
    }
}

fn numbered(n: u32) -> Vec<u8> {
    n.to_be_bytes().repeat(1_000)
}

fn serve(at_start: Behaviour, at_drain: Behaviour) -> (Served, Rc<Seen>) {
    let config = Config::default().with(|config| {
        (config.high_water, config.low_water, config.max_output_bytes) = (Some(HIGH), LOW, 64 << 20);
    });
    let seen = Rc::new(Seen::default());
    let handlers = Rc::clone(&seen);
    let served = Served::start(config, |server| {
        let factory = move || Observer { seen: Rc::clone(&handlers), at_start, at_drain };
        server.route("/ws", factory).expect("the route is new");
    });
    (served, seen)
}

fn turn(served: &Served) {
    served.server().turn(Some(Duration::ZERO)).expect("the loop does not fail");
}

/// Turns once, in which the session executes `ask`, and returns its result.
fn ask<T: Send + 'static>(
    served: &Served,
    id: SessionId,
    ask: impl FnOnce(&mut Session<'_>) -> T + Send + 'static,
) -> T {
    let (answer, answers) = mpsc::channel();
    served
        .handle
        .with_session(id, move |session| answer.send(ask(session)).expect("the test is waiting"))
        .expect("the server is running");
    turn(served);
    answers.try_recv().expect("the session is there")
}
