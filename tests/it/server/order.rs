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
    any::Any,
    cell::RefCell,
    panic::resume_unwind,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// What the handlers of a server share.
type Members = Rc<RefCell<Vec<SessionId>>>;

/// A message that may be lost. A handler that loses it ends the fragmented message that is in its way.
const LOST: &str = "may be lost";

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

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        let text = event.downcast::<&str>().expect("the tests send these");
        session.handle().send_text(session.id(), format!("{text}, by the handle")).expect("the server is running");
        session.send_text(&text).expect("the session is open");
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        if message.as_text() == Some(LOST) {
            session.continue_text("lost", true).expect("it is in the way");
            return Unsent::Drop;
        }
        if message.len() > 5 << 20 { Unsent::Drop } else { Unsent::Close }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        session.publish("left", &SharedMessage::text("left"));
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
fn s4_a_close_by_the_handle_comes_before_a_later_message() {
    let served = serve(|_, session, text| {
        session.handle().close(session.id(), 4001, text).expect("the server is running");
        assert!(matches!(session.send_text("late"), Err(SendError::Transition(_))));
    });
    let mut client = served.open();
    client.send(Raw::new(Raw::TEXT, "bye"));
    assert_eq!(client.frame(), Raw::close(4001, "bye"));
}

#[test]
fn s4_every_method_that_sends_comes_after_what_the_handle_has_sent() {
    let served = serve(|_, session, text| {
        session.handle().send_text(session.id(), "first").expect("the server is running");
        match text {
            "send" => session.send("second"),
            "send_text" => session.send_text("second"),
            "send_binary" => session.send_binary(b"second"),
            "send_shared" => session.send_shared(&SharedMessage::text("second")),
            "begin_text" => session.begin_text("second"),
            "begin_binary" => session.begin_binary(b"second"),
            "ping" => return session.ping(b"second").expect("the session is open"),
            _ => return session.pong(b"second").expect("the session is open"),
        }
        .expect("the session is open");
    });
    for (method, first) in [
        ("send", 0x80 | Raw::TEXT),
        ("send_text", 0x80 | Raw::TEXT),
        ("send_binary", 0x80 | Raw::BINARY),
        ("send_shared", 0x80 | Raw::TEXT),
        ("begin_text", Raw::TEXT),
        ("begin_binary", Raw::BINARY),
        ("ping", 0x80 | Raw::PING),
        ("pong", 0x80 | Raw::PONG),
    ] {
        let mut client = served.open();
        say(&mut client, &[method]);
        texts(&mut client, &["first"]);
        let second = client.frame();
        assert_eq!((second.first, &*second.payload), (first, &b"second"[..]), "{method}");
    }
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

#[test]
fn s15_what_a_command_causes_comes_at_its_place() {
    let served = serve(|_, session, _| {
        let (id, handle) = (session.id(), session.handle().clone());
        let send = |text: &str| handle.send_text(id, text).expect("the server is running");
        handle.notify(id, "event").expect("the server is running");
        send("1");
        let begin = |session: &mut Session<'_>| session.begin_text("begun, and ").expect("the session is open");
        handle.with_session(id, begin).expect("the server is running");
        send(LOST);
        send("2");
        let each = |session: &mut Session<'_>| {
            session.handle().send_text(session.id(), "each, by the handle").expect("the server is running");
            session.send_text("each").expect("the session is open");
        };
        handle.for_each(each).expect("the server is running");
        send("3");
    });
    let mut client = served.open();
    say(&mut client, &["go"]);
    texts(&mut client, &["event, by the handle", "event", "1"]);
    let [begun, lost] = [(); 2].map(|()| String::from_utf8(client.frame().payload).expect("text"));
    assert_eq!(begun + &lost, "begun, and lost");
    texts(&mut client, &["2", "each, by the handle", "each", "3"]);
}

#[test]
fn s15_a_message_is_published_to_the_members_of_its_place() {
    let served = serve(|members, session, text| {
        let (other, handle) = (members.borrow()[0], session.handle().clone());
        if text == "join" {
            handle.with_session(other, |other| _ = other.join("room")).expect("the server is running");
        } else {
            handle.with_session(other, |other| _ = other.leave("room")).expect("the server is running");
        }
        let members = session.members("room");
        assert_eq!(session.publish("room", &SharedMessage::text(text)), members);
        handle.send_text(other, format!("after {text}")).expect("the server is running");
    });
    let mut other = enter(&served);
    let mut client = served.open();
    say(&mut client, &["join", "leave", "join"]);
    texts(&mut other, &["join", "after join", "after leave", "join", "after join"]);
}

/// The loop does so many commands in several turns. The end of the session comes before they are done.
#[test]
fn s15_no_published_message_overtakes_commands_that_wait_for_the_next_turn() {
    let served = serve(|members, session, text| match text {
        "watch" => _ = session.join("left").expect("the session is open"),
        _ => {
            let watcher = members.borrow()[0];
            let many = move |session: &mut Session<'_>| {
                for number in 0..3000 {
                    session.handle().send_text(session.id(), number.to_string()).expect("the server is running");
                }
            };
            session.handle().with_session(watcher, many).expect("the server is running");
            session.abort();
        }
    });
    let mut watcher = enter(&served);
    say(&mut watcher, &["watch"]);
    let mut client = served.open();
    say(&mut client, &["many"]);
    (0..3000).for_each(|number| texts(&mut watcher, &[&number.to_string()]));
    // Both are sent by the handler at its end.
    texts(&mut watcher, &["left", "gone"]);
}
