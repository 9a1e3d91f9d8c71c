//! Events that other threads and handlers send a handler.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
};
use statesocket::{
    Config, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handle, Handler, Session, SessionId},
};
use std::{any::Any, panic::resume_unwind, sync::mpsc};

/// Counts what it hears of, and tells its client.
struct Counter {
    ids: mpsc::Sender<SessionId>,
    total: u32,
}

struct Add(u32);

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("this is what the test is about"));
    }
}

impl Handler for Counter {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        self.ids.send(session.id()).expect("the test is waiting");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let (id, handle) = (session.id(), session.handle().clone());
        let before = self.total;
        handle.notify(id, Add(100)).expect("the server is running");
        session.send(message).expect("the session is open");
        handle.notify(id, Add(900)).expect("the server is running");
        assert_eq!(self.total, before, "this call has not ended");
    }

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        let Ok(add) = event.downcast::<Add>() else { return };
        self.total += add.0;
        session.send_text(&self.total.to_string()).expect("the session is open");
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        // It comes to nobody: this is the last call.
        session.handle().notify(session.id(), Add(1)).expect("the server is running");
    }
}

fn serve() -> (Served, mpsc::Receiver<SessionId>) {
    let (ids, opened) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/ws", move || Counter { ids: ids.clone(), total: 0 }).expect("the route is new");
    });
    (served, opened)
}

fn open(served: &Served, opened: &mpsc::Receiver<SessionId>) -> (RawClient, SessionId) {
    let client = served.open();
    (client, opened.try_recv().expect("the session is open"))
}

#[track_caller]
fn texts(client: &mut RawClient, expected: &[&str]) {
    for text in expected {
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, *text));
    }
}

#[test]
fn s10_an_event_reaches_the_handler_in_the_order_of_all_commands() {
    let (served, opened) = serve();
    let (mut client, id) = open(&served, &opened);
    let send = |handle: &Handle| {
        handle.notify(id, Add(1))?;
        handle.send_text(id, "between")?;
        handle.notify(id, "of another type")?;
        handle.notify(id, Add(2))
    };
    assert_eq!(served.elsewhere(send), Ok(()));
    texts(&mut client, &["1", "between", "3"]);
    let says: Vec<u8> = ["a", "b"].iter().flat_map(|text| Raw::new(Raw::TEXT, *text).masked().bytes()).collect();
    client.write(&says);
    texts(&mut client, &["a", "103", "1003", "b", "1103", "2003"]);
}

#[test]
fn s10_an_event_for_an_ended_session_is_dropped_whatever_its_drop_does() {
    let (served, opened) = serve();
    let (mut client, id) = open(&served, &opened);
    client.send(Raw::close(1000, ""));
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    for _ in 0..2 {
        served.elsewhere(|handle| handle.notify(id, Bomb)).expect("the server is running");
    }
    let (mut other, id) = open(&served, &opened);
    served.elsewhere(|handle| handle.notify(id, Bomb)).expect("the server is running");
    assert_eq!(other.frame(), Raw::close(1011, ""), "the handler has dropped it, and panicked");
    served.elsewhere(|handle| handle.notify(id, Bomb)).expect("the server is running");
    let (mut third, _) = open(&served, &opened);
    third.send(Raw::new(Raw::TEXT, "c"));
    texts(&mut third, &["c", "100", "1000"]);
}
