//! Requests that no honest client sends.

use crate::support::{config, drain, feed, handshake::refusal, request_head};
use statesocket::{Cause, Config, Connection, Event, HandshakeError, Timer};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// tungstenite accepted a head of any size, and parsed it again with every byte. `tests/alloc` counts that it is parsed
/// once.
#[test]
fn rustsec_2023_0065_cve_2023_43669_a_slow_head_ends_at_the_limit() {
    let limit = Config::default().max_head_bytes;
    let head = request_head("/", &[("X", &"x".repeat(limit))]);
    let mut server = Connection::server(Arc::new(Config::default()), Instant::now());
    for byte in &head[..limit] {
        assert_eq!(feed(&mut server, &[*byte]), []);
    }
    let events = feed(&mut server, &head[limit..=limit]);
    let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(end.cause, Cause::Handshake(HandshakeError::HeadTooLarge { limit }));
    assert!(drain(&mut server).starts_with(b"HTTP/1.1 431 "));
}

/// npm ws crashed when there were more headers than it had asked Node to accept.
#[test]
fn cve_2024_37890_many_headers_are_refused() {
    for count in [101, 124, 125, 126, 1000, 10_000] {
        let more: String = (5..count).map(|n| format!("X{n}:\r\n")).collect();
        let head = request_head("/", &[]);
        let head = [&head[..head.len() - 2], more.as_bytes(), b"\r\n"].concat();
        let (error, answer) = refusal(config(|config| config.max_head_bytes = 1 << 20), &head);
        assert_eq!(error, HandshakeError::TooManyHeaders { limit: 100 }, "{count}");
        assert!(answer.starts_with("HTTP/1.1 431 "), "{count}");
    }
}

/// Netty opened a WebSocket for requests that did not ask for one.
#[test]
fn cve_2026_59898_every_header_of_the_handshake_is_required() {
    for name in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        for value in ["", "a b", "/"] {
            let (error, answer) = refusal(Config::default(), &request_head("/", &[(name, value)]));
            assert!(answer.starts_with("HTTP/1.1 4"), "{name}: {value:?}: {error}: {answer}");
        }
    }
    for twice in ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let (name, value) = (format!("+{twice}"), "13");
        let (error, answer) = refusal(Config::default(), &request_head("/", &[(&name, value)]));
        assert!(answer.starts_with("HTTP/1.1 4"), "{twice}: {error}: {answer}");
    }
}

/// A client that sends a little from time to time does not move its deadline.
#[test]
fn slowloris_the_deadline_counts_from_the_start() {
    let begin = Instant::now();
    let mut server = Connection::server(Arc::new(Config::default()), begin);
    for second in 0..10 {
        let now = begin + Duration::from_secs(second);
        server.handle_timeout(now);
        assert_eq!(server.receive(&mut &mut [b'x'][..], now), None, "after {second} s");
    }
    server.handle_timeout(begin + Duration::from_secs(10));
    let Some(Event::Disconnect(end)) = server.poll_event() else { panic!("time is up") };
    assert_eq!(end.cause, Cause::TimedOut(Timer::Opening));
    assert!(drain(&mut server).starts_with(b"HTTP/1.1 408 "));
}
