//! Deadlines, which are short here. Nothing says how early they are kept, only that they are.

use crate::support::{
    Raw,
    loopback::{RawClient, Served, Witness},
    request_head,
};
use statesocket::{Cause, Config, Timer};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(200);

/// Only `timeout` is short, and the others never run out.
fn config(timeout: Timer) -> Config {
    let mut config = Config::default();
    let only = |timer| (timer == timeout).then_some(SHORT);
    config.opening_timeout = only(Timer::Opening);
    config.closing_timeout = only(Timer::Closing);
    config.linger_timeout = only(Timer::Linger);
    config
}

#[test]
fn a_client_that_never_asks_is_left() {
    let served = Served::echo(config(Timer::Opening));
    let mut silent = RawClient::dial(served.address);
    let mut slow = RawClient::dial(served.address);
    slow.write(&request_head("/ws", &[])[..50]);
    assert_eq!(silent.rest().expect("the server ends in order"), b"");
    let answer = slow.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_slow_trickle_does_not_put_the_deadline_off() {
    let served = Served::echo(config(Timer::Opening));
    let mut client = RawClient::dial(served.address);
    client.stream().set_read_timeout(Some(Duration::from_millis(20))).expect("a socket has time-outs");
    client.write(b"GET /ws HTTP/1.1\r\nX: ");
    let trickle = (0..1000).find(|_| {
        let has_answer = client.stream().peek(&mut [0]).is_ok();
        if !has_answer {
            client.write(b"x");
        }
        has_answer
    });
    assert!(trickle.is_some(), "the server goes on listening");
    client.stream().set_read_timeout(Some(crate::support::loopback::PATIENCE)).expect("a socket has time-outs");
    assert!(client.head().starts_with("HTTP/1.1 408 "));
}

#[test]
fn an_application_that_thinks_is_not_hurried() {
    let (served, calls) = Served::witnessed(config(Timer::Opening), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    // This one runs out later than that of the first would.
    assert_eq!(RawClient::dial(served.address).rest().expect("the server ends in order"), b"");
    served.handle.with_peer(id, |peer| peer.accept(Default::default()).expect("it waits")).expect("the loop runs");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    client.echo("Hello");
}

#[test]
fn a_close_that_is_not_answered() {
    let (served, calls) = Served::witnessed(config(Timer::Closing), Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the loop runs");
    let end = calls.end().disconnect;
    assert_eq!((end.cause, u16::from(end.code)), (Cause::TimedOut(Timer::Closing), 1006));
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends in order"), b"");
}
