//! Calls over all sessions.

use crate::support::{
    Calls, Raw, Witness,
    loopback::LONG,
    memory::{Guest, RawClient, Served, server},
    request_head,
};
use statesocket::{
    Config, Disconnect, Message, Phase,
    handshake::{Accept, Request},
    server::{HandleError, Handler, Session, SessionId},
};
use std::{panic::resume_unwind, sync::mpsc};

/// Accepts unless the query says that the request shall wait.
fn answer(session: &mut Session<'_>, request: &Request) {
    if request.raw_query() != Some("wait") {
        Witness::accept(session, request);
    }
}

/// Open clients with the ids of their sessions, in the order of the ids.
fn open_all<const N: usize>(served: &Served, calls: &Calls) -> ([RawClient; N], [SessionId; N]) {
    let mut ids = Vec::new();
    let clients = [(); N].map(|()| {
        let client = served.open();
        ids.push(calls.request().0);
        client
    });
    (clients, ids.try_into().expect("an id for each client"))
}

#[test]
fn s15_for_each_calls_every_session_that_has_a_handler_the_oldest_first() {
    let (served, calls) = Served::witnessed(Config::default(), answer);
    let mut silent = RawClient::dial(&served);
    let mut begun = RawClient::dial(&served);
    begun.write(&request_head("/ws", &[])[..30]);
    let mut nowhere = RawClient::dial(&served);
    nowhere.write(&request_head("/nowhere", &[]));
    assert!(nowhere.head().starts_with("HTTP/1.1 404 "));
    let mut waiting = RawClient::dial(&served);
    waiting.write(&request_head("/ws?wait", &[]));
    let (first, _) = calls.request();
    let ([mut left, mut open, mut closed], [_, second, third]) = open_all(&served, &calls);
    left.send(Raw::close(1000, ""));
    left.assert_closed(1000);
    calls.end();
    served.handle.close(third, 4000, "").expect("the server is running");
    assert_eq!(closed.frame(), Raw::close(4000, ""));

    let (sender, phases) = mpsc::channel();
    let act = move |session: &mut Session<'_>| {
        sender.send((session.id(), session.phase())).expect("the test is waiting");
        match session.phase() {
            Phase::Requested => session.accept(Accept::new()).expect("a request waits"),
            _ => assert_eq!(session.send_text(&session.id().to_string()).is_ok(), session.phase() == Phase::Open),
        }
    };
    served.elsewhere(|handle| handle.for_each(act)).expect("the server is running");
    let called = [(first, Phase::Requested), (second, Phase::Open), (third, Phase::ApplicationClosed)];
    served.settle();
    assert_eq!([(); 3].map(|()| phases.recv().expect("a session")), called);
    assert!(phases.recv().is_err(), "the closure is dropped");
    assert!(waiting.head().starts_with("HTTP/1.1 101 "));
    waiting.echo("accepted");
    assert_eq!(open.frame(), Raw::new(Raw::TEXT, second.to_string()));
    served.handle.stop().expect("the server is running");
    assert_eq!(silent.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn s15_for_each_calls_the_oldest_first_also_where_places_are_reused() {
    let (served, calls) = Served::witnessed(Config::default(), answer);
    let ([left, _second], [_, second]) = open_all(&served, &calls);
    drop(left);
    calls.end();
    let ([_third], [third]) = open_all(&served, &calls);
    let (sender, called) = mpsc::channel();
    let act = move |session: &mut Session<'_>| sender.send(session.id()).expect("the test is waiting");
    served.elsewhere(|handle| handle.for_each(act)).expect("the server is running");
    served.settle();
    assert_eq!(called.iter().collect::<Vec<_>>(), [second, third]);
}

#[test]
fn s15_a_closure_that_panics_ends_that_session_and_goes_on_with_the_others() {
    let (served, calls) = Served::witnessed(Config::default(), answer);
    let (mut clients, [_, second, _]) = open_all::<3>(&served, &calls);
    let act = move |session: &mut Session<'_>| {
        if session.id() == second {
            resume_unwind(Box::new("this is what the test is about"));
        }
        session.send_text("called").expect("the session is open");
    };
    served.elsewhere(|handle| handle.for_each(act)).expect("the server is running");
    assert_eq!(clients[1].frame(), Raw::close(1011, ""));
    for client in [0, 2] {
        assert_eq!(clients[client].frame(), Raw::new(Raw::TEXT, "called"));
        clients[client].echo("still here");
    }
}

#[test]
fn s15_for_each_leaves_out_whom_it_has_ended_on_the_way() {
    let (served, calls) = Served::witnessed(Config::default(), answer);
    let (mut clients, [first, second, third]) = open_all::<3>(&served, &calls);
    let (sender, called) = mpsc::channel();
    let act = move |session: &mut Session<'_>| {
        sender.send(session.id()).expect("the test is waiting");
        if session.id() == first {
            session.handle().with_session(second, |other| other.abort()).expect("the server is running");
        }
    };
    served.elsewhere(|handle| handle.for_each(act)).expect("the server is running");
    served.settle();
    assert_eq!(called.iter().collect::<Vec<_>>(), [first, third]);
    assert_eq!(clients[1].rest().expect("the server ends the stream cleanly"), b"");
}

/// Has a closure called with all sessions, between two messages of its own.
struct Herald;

impl Handler for Herald {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let text = message.as_text().expect("text").to_owned();
        let say = move |number: u8| {
            let text = text.clone();
            move |session: &mut Session<'_>| {
                let _ = session.send_text(&format!("{text} {number}"));
            }
        };
        session.handle().for_each(say(1)).expect("the server is running");
        say(2)(session);
        session.handle().for_each(say(3)).expect("the server is running");
        say(4)(session);
        if message.as_text() == Some("last") {
            session.close(4001, "").expect("the session is open");
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        let id = session.id();
        let act = move |session: &mut Session<'_>| {
            assert_ne!(session.id(), id, "it has ended");
            let _ = session.send_text("gone");
        };
        session.handle().for_each(act).expect("the server is running");
        assert!(session.send_text("too late").is_err());
    }
}

#[test]
fn s4_s15_for_each_keeps_its_place_among_what_a_handler_sends() {
    let served = Served::start(Config::default(), |server| server.route("/ws", || Herald).expect("the route is new"));
    let [mut herald, mut other] = [(); 2].map(|()| served.open());
    let bytes = ["first", "last"].map(|text| Raw::new(Raw::TEXT, text).masked().bytes());
    herald.write(&bytes.concat());
    for text in ["first", "last"] {
        for number in 1..5 {
            assert_eq!(herald.frame(), Raw::new(Raw::TEXT, format!("{text} {number}")));
        }
        for number in [1, 3] {
            assert_eq!(other.frame(), Raw::new(Raw::TEXT, format!("{text} {number}")));
        }
    }
    assert_eq!(herald.frame(), Raw::close(4001, ""));
    herald.send(Raw::close(4001, ""));
    assert_eq!(other.frame(), Raw::new(Raw::TEXT, "gone"));
}

#[test]
fn s15_a_loop_of_ones_own_calls_all_sessions_between_two_turns() {
    let mut server = server(Config::default());
    let _clients = [(); 3].map(|()| Guest::open(&mut server));
    let mut names = Vec::new();
    // Neither `Send` nor `'static`.
    server.for_each(|session| {
        names.push(session.id());
        session.join("all").expect("the session is open");
        if names.len() == 2 {
            resume_unwind(Box::new("this is what the test is about"));
        }
    });
    assert!(names.is_sorted() && names.len() == 3, "{names:?}");
    let mut members = 0;
    server.for_each(|session| members = session.members("all"));
    assert_eq!(members, 3, "the one that has panicked has not ended yet");

    server.handle().shutdown(1001, LONG).expect("the server is running");
    server.for_each(|session| session.abort());
    assert_eq!((server.connections(), server.is_stopped()), (0, true), "no turn has to find out");
    assert_eq!(server.handle().for_each(|_| {}), Err(HandleError::Stopped));
}

#[test]
fn s15_for_each_of_an_empty_server_calls_nobody_and_does_not_end_it() {
    let mut server = server(Config::default());
    server.for_each(|_| panic!("there is no session"));
    server.handle().for_each(|_| panic!("there is no session")).expect("the server is running");
    server.settle();
    assert_eq!((server.handle().queued_commands(), server.is_stopped()), (0, false));
}
