//! What a handler asks for happens in the order in which it asks, whichever object it asks.

use crate::support::{
    Raw,
    memory::{Guest, RawClient, Served},
};
use statesocket::{
    Config, Disconnect, Message, SendError, SharedMessage,
    server::{Handler, Session, SessionId, Unsent},
};
use std::{
    cell::RefCell,
    panic::resume_unwind,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// What the handlers of a server share.
type Members = Rc<RefCell<Vec<SessionId>>>;

/// Calls a function with each message.
struct Scripted {
    members: Members,
    act: fn(&Members, &mut Session<'_>, &str),
}

impl Handler for Scripted {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let text = message.as_text().expect("text");
        if text == "enter" {
            self.members.borrow_mut().push(session.id());
            session.send(message).expect("the session is open");
        } else {
            (self.act)(&self.members, session, text);
        }
    }

    fn on_unsent(&mut self, _: &mut Session<'_>, message: Message<'_>) -> Unsent {
        if message.len() > 5 << 20 { Unsent::Drop } else { Unsent::Close }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        let _ = session.handle().broadcast(self.members.borrow().clone(), SharedMessage::text("gone"));
    }
}

fn serve(act: fn(&Members, &mut Session<'_>, &str)) -> Served {
    Served::start(Config::default(), move |server| {
        let members = Members::default();
        let factory = move || Scripted { members: Rc::clone(&members), act };
        server.route("/ws", factory).expect("the route is new");
    })
}

/// A client whose session is a member.
fn enter(served: &Served) -> RawClient {
    let mut client = served.open();
    client.echo("enter");
    client
}

#[track_caller]
fn texts(client: &mut RawClient, expected: &[&str]) {
    for text in expected {
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, *text));
    }
}

fn say(client: &mut RawClient, texts: &[&str]) {
    let bytes: Vec<u8> = texts.iter().flat_map(|text| Raw::new(Raw::TEXT, *text).masked().bytes()).collect();
    client.write(&bytes);
}

#[test]
fn s4_what_a_handler_sends_by_its_handle_keeps_its_place() {
    let served = serve(|_, session, text| {
        let (id, handle) = (session.id(), session.handle().clone());
        handle.send_text(id, format!("{text} 1")).expect("the server is running");
        session.send_text(&format!("{text} 2")).expect("the session is open");
        handle.send_text(id, format!("{text} 3")).expect("the server is running");
        let act = |session: &mut Session<'_>| session.send_text("4").expect("the session is open");
        handle.with_session(id, act).expect("the server is running");
        handle.broadcast([id], SharedMessage::text("5")).expect("the server is running");
        if text == "last" {
            session.close(4001, "").expect("the session is open");
        }
    });
    let mut client = served.open();
    say(&mut client, &["first", "last"]);
    texts(&mut client, &["first 1", "first 2", "first 3", "4", "5", "last 1", "last 2", "last 3", "4", "5"]);
    assert_eq!(client.frame(), Raw::close(4001, ""));
}

#[test]
fn s4_a_broadcast_before_a_close_reaches_everyone() {
    let served = serve(|members, session, text| {
        let all = members.borrow().clone();
        session.handle().broadcast(all, SharedMessage::text(text)).expect("the server is running");
        match text {
            "close" => session.close(4001, "").expect("the session is open"),
            "handle" => session.handle().close(session.id(), 4001, "").expect("the server is running"),
            "fail" => session.fail(4001, "").expect("the session is open"),
            _ => session.shutdown(4001),
        }
    });
    let mut watcher = enter(&served);
    for how in ["close", "handle", "fail", "shutdown"] {
        let mut client = enter(&served);
        say(&mut client, &[how]);
        texts(&mut client, &[how]);
        assert_eq!(client.frame(), Raw::close(4001, ""), "{how}");
        client.send(Raw::close(4001, ""));
        texts(&mut watcher, &[how, "gone"]);
    }
}

#[test]
fn s4_commands_for_others_are_done_before_the_next_event() {
    let served = serve(|members, session, text| {
        let all = members.borrow().clone();
        let handle = session.handle();
        if let Some(other) = all.iter().find(|id| **id != session.id()) {
            let text = text.to_owned();
            let act = move |other: &mut Session<'_>| other.send_text(&text).expect("the session is open");
            handle.with_session(*other, act).expect("the server is running");
        }
        if text == "leave" {
            handle.close(session.id(), 4001, "").expect("the server is running");
        } else {
            // It comes back by the closure, so it must not overtake that.
            handle.broadcast(all, SharedMessage::text(&format!("{text}, all"))).expect("the server is running");
        }
    });
    let mut watcher = enter(&served);
    let mut client = enter(&served);
    // The Close of the client lies in the same read.
    let end = Raw::close(1000, "").masked().bytes();
    let says = ["one", "two", "three"].map(|text| Raw::new(Raw::TEXT, text).masked().bytes()).concat();
    client.write(&[says, end].concat());
    texts(&mut client, &["one, all", "two, all", "three, all"]);
    assert_eq!(client.frame(), Raw::close(1000, ""));
    texts(&mut watcher, &["one", "one, all", "two", "two, all", "three", "three, all", "gone"]);
}

#[test]
fn s4_no_message_overtakes_one_that_does_not_fit() {
    let served = serve(|_, session, text| {
        let (id, handle) = (session.id(), session.handle().clone());
        // Of any length if nothing else is queued, then over the limit.
        session.send_text("0").expect("the session is open");
        let len = if text == "may be lost" { 6 << 20 } else { 5 << 20 };
        handle.send_binary(id, vec![7; len]).expect("the server is running");
        let error = session.send_text("2").expect_err("it would leave a hole");
        assert!(matches!(error, SendError::OutputFull { .. }), "{error:?}");
        handle.send_text(id, "3").expect("the server is running");
    });
    let mut client = served.open();
    say(&mut client, &["may be lost", "must not be lost"]);
    texts(&mut client, &["0", "3", "0"]);
    assert_eq!(client.frame().payload[..2], 1013u16.to_be_bytes());
}

#[test]
fn s4_commands_that_cause_commands_for_ever_keep_nobody_waiting() {
    fn again(session: &mut Session<'_>) {
        // The server may be stopping.
        let _ = session.handle().with_session(session.id(), again);
        session.pause_reading();
    }
    let served = serve(|_, session, text| match text {
        "chain" => again(session),
        _ => session.send_text(text).expect("the session is open"),
    });
    let mut client = served.open();
    say(&mut client, &["chain"]);
    let turns = || (0..2).for_each(|_| served.server().turn(Some(Duration::ZERO)).expect("the loop does not fail"));
    let mut other = Guest::dial(&mut served.server(), "/ws");
    other.ask_more(usize::MAX);
    for _ in 0..3 {
        turns();
        assert_eq!(other.receive(), None);
        other.send_text("hello").expect("the client is open");
        turns();
        assert_eq!(other.receive_text(), "hello");
    }
    served.drop_server();
}

/// Each closure causes two more and takes them at once, so a bound for the depth alone admits 2^16 of them.
#[test]
fn s4_closures_that_cause_more_of_them_are_bounded() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn again(session: &mut Session<'_>) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        for _ in 0..2 {
            // The server may be stopping.
            let _ = session.handle().with_session(session.id(), again);
        }
        session.pause_reading();
    }
    let served = serve(|_, session, _| again(session));
    let mut client = served.open();
    say(&mut client, &["chain"]);
    served.server().turn(Some(Duration::ZERO)).expect("the loop does not fail");
    // Some 1,050 commands, each with 64 closures in its middle; without a bound a turn takes minutes.
    assert!(CALLS.load(Ordering::Relaxed) < 100_000, "{CALLS:?}");
    served.drop_server();
}

#[test]
fn s4_closures_in_closures_keep_their_places() {
    fn nest(session: &mut Session<'_>, depth: usize) {
        let (id, handle) = (session.id(), session.handle().clone());
        session.send_text(&format!("{depth} a")).expect("the session is open");
        if depth < 10 {
            handle.with_session(id, move |session| nest(session, depth + 1)).expect("the server is running");
        }
        handle.send_text(id, format!("{depth} b")).expect("the server is running");
        session.send_text(&format!("{depth} c")).expect("the session is open");
    }
    let served = serve(|_, session, _| nest(session, 0));
    let mut client = served.open();
    say(&mut client, &["nest"]);
    (0..=10).for_each(|depth| texts(&mut client, &[&format!("{depth} a")]));
    (0..=10).rev().for_each(|depth| texts(&mut client, &[&format!("{depth} b"), &format!("{depth} c")]));
}

/// A closure may have as many commands as a room has members. The loop does them in several turns.
#[test]
fn s4_no_command_overtakes_those_that_a_closure_has_sent_before() {
    let served = serve(|members, session, text| {
        let (id, handle, watcher) = (session.id(), session.handle().clone(), members.borrow()[0]);
        let many = move |session: &mut Session<'_>| {
            for number in 0..3000 {
                session.handle().send_text(watcher, number.to_string()).expect("the server is running");
            }
        };
        match text {
            "many" => handle.with_session(id, many).expect("the server is running"),
            "publish" => _ = session.publish_to_others("none", &SharedMessage::text(text)),
            _ => handle.send_text(watcher, text).expect("the server is running"),
        }
    });
    let mut watcher = enter(&served);
    let mut client = enter(&served);
    say(&mut client, &["many", "later", "many", "publish", "later still"]);
    let mut other = enter(&served);
    let numbers: Vec<_> = (0..3000).map(|number| number.to_string()).collect();
    for after in ["later", "later still"] {
        numbers.iter().for_each(|number| texts(&mut watcher, &[number]));
        texts(&mut watcher, &[after]);
    }
    say(&mut other, &["the last"]);
    texts(&mut watcher, &["the last"]);
}

#[test]
fn s4_the_panic_of_a_closure_in_a_call_is_not_that_of_the_handler() {
    let served = serve(|_, session, text| {
        let (id, handle) = (session.id(), session.handle().clone());
        handle
            .with_session(id, |_| resume_unwind(Box::new("this is what the test is about")))
            .expect("the server is running");
        let after = session.send_text(text);
        assert!(matches!(after, Err(SendError::Transition(_))), "{after:?}");
    });
    let mut watcher = enter(&served);
    let mut client = enter(&served);
    say(&mut client, &["after"]);
    assert_eq!(client.frame(), Raw::close(1011, ""));
    client.send(Raw::close(1011, ""));
    texts(&mut watcher, &["gone"]);
}
