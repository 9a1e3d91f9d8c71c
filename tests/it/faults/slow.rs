//! Slowloris: one byte at a time.

use crate::support::{
    Raw,
    loopback::{Calls, Neighbours, RawClient, Served, Witness},
};
use statesocket::{Cause, CauseKind, Config, Timer};
use std::{io::ErrorKind, thread, time::Duration};

const TIMEOUT: Duration = Duration::from_millis(400);

/// Ten of these are longer than [`TIMEOUT`].
const PAUSE: Duration = Duration::from_millis(50);

const CROWD: usize = 20;

fn serve() -> (Served, Calls, Neighbours) {
    let mut config = Config::default();
    config.opening_timeout = Some(TIMEOUT);
    config.message_timeout = Some(TIMEOUT);
    let (served, calls) = Served::witnessed(config, Witness::accept);
    let neighbours = Neighbours::start(&served.url("/ws"));
    (served, calls, neighbours)
}

fn is_answered(client: &RawClient) -> bool {
    client.stream().set_nonblocking(true).expect("the socket is open");
    let peeked = client.stream().peek(&mut [0]);
    client.stream().set_nonblocking(false).expect("the socket is open");
    !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Each client writes `bytes`, one at a time, then the last one over and over until it gets an answer.
#[track_caller]
fn trickle(clients: &mut [RawClient], bytes: &[u8]) {
    for n in 0..1000 {
        let byte = bytes[n.min(bytes.len() - 1)];
        let mut waiting = clients.iter_mut().filter(|client| !is_answered(client)).peekable();
        if waiting.peek().is_none() {
            return;
        }
        waiting.for_each(|client| client.write(&[byte]));
        thread::sleep(PAUSE);
    }
    panic!("the server does not give up");
}

#[test]
fn a_request_byte_by_byte_is_answered_with_408() {
    let (served, _calls, neighbours) = serve();
    let mut clients: Vec<_> = (0..CROWD).map(|_| RawClient::dial(served.address)).collect();
    trickle(&mut clients, b"GET /ws HTTP/1.1\r\nHost: h\r\nX: x");
    for client in &mut clients {
        let answer = client.rest_as_text();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    neighbours.end();
    assert_eq!(served.stop().ended(CauseKind::TimedOut), CROWD as u64);
}

/// Checks that open clients which send `bytes` slowly are closed with 1008.
fn assert_too_slow(bytes: &[u8]) {
    let (served, calls, neighbours) = serve();
    let mut clients: Vec<_> = (0..CROWD).map(|_| served.open()).collect();
    trickle(&mut clients, bytes);
    for client in &mut clients {
        assert_eq!(client.frame(), Raw::close(1008, "message too slow"));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        assert_eq!(calls.end_after_all().disconnect.cause, Cause::TimedOut(Timer::Message));
    }
    neighbours.end();
    assert_eq!(served.stop().ended(CauseKind::TimedOut), CROWD as u64);
}

#[test]
fn a_header_byte_by_byte_is_closed_with_1008() {
    assert_too_slow(&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 0]);
}

#[test]
fn a_payload_byte_by_byte_is_closed_with_1008() {
    assert_too_slow(&Raw::new(Raw::BINARY, [b'x'; 100]).masked().bytes()[..7]);
}

#[test]
fn fragments_one_by_one_are_closed_with_1008() {
    let fragment = Raw::new(Raw::CONTINUATION, "").more().masked().bytes();
    let first = Raw::new(Raw::TEXT, "").more().masked().bytes();
    assert_too_slow(&[first, fragment.repeat(100)].concat());
}
