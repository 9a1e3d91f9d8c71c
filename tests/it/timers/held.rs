//! Timeouts while bytes of the peer are held.

use crate::support::{
    ROLES, Raw, config, drain, established, pending, requested_server,
    timers::{SECOND, feed_at, open},
};
use statesocket::{
    Cause, Config, Connection, Disconnect, Event, Hold, Inbox, Phase, Role, SendError, SocketAction, Timer,
    handshake::Accept,
};
use std::{sync::Arc, time::Instant};

/// A configuration with a high-water mark of 1000 bytes, in which only `timer` bounds the output.
fn only(timer: Timer) -> Config {
    config(|config| {
        (config.high_water, config.client_high_water) = (Some(1000), Some(1000));
        (config.ping_interval, config.message_timeout) = (None, None);
        if timer == Timer::Write { config.drain_timeout = None } else { config.write_timeout = None }
    })
}

/// A connection whose output never leaves, and is held for this reason.
fn held(role: Role, timer: Timer, hold: Hold) -> Connection {
    let mut connection = established(role, only(timer));
    connection.send_binary(&[7; 20_000]).unwrap();
    if hold == Hold::Pause {
        connection.pause_reading();
    }
    assert_eq!(connection.held_by(), Some(hold), "{role:?}");
    connection
}

const HELD: [(Timer, Hold); 4] = [
    (Timer::Write, Hold::Pause),
    (Timer::Write, Hold::Output),
    (Timer::Drain, Hold::Pause),
    (Timer::Drain, Hold::Output),
];

/// Hands in `bytes`, which are held, and waits until `timer` has expired. Returns the events of the rest.
fn expire(connection: &mut Connection, bytes: &[u8], timer: Timer) -> Vec<Event<'static>> {
    let now = Instant::now();
    assert_eq!(feed_at(connection, bytes, now), 0, "nothing is handed out");
    let (deadline, found) = connection.poll_timeout(now).expect("the output has a deadline");
    assert_eq!(found, timer);
    connection.handle_timeout(deadline);
    assert_eq!((connection.held_by(), connection.output_len(), pending(connection)), (None, 0, vec![]));
    let mut bytes = bytes.to_vec();
    let mut rest = bytes.as_mut_slice();
    let events = std::iter::from_fn(|| connection.receive(&mut rest, deadline).map(Event::into_owned)).collect();
    assert!(rest.is_empty());
    assert_eq!((connection.poll_socket(), connection.is_finished()), (Some(SocketAction::Close), true));
    events
}

fn end<'a>(events: &'a [Event<'static>]) -> &'a Disconnect {
    let [.., Event::Disconnect(end)] = events else { panic!("no end: {events:?}") };
    end
}

#[test]
fn k9_a_close_that_is_held_when_the_output_times_out_has_the_code() {
    for role in ROLES {
        for (timer, hold) in HELD {
            let frames = [Raw::new(Raw::TEXT, "last words"), Raw::close(4001, "bye"), Raw::new(Raw::TEXT, "ignored")];
            let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
            let events = expire(&mut held(role, timer, hold), &bytes, timer);
            let case = format!("{role:?}, {timer:?}, {hold:?}: {events:?}");
            assert!(matches!(&events[0], Event::Message(message) if message.as_text() == Some("last words")), "{case}");
            let end = end(&events);
            assert_eq!((events.len(), u16::from(end.code), end.reason.as_str()), (2, 4001, "bye"), "{case}");
            assert_eq!((&end.cause, &end.sent, end.is_clean), (&Cause::PeerClosed, &None, false), "{case}");
        }
    }
}

#[test]
fn k9_what_is_held_is_handed_out_before_a_timeout_is_the_end() {
    for role in ROLES {
        for (timer, hold) in HELD {
            let whole = Raw::new(Raw::TEXT, "last words").for_endpoint(role);
            for cut in [0, 1] {
                let events = expire(&mut held(role, timer, hold), &whole[..whole.len() - cut], timer);
                let case = format!("{role:?}, {timer:?}, {hold:?}, without {cut} bytes: {events:?}");
                let end = end(&events);
                assert_eq!((events.len(), u16::from(end.code)), (2 - cut, 1006), "{case}");
                assert_eq!((&end.cause, &end.initiator), (&Cause::TimedOut(timer), &None), "{case}");
            }
        }
    }
}

#[test]
fn k9_a_close_from_before_the_answer_has_the_code_when_the_output_times_out() {
    for timer in [Timer::Write, Timer::Drain] {
        let mut server = requested_server(only(timer));
        let close = Raw::close(4001, "bye").for_endpoint(Role::Server);
        let now = Instant::now();
        assert_eq!(feed_at(&mut server, &close, now), 0);
        server.pause_reading();
        server.accept(Accept::new()).unwrap();
        server.send_binary(&[7; 20_000]).unwrap();
        let (deadline, found) = server.poll_timeout(now).expect("the output has a deadline");
        assert_eq!((found, pending(&mut server)), (timer, vec![]));
        server.handle_timeout(deadline);
        assert_eq!(u16::from(end(&pending(&mut server)).code), 4001, "{timer:?}");
    }
}

#[test]
fn k9_an_inbox_hands_the_rest_in_after_the_timeout() {
    for role in ROLES {
        let (mut inbox, now) = (Inbox::new(), Instant::now());
        let mut connection = held(role, Timer::Write, Hold::Output);
        let bytes = Raw::close(4001, "bye").for_endpoint(role);
        inbox.space()[..bytes.len()].copy_from_slice(&bytes);
        inbox.fill(bytes.len());
        assert_eq!(inbox.next_event(&mut connection, now), None);
        connection.handle_timeout(now + 60 * SECOND);
        assert_eq!(connection.send_text("too late"), Err(SendError::TransportLost));
        let Some(Event::Disconnect(end)) = inbox.next_event(&mut connection, now + 60 * SECOND) else { panic!() };
        assert_eq!(u16::from(end.code), 4001, "{role:?}");
    }
}

#[test]
fn k9_an_inbox_reads_what_lies_unread_when_the_output_times_out() {
    for role in ROLES {
        for (timer, hold) in HELD {
            for has_rest in [false, true] {
                let (mut inbox, now) = (Inbox::new(), Instant::now());
                let mut connection = held(role, timer, hold);
                let frames = [Raw::new(Raw::TEXT, "last words"), Raw::close(4001, "bye")];
                let [message, close] = frames.map(|frame| frame.for_endpoint(role));
                let mut left = [message, close].concat();
                if has_rest {
                    // Another driver may have read it.
                    inbox.space()[0] = left.remove(0);
                    inbox.fill(1);
                    assert_eq!(inbox.next_event(&mut connection, now), None);
                }
                let (deadline, _) = connection.poll_timeout(now).expect("the output has a deadline");
                let early = deadline.checked_sub(SECOND).expect("it is later than now");
                let mut stream = left.as_slice();
                inbox.handle_timeout(&mut connection, &mut stream, early);
                assert_eq!((stream.len(), connection.phase()), (left.len(), Phase::Open), "nothing is due");
                inbox.handle_timeout(&mut connection, &mut stream, deadline);
                let events: Vec<_> =
                    std::iter::from_fn(|| inbox.next_event(&mut connection, deadline).map(Event::into_owned)).collect();
                let case = format!("{role:?}, {timer:?}, {hold:?}, {has_rest}: {events:?}");
                assert_eq!((events.len(), u16::from(end(&events).code), stream.len()), (2, 4001, 0), "{case}");
                assert_eq!((connection.poll_socket(), connection.is_finished()), (Some(SocketAction::Close), true));
            }
        }
    }
}

/// The deadlines of both come together, and that of the Ping is the earlier one.
#[test]
fn k9_a_ping_that_is_due_too_does_not_hide_the_timeout_of_the_output() {
    for role in ROLES {
        let ping = config(|config| {
            (config.high_water, config.client_high_water) = (Some(1000), Some(1000));
            (config.ping_interval, config.write_timeout) = (Some(59 * SECOND), Some(60 * SECOND));
        });
        let (mut inbox, mut connection) = (Inbox::new(), established(role, ping));
        connection.send_binary(&[7; 20_000]).unwrap();
        let now = Instant::now();
        assert_eq!(connection.poll_timeout(now).expect("it has one").1, Timer::Ping);
        let left = Raw::close(4001, "bye").for_endpoint(role);
        inbox.handle_timeout(&mut connection, &left[..], now + 100 * SECOND);
        let Some(Event::Disconnect(end)) = inbox.next_event(&mut connection, now + 100 * SECOND) else { panic!() };
        assert_eq!(u16::from(end.code), 4001, "{role:?}");
    }
}

/// What waits for its turn in the stream is not read early.
#[test]
fn k9_other_deadlines_leave_unread_what_is_held_back() {
    for role in ROLES {
        let message = config(|config| {
            config.message_timeout = Some(SECOND);
            (config.high_water, config.client_high_water) = (Some(1000), Some(1000));
        });
        let (mut inbox, mut connection) = (Inbox::new(), established(role, message));
        let (now, begun) = (Instant::now(), Raw::new(Raw::TEXT, "slow").for_endpoint(role));
        assert_eq!(feed_at(&mut connection, &begun[..3], now), 0);
        connection.send_binary(&[7; 20_000]).unwrap();
        let mut stream = &begun[3..];
        inbox.handle_timeout(&mut connection, &mut stream, now + SECOND);
        assert_eq!((stream.len(), connection.phase()), (begun.len() - 3, Phase::Closed), "{role:?}");
    }
}

#[test]
fn k9_without_a_rest_the_timeout_is_the_end_at_once() {
    for role in ROLES {
        for (timer, hold) in HELD {
            let mut connection = held(role, timer, hold);
            let now = Instant::now();
            let (deadline, _) = connection.poll_timeout(now).expect("the output has a deadline");
            connection.handle_timeout(deadline);
            assert_eq!(connection.phase(), Phase::Closed, "{role:?}, {timer:?}, {hold:?}");
            assert_eq!(end(&pending(&mut connection)).cause, Cause::TimedOut(timer));
        }
    }
}

/// A driver that fails over the same transport does not change the cause.
#[test]
fn k9_a_failure_after_the_timeout_is_still_the_timeout() {
    for role in ROLES {
        let mut connection = held(role, Timer::Write, Hold::Output);
        let now = Instant::now();
        let mut ping = Raw::new(Raw::PING, "").for_endpoint(role);
        assert_eq!(feed_at(&mut connection, &ping, now), 0);
        connection.handle_timeout(now + 60 * SECOND);
        connection.receive_eof();
        connection.transport_failed();
        let mut rest = ping.as_mut_slice();
        assert!(matches!(connection.receive(&mut rest, now), Some(Event::Ping(_))));
        let Some(Event::Disconnect(end)) = connection.receive(&mut rest, now) else { panic!() };
        assert_eq!(end.cause, Cause::TimedOut(Timer::Write), "{role:?}");
    }
}

#[test]
fn k2_held_bytes_are_heard_when_they_come() {
    for role in ROLES {
        for (timer, hold) in HELD {
            let mut connection = held(role, timer, hold);
            let (began, case) = (connection.last_heard(), format!("{role:?}, {hold:?}"));
            let bytes = Raw::new(Raw::TEXT, "held").for_endpoint(role);
            assert_eq!(feed_at(&mut connection, &bytes, began + 2 * SECOND), 0, "{case}");
            assert_eq!(connection.last_heard(), began + 2 * SECOND, "{case}");
            assert_eq!(feed_at(&mut connection, &bytes, began + 3 * SECOND), 0, "{case}");
            assert_eq!(connection.last_heard(), began + 2 * SECOND, "{case}: the same rest");
            assert_eq!(feed_at(&mut connection, b"", began + 4 * SECOND), 0, "{case}");
            assert_eq!(connection.last_heard(), began + 2 * SECOND, "{case}: no bytes");

            let mut buffer = [0; 100];
            let read = connection.read_from(&bytes[..], &mut buffer, began + 5 * SECOND).unwrap();
            assert_eq!((read.total, connection.last_heard()), (bytes.len(), began + 5 * SECOND), "{case}: newer bytes");
            connection.read_from(&b""[..], &mut buffer, began + 6 * SECOND).unwrap();
            assert_eq!(connection.last_heard(), began + 5 * SECOND, "{case}: the end of the stream");

            connection.resume_reading();
            connection.advance(connection.output_len());
            assert_eq!(feed_at(&mut connection, &bytes, began + 7 * SECOND), 1, "{case}");
            assert_eq!(connection.last_heard(), began + 7 * SECOND, "{case}");
        }
    }
}

/// The peer answers while its bytes are held. A Ping of the connection has left before.
#[test]
fn k2_held_bytes_answer_a_keepalive_ping() {
    for role in ROLES {
        let start = Instant::now();
        let config = config(|config| {
            (config.ping_interval, config.pong_timeout) = (Some(20 * SECOND), Some(5 * SECOND));
        });
        let mut connection = open(role, Arc::new(config), start);
        connection.handle_timeout(start + 20 * SECOND);
        drain(&mut connection);
        let deadline = connection.poll_timeout(start + 20 * SECOND);
        assert_eq!(deadline, Some((start + 25 * SECOND, Timer::Pong)), "{role:?}");
        connection.pause_reading();
        let bytes = Raw::new(Raw::TEXT, "held").for_endpoint(role);
        assert_eq!(feed_at(&mut connection, &bytes, start + 20 * SECOND), 0, "{role:?}");
        connection.resume_reading();
        let next = connection.poll_timeout(start + 21 * SECOND);
        assert_eq!(next, Some((start + 40 * SECOND, Timer::Ping)), "{role:?}: the rest is not handed in again yet");
    }
}
