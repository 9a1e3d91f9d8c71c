//! Another configuration for a request that waits for its answer (row S9).

use crate::support::{
    Raw, config, drain, established, feed,
    handshake::{asking, assert_over, server},
    pending, request_head, requested_server,
};
use statesocket::{
    Cause, CloseReply, Config, Connection, Delivery, Event, HandshakeError, Hold, Phase, ProtocolError, Role,
    SendError, SetConfigError, Timer,
    handshake::{Accept, Response},
    http::StatusCode,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A server that has a request and `early` bytes behind it, under `before`, and then gets `after`.
fn reconfigured(before: Config, early: &[u8], after: Config) -> Connection {
    let mut server = requested_server(before);
    assert_eq!(feed(&mut server, early), []);
    server.set_config(Arc::new(after.clone())).expect("a request waits");
    assert_eq!(server.config(), &after);
    server
}

fn masked(frame: Raw) -> Vec<u8> {
    frame.masked().bytes()
}

/// The events of `frames` that come before the answer, and the same behind it.
fn heard(before: Config, frames: &[u8], after: Config) -> [Vec<Event<'static>>; 2] {
    let mut early = reconfigured(before.clone(), frames, after.clone());
    early.accept(Accept::new()).expect("a request waits");
    let mut late = reconfigured(before, b"", after);
    late.accept(Accept::new()).expect("a request waits");
    [pending(&mut early), feed(&mut late, frames)]
}

#[test]
fn s9_frames_are_read_by_the_new_limits_also_those_from_before() {
    let (narrow, wide) = (config(|config| config.max_message_bytes = 10), Config::default());
    let text = masked(Raw::new(Raw::TEXT, "twelve bytes"));
    for events in heard(narrow.clone(), &text, wide.clone()) {
        assert_eq!(events, [Event::Message("twelve bytes".into())]);
    }
    let fragments = [masked(Raw::new(Raw::TEXT, "a").more()), masked(Raw::new(Raw::CONTINUATION, "b"))].concat();
    let frame = config(|config| config.max_frame_bytes = 11);
    let one = config(|config| config.max_fragments = 1);
    for (after, frames, error) in [
        (narrow, &text, ProtocolError::MessageTooLarge { size: 12, limit: 10 }),
        (frame, &text, ProtocolError::FrameTooLarge { size: 12, limit: 11 }),
        (one, &fragments, ProtocolError::TooManyFragments { limit: 1 }),
    ] {
        for events in heard(wide.clone(), frames, after) {
            let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(end.cause, Cause::Protocol(error));
        }
    }
}

#[test]
fn s9_delivery_and_close_reply_are_those_of_the_new_configuration() {
    let after = config(|config| (config.delivery, config.close_reply) = (Delivery::Chunks, CloseReply::Manual));
    let frames = [masked(Raw::new(Raw::TEXT, "part")), masked(Raw::close(1000, ""))].concat();
    for events in heard(Config::default(), &frames, after.clone()) {
        let [Event::Chunk { is_last: true, .. }, Event::Disconnect(end)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!((end.cause.clone(), end.sent.clone()), (Cause::PeerClosed, None));
    }
    for events in heard(after, &frames, Config::default()) {
        let [Event::Message(_), Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
        assert!(end.is_clean);
    }
}

#[test]
fn s9_the_bytes_before_the_answer_count_against_the_new_limit() {
    let of = |limit| config(|config| config.max_early_bytes = limit);
    // Those that have come.
    let mut server = reconfigured(of(100), &[0; 50], of(50));
    assert_eq!((server.phase(), pending(&mut server)), (Phase::Requested, vec![]));
    // Those that still come.
    let events = feed(&mut server, &[0]);
    let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(end.cause, Cause::Handshake(HandshakeError::TooMuchEarlyData { limit: 50 }));

    for (before, after) in [(100, 49), (100, 0), (1 << 20, 10)] {
        let mut server = reconfigured(of(before), &[0; 50], of(after));
        assert_eq!(server.phase(), Phase::Closed, "{after}");
        let events = pending(&mut server);
        let [Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(end.cause, Cause::Handshake(HandshakeError::TooMuchEarlyData { limit: after }));
        assert!(drain(&mut server).starts_with(b"HTTP/1.1 400 "));
        assert_over(&mut server, &after);
    }
    let mut wider = reconfigured(of(50), &[0x81; 50], of(100));
    assert_eq!(feed(&mut wider, &[0; 50]), []);
}

/// A pause before the answer has the connection look at the marks of the output, and keep what it has found.
#[test]
fn s9_the_output_obeys_the_new_marks_also_after_a_pause() {
    let after = config(|config| (config.max_output_bytes, config.high_water, config.low_water) = (400, Some(160), 150));
    let now = Instant::now();
    for is_paused in [false, true] {
        let mut server = requested_server(Config::default());
        if is_paused {
            server.pause_reading();
            let mut early = masked(Raw::new(Raw::PING, "held"));
            let mut input = early.as_mut_slice();
            assert_eq!((server.receive(&mut input, now), input.len()), (None, 10));
            assert!(server.poll_timeout(now).is_some());
        }
        server.set_config(Arc::new(after.clone())).expect("a request waits");
        server.resume_reading();
        server.accept(Accept::new()).expect("a request waits");
        drain(&mut server);
        server.send_binary(&[0; 156]).expect("nothing else is queued");
        assert_eq!(server.held_by(), None, "160 bytes are at the mark");
        server.send_binary(&[0; 1]).expect("it is below the limit");
        assert_eq!((server.held_by(), server.wants_read()), (Some(Hold::Output), false));
        let error = server.send_binary(&[0; 300]).expect_err("it is over the limit");
        assert_eq!(error, SendError::OutputFull { queued: 163, limit: 400 });
    }
}

#[test]
fn s9_the_deadlines_are_those_of_the_new_configuration() {
    let second = Duration::from_secs(1);
    let now = Instant::now();
    let mut server = Connection::server(Arc::default(), now);
    let mut bytes = request_head("/chat", &[]);
    assert!(server.receive(&mut bytes.as_mut_slice(), now).is_some());
    assert_eq!(server.poll_timeout(now), Some((now + 30 * second, Timer::Accept)));
    let set = |server: &mut Connection, change: fn(&mut Config)| {
        server.set_config(Arc::new(config(change))).expect("a request waits");
    };
    set(&mut server, |config| config.accept_timeout = None);
    assert_eq!(server.poll_timeout(now), None);
    set(&mut server, |config| {
        config.accept_timeout = Some(Duration::from_secs(7));
        (config.ping_interval, config.idle_timeout) = (None, Some(Duration::from_secs(5)));
        config.closing_timeout = Some(Duration::from_secs(2));
    });
    assert_eq!(server.poll_timeout(now + second), Some((now + 7 * second, Timer::Accept)), "from the request");
    server.accept(Accept::new()).expect("a request waits");
    drain(&mut server);
    assert_eq!(server.poll_timeout(now + second), Some((now + 6 * second, Timer::Idle)));
    server.close(1000, "").expect("it is open");
    drain(&mut server);
    assert_eq!(server.poll_timeout(now + second), Some((now + 3 * second, Timer::Closing)));

    let mut late = Connection::server(Arc::default(), now);
    let mut bytes = request_head("/chat", &[]);
    assert!(late.receive(&mut bytes.as_mut_slice(), now).is_some());
    assert_eq!(late.poll_timeout(now), Some((now + 30 * second, Timer::Accept)));
    set(&mut late, |config| config.accept_timeout = Some(Duration::from_secs(1)));
    late.handle_timeout(now + second);
    assert!(late.output().starts_with(b"HTTP/1.1 503 "), "the new deadline has come");
}

#[test]
fn s9_only_a_request_that_waits_can_get_another_configuration() {
    let refuse = |case: &str, mut connection: Connection| {
        let (before, old) = (format!("{:?}", connection.internals()), connection.config().clone());
        let other = config(|config| (config.max_message_bytes, config.max_early_bytes) = (1, 0));
        assert_eq!(connection.set_config(Arc::new(other)), Err(SetConfigError::NoRequest), "{case}");
        assert_eq!((format!("{:?}", connection.internals()), connection.config()), (before, &old), "{case}");
    };
    refuse("nothing has come", server(Config::default()));
    let mut begun = server(Config::default());
    feed(&mut begun, b"GET / HTTP/1.1\r\n");
    refuse("in the head", begun);
    let mut accepted = requested_server(Config::default());
    feed(&mut accepted, b"\x81");
    accepted.accept(Accept::new()).expect("a request waits");
    refuse("with early bytes", accepted);
    let mut rejected = requested_server(Config::default());
    rejected.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request waits");
    refuse("rejected", rejected);
    refuse("a client that waits", asking(Config::default(), &[]).0);
    for role in [Role::Client, Role::Server] {
        refuse("open", established(role, Config::default()));
    }
    assert_eq!(SetConfigError::NoRequest.to_string(), "no request waits for its answer");
}
