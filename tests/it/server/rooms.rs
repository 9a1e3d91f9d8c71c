//! Rooms: members, messages, and their order.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
};
use statesocket::{
    Config, Disconnect, Message, Phase, SharedMessage,
    handshake::{Accept, Request},
    server::{Handler, Session},
};
use std::panic::resume_unwind;

/// A member of the room of its path. A text is a command: see `on_message`.
struct Member {
    room: String,
}

fn news(text: &str) -> SharedMessage {
    SharedMessage::text(text)
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        self.room = session.param("room").expect("the route has it").to_owned();
        assert_eq!(session.join(&self.room).map_err(|error| error.phase), Err(Phase::Requested));
        session.accept(Accept::new()).expect("a request waits");
        assert_eq!((session.join(&self.room), session.join(&self.room)), (Ok(true), Ok(false)));
        assert_eq!(session.rooms().collect::<Vec<_>>(), [&self.room]);
        assert!(session.member_ids(&self.room).any(|id| id == session.id()));
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let room = &self.room;
        let (command, argument) = message.as_text().and_then(|text| text.split_once(' ')).expect("a command");
        match command {
            "all" => assert_eq!(session.publish(room, &news(argument)), session.members(room)),
            "others" => assert_eq!(session.publish_to_others(room, &news(argument)), session.members(room) - 1),
            "count" => session.send_text(&session.members(argument).to_string()).expect("the session is open"),
            "leave" => {
                session.publish(room, &news(argument));
                assert_eq!((session.leave(room), session.leave(room)), (true, false));
                assert_eq!((session.rooms().count(), session.publish_to_others(room, &news("I left"))), (0, 1));
            }
            "mix" => {
                let (id, handle) = (session.id(), session.handle().clone());
                session.publish(room, &news("1"));
                session.send_text("2").expect("the session is open");
                handle.publish(room, news("3")).expect("the server is running");
                handle.send_text(id, "4").expect("the server is running");
                session.publish(room, &news("5"));
                session.publish_to_others(room, &news("6"));
                session.send_text("7").expect("the session is open");
                session.publish(room, &news("8"));
                session.close(4001, "").expect("the session is open");
                session.publish(room, &news("9"));
            }
            "number" => {
                let handle = session.handle().clone();
                handle.publish(room, news("1")).expect("the server is running");
                assert_eq!((session.publish(room, &news("2")), session.publish_to_others(room, &news("3"))), (2, 1));
                assert!(session.leave(room));
                handle.publish(room, news("4")).expect("the server is running");
                assert_eq!(session.publish_to_others(room, &news("5")), 1);
                session.send_text("done").expect("the session is open");
            }
            "abort" => session.abort(),
            "fail" => session.fail(4001, "").expect("the session is open"),
            "panic" => resume_unwind(Box::new("this is what the test is about")),
            other => panic!("unknown: {other}"),
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, end: &Disconnect) {
        assert!(session.member_ids(&self.room).all(|id| id != session.id()), "it has left already");
        let error = session.join(&self.room).expect_err("the session has ended");
        assert_eq!(error.to_string(), "only an open session joins a room; the phase is Closed");
        session.publish(&self.room, &news(&format!("left with {}", u16::from(end.code))));
    }
}

fn serve() -> Served {
    Served::start(Config::default(), |server| {
        server.route("/{room}", || Member { room: String::new() }).expect("the route is new");
    })
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
fn s15_a_room_reaches_its_members_and_nobody_else() {
    let served = serve();
    let [mut anna, mut ben] = ["/red"; 2].map(|room| RawClient::open(&served, room));
    let mut carl = RawClient::open(&served, "/blue");
    say(&mut anna, &["count red", "count blue", "count green"]);
    texts(&mut anna, &["2", "1", "0"]);
    say(&mut anna, &["all one", "others two", "all three"]);
    texts(&mut anna, &["one", "three"]);
    texts(&mut ben, &["one", "two", "three"]);
    served.elsewhere(|handle| handle.publish("red", news("from a thread"))).expect("the server is running");
    served.elsewhere(|handle| handle.publish("nowhere", news("to nobody"))).expect("the server is running");
    served.elsewhere(|handle| handle.publish("blue", news("blue"))).expect("the server is running");
    texts(&mut anna, &["from a thread"]);
    texts(&mut ben, &["from a thread"]);
    texts(&mut carl, &["blue"]);
    say(&mut ben, &["leave bye", "count red"]);
    texts(&mut ben, &["bye", "1"]);
    texts(&mut anna, &["bye", "I left"]);
}

#[test]
fn s15_the_number_of_members_is_told_while_commands_wait() {
    let served = serve();
    let [mut watcher, mut client] = ["/red"; 2].map(|room| RawClient::open(&served, room));
    say(&mut client, &["number of members"]);
    texts(&mut client, &["1", "2", "done"]);
    texts(&mut watcher, &["1", "2", "3", "4", "5"]);
    assert_eq!(served.tally().messages_sent, 8);
}

#[test]
fn s15_what_is_published_keeps_its_place_among_all_commands() {
    let served = serve();
    let [mut watcher, mut client] = ["/red"; 2].map(|room| RawClient::open(&served, room));
    say(&mut client, &["all 0", "mix it"]);
    texts(&mut client, &["0", "1", "2", "3", "4", "5", "7", "8"]);
    assert_eq!(client.frame(), Raw::close(4001, ""));
    texts(&mut watcher, &["0", "1", "3", "5", "6", "8", "9"]);
    assert_eq!(served.tally().unsent, 0, "a session that has closed misses nothing");
    client.send(Raw::close(4001, ""));
    texts(&mut watcher, &["left with 4001"]);
}

#[test]
fn s15_what_is_published_comes_before_the_answer_to_a_close() {
    let served = serve();
    let [mut watcher, mut client] = ["/red"; 2].map(|room| RawClient::open(&served, room));
    let says = Raw::new(Raw::TEXT, "all last words").masked().bytes();
    client.write(&[says, Raw::close(1000, "").masked().bytes()].concat());
    texts(&mut client, &["last words"]);
    assert_eq!(client.frame(), Raw::close(1000, ""));
    texts(&mut watcher, &["last words", "left with 1000"]);
}

#[test]
fn s15_whoever_ends_has_left_whatever_ends_it() {
    let served = serve();
    let mut watcher = RawClient::open(&served, "/red");
    for (how, code) in [("abort", "1006"), ("fail", "1006"), ("panic", "1011"), ("reset", "1006"), ("close", "1000")] {
        let mut client = RawClient::open(&served, "/red");
        match how {
            "reset" => client.stream_mut().reset(),
            "close" => client.send(Raw::close(1000, "")),
            "abort" => say(&mut client, &["abort now"]),
            _ => {
                say(&mut client, &[&format!("{how} now")]);
                let close = client.frame();
                client.send(close);
            }
        }
        texts(&mut watcher, &[&format!("left with {code}")]);
        say(&mut watcher, &["count red"]);
        texts(&mut watcher, &["1"]);
    }
}

/// A stream has no holes, and nobody waits for the one that does not read.
#[test]
fn s15_a_member_that_does_not_read_is_closed_and_delays_nobody() {
    let served = serve();
    let [mut watcher, mut slow] = ["/red"; 2].map(|room| RawClient::open(&served, room));
    let text = format!("all {}", "x".repeat(256 << 10));
    let frame = Raw::new(Raw::TEXT, &text[4..]);
    // The pipes hold 64 KiB, and the output 4 MiB.
    let mut rounds = 0;
    let notice = loop {
        say(&mut watcher, &[&text]);
        let received = watcher.frame();
        if received != frame {
            break received;
        }
        rounds += 1;
        assert!(rounds < 100, "the slow member is never closed");
    };
    assert_eq!(notice, Raw::new(Raw::TEXT, "left with 1006"));
    let mut count = 0;
    let close = loop {
        let received = slow.frame();
        if received != frame {
            break received;
        }
        count += 1;
    };
    assert_eq!((&close.payload[..2], count), (&1013u16.to_be_bytes()[..], rounds - 1));
}
