//! Peers whose process is killed or stopped.

#![cfg(unix)]

use crate::support::{
    loopback::{Neighbours, Served, Witness, stops::LOST},
    process::Process,
};
use statesocket::{Cause, CloseCode, Config, Timer};
use std::time::Duration;

/// A client in a process of its own that has got its echo.
fn client(url: &str) -> Process {
    Process::start("client", &[url]).greeted()
}

#[test]
fn a_killed_peer_is_gone_at_once() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let client = client(&served.url("/ws"));
    let neighbours = Neighbours::start(&served.url("/ws"));
    client.signal("KILL");
    let end = calls.end_after_all().disconnect;
    assert_eq!((end.code, end.cause.kind(), end.is_clean), (LOST.0, LOST.1, false));
    neighbours.end();
}

/// The kernel of a stopped peer goes on acknowledging segments: only the missing Pong shows it.
#[test]
fn a_stopped_peer_is_found_by_the_keepalive() {
    let mut config = Config::default();
    config.ping_interval = Some(Duration::from_millis(200));
    // The neighbours answer within this time, even on a busy machine.
    config.pong_timeout = Some(Duration::from_secs(3));
    let (served, calls) = Served::witnessed(config, Witness::accept);
    let client = client(&served.url("/ws"));
    let neighbours = Neighbours::start(&served.url("/ws"));
    client.signal("STOP");
    let end = calls.end_after_all().disconnect;
    assert_eq!((end.code, end.cause), (CloseCode::ABNORMAL_CLOSURE, Cause::TimedOut(Timer::Pong)));
    assert_eq!(end.sent.map(|close| close.code), Some(CloseCode::INTERNAL_ERROR));
    neighbours.end();
}
