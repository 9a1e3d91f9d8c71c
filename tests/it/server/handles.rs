//! Commands from other threads, which wake the loop.

use crate::support::{
    Raw,
    loopback::{Client, Served, Witness},
};
use statesocket::{
    Cause, Config, Event, Message, SharedMessage,
    server::{HandleError, Server, Session},
};
use std::{sync::mpsc, thread, time::Duration};

const THREADS: usize = 4;
const MESSAGES: usize = 500;

#[test]
fn every_thread_sends_in_its_own_order() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    let (id, _) = calls.request();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let handle = served.handle.clone();
            scope.spawn(move || {
                for count in 0..MESSAGES {
                    let sent = match count % 2 {
                        0 => handle.send_text(id, format!("{thread} {count}")),
                        _ => handle.send_binary(id, format!("{thread} {count}")),
                    };
                    sent.expect("the server is running");
                }
            });
        }
        let mut next = [0; THREADS];
        for _ in 0..THREADS * MESSAGES {
            let message = client.message();
            let text = std::str::from_utf8(message.as_bytes()).expect("the message is text");
            let (thread, count) = text.split_once(' ').expect("the message has two words");
            let next = &mut next[thread.parse::<usize>().expect("a thread")];
            assert_eq!(count, next.to_string(), "out of order: {text}");
            assert_eq!(matches!(message, Message::Text(_)), *next % 2 == 0);
            *next += 1;
        }
    });
    served.handle.close(id, 4000, "enough").expect("the server is running");
    let disconnect = client.ended();
    assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str()), (4000, "enough"));
}

/// The client reads all the time, and cannot keep up with the thread.
#[test]
fn s1_a_stream_has_no_hole_even_if_it_ends_early() {
    const LEN: usize = 100_000;
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = Client::open(&served.url("/ws"));
    let (id, _) = calls.request();
    let handle = served.handle.blocking();
    for number in 0..300u32 {
        let mut bytes = vec![0; LEN];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        handle.send_binary(id, bytes).expect("the server is running");
    }
    served.handle.close(id, 1000, "all sent").expect("the server is running");
    let mut next = 0u32;
    let end = loop {
        match client.next() {
            Event::Message(message) => {
                assert_eq!(message.as_bytes()[..4], next.to_be_bytes(), "a message is missing");
                next += 1;
            }
            Event::Disconnect(end) => break end,
            other => panic!("unexpected: {other:?}"),
        }
    };
    let told = calls.end().disconnect;
    match u16::from(end.code) {
        1000 => assert_eq!((next, told.cause), (300, Cause::LocalClosed)),
        code => assert_eq!((code, told.cause), (1013, Cause::Unsent), "after {next} messages"),
    }
}

#[test]
fn s2_the_id_of_one_server_finds_nobody_on_another() {
    let [(first, calls), (second, others)] = [(); 2].map(|()| Served::witnessed(Config::default(), Witness::accept));
    let (mut client, mut stranger) = (first.open(), second.open());
    let ((id, _), (other, _)) = (calls.request(), others.request());
    assert_ne!(id, other, "both are the first sessions of their servers");
    second.handle.send_text(id, "secret").expect("the server is running");
    second.handle.close(id, 4000, "").expect("the server is running");
    second.handle.with_session(id, |_| panic!("this is another session")).expect("the server is running");
    second.handle.send_text(other, "for the stranger").expect("the server is running");
    assert_eq!(stranger.frame(), Raw::new(Raw::TEXT, "for the stranger"));
    first.handle.send_text(id, "secret").expect("the server is running");
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "secret"));
}

#[test]
fn commands_that_are_no_longer_possible_are_dropped() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let handle = &served.handle;
    handle.close(id, 4000, "").expect("the server is running");
    handle.send_text(id, "late").expect("the server is running");
    handle.close(id, 4001, "").expect("the server is running");
    assert_eq!(client.frame(), Raw::close(4000, ""));
    client.send(Raw::close(4000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn the_id_of_an_ended_connection_reaches_no_later_one() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut old_ids = Vec::new();
    for round in 0..20 {
        let mut client = Client::open(&served.url("/ws"));
        let (id, _) = calls.request();
        assert!(!old_ids.contains(&id), "{id} again");
        for old in &old_ids {
            served.handle.send_text(*old, "for someone else").expect("the server is running");
            served.handle.close(*old, 4004, "not for you").expect("the server is running");
        }
        served.handle.send_text(id, format!("round {round}")).expect("the server is running");
        assert_eq!(client.message().as_text(), Some(format!("round {round}").as_str()));
        client.ws.connection_mut().close(1000, "").expect("the connection is open");
        client.ended();
        calls.end();
        old_ids.push(id);
    }
}

#[test]
fn a_handler_has_a_handle_and_the_address_of_its_peer() {
    let (served, calls) = Served::witnessed(Config::default(), |session, request| {
        Witness::accept(session, request);
        let (handle, id) = (session.handle().clone(), session.id());
        handle.send_text(id, session.address().to_string()).expect("the server is running");
    });
    let mut client = served.open();
    let address = client.stream().local_addr().expect("a connected socket");
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, address.to_string()));
    calls.request();
}

#[test]
fn a_handle_reports_that_the_server_is_gone() {
    let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let _client = Client::open(&served.url("/ws"));
    let (id, _) = calls.request();
    served.handle.stop().expect("the server is running");
    served.wait_for_end();
    let handle = &served.handle;
    let (act, acted) = mpsc::channel();
    assert_eq!(handle.with_session(id, move |_| act.send(()).expect("the test is waiting")), Err(HandleError::Stopped));
    assert!(acted.recv().is_err(), "the command is dropped and not executed");
    assert_eq!(handle.send_text(id, ""), Err(HandleError::Stopped));
    assert_eq!(handle.send_binary(id, ""), Err(HandleError::Stopped));
    assert_eq!(handle.close(id, 1000, ""), Err(HandleError::Stopped));
    assert_eq!(handle.shutdown(1001, Duration::ZERO), Err(HandleError::Stopped));
    assert_eq!(handle.stop(), Err(HandleError::Stopped));
    assert_eq!(HandleError::Stopped.to_string(), "the server has stopped");
}

#[test]
fn a_handle_reports_that_the_loop_has_ended() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    let handle = server.handle();
    handle.stop().expect("the server is running");
    server.run().expect("the loop does not fail");
    assert!(server.is_stopped());
    assert_eq!(handle.stop(), Err(HandleError::Stopped));
    assert_eq!(server.handle().shutdown(1001, Duration::ZERO), Err(HandleError::Stopped));
}

#[test]
fn s17_commands_wait_up_to_the_limit_and_a_blocking_handle_waits_with_them() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let (busy, is_busy) = mpsc::channel();
    let (free, is_free) = mpsc::channel::<()>();
    let handle = &served.handle;
    let block = move |_: &mut Session<'_>| {
        busy.send(()).expect("the test is waiting");
        is_free.recv().expect("the test goes on");
    };
    handle.with_session(id, block).expect("the server is running");
    is_busy.recv().expect("the loop executes the command");

    // A quarter of the limit, without what a command counts itself.
    let large = SharedMessage::binary(&[7; 8 << 20]);
    let sent = [(); 4].map(|()| handle.broadcast([], large.clone()));
    assert_eq!(sent, [Ok(()), Ok(()), Ok(()), Err(HandleError::Full)]);
    assert_eq!((handle.send_text(id, "first"), handle.queued_commands()), (Ok(()), 4));
    assert_eq!(HandleError::Full.to_string(), "too many commands wait for the server");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let handle = handle.blocking();
            handle.broadcast([], large.clone()).and_then(|()| handle.send_text(id, "last"))
        });
        free.send(()).expect("the loop is waiting");
        assert_eq!(waiting.join().expect("the thread does not panic"), Ok(()));
    });
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "first"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "last"));
}
