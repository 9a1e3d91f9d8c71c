//! Deadlines of connections on which nothing moves: unread, unwritten, paused, resumed.

use crate::support::{ROLES, Raw, drain, established, pending};
use crate::timers::{SECOND, feed_at};
use statesocket::{Cause, Config, Connection, Event, Phase, PingError, Role, SendError, SocketAction, Timer};
use std::{sync::Arc, time::Instant};

/// Lets the clock run from deadline to deadline, and returns how the connection ended.
fn run_out(connection: &mut Connection, mut now: Instant) -> Cause {
    for _ in 0..10 {
        let (deadline, _) = connection.poll_timeout(now).expect("no connection is kept for ever");
        now = deadline;
        connection.handle_timeout(now);
        if let [Event::Disconnect(disconnect)] = pending(connection).as_slice() {
            return disconnect.cause.clone();
        }
    }
    panic!("it does not end")
}

#[test]
fn a_peer_that_never_reads_is_left_though_it_is_not_read_either() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_binary(&[0; 100_000]).unwrap();
        connection.pause_reading();
        assert_eq!(run_out(&mut connection, Instant::now()), Cause::TimedOut(Timer::Write), "{role:?}");
        assert_eq!((connection.poll_socket(), connection.queued()), (Some(SocketAction::Close), 0));
    }
}

#[test]
fn a_peer_that_reads_a_little_now_and_then_is_kept() {
    let start = Instant::now();
    let mut connection = established(Role::Server, Config::default());
    connection.send_binary(&[0; 1000]).unwrap();
    connection.pause_reading();
    for n in 1..10 {
        connection.handle_timeout(start + SECOND * (n * 50));
        connection.advance(1);
        assert_eq!((pending(&mut connection), connection.phase()), (vec![], Phase::Open));
    }
}

#[test]
fn what_pausing_does_not_suspend_resuming_does_not_put_off() {
    let start = Instant::now();
    let mut closing = established(Role::Server, Config::default());
    closing.close(1000, "").unwrap();
    for mut connection in [Connection::server(Arc::new(Config::default()), start), closing] {
        for n in 0..30 {
            connection.pause_reading();
            connection.resume_reading();
            connection.handle_timeout(start + SECOND * n);
        }
        assert_eq!(connection.phase(), Phase::Closed);
    }
}

#[test]
fn a_closed_connection_is_read_to_the_end_though_reading_was_paused() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.pause_reading();
        assert!(!connection.wants_read());
        feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), Instant::now());
        drain(&mut connection);
        assert!(connection.wants_read(), "{role:?}: only the end of the stream is waited for");
    }
}

/// Each Ping ends in time; that each read ends inside the next one makes no slow message of them.
#[test]
fn pings_that_straddle_reads_are_no_slow_message() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let ping = Raw::new(Raw::PING, "").for_endpoint(role);
        feed_at(&mut connection, &ping[..1], start);
        for n in 1..200 {
            let now = start + SECOND * n;
            connection.handle_timeout(now);
            assert_eq!(feed_at(&mut connection, &[&ping[1..], &ping[..1]].concat(), now), 1);
            drain(&mut connection);
        }
        assert_eq!(connection.phase(), Phase::Open, "{role:?}");
    }
}

#[test]
fn last_heard_is_when_bytes_came() {
    let start = Instant::now();
    let mut connection = established(Role::Server, Config::default());
    let begun = connection.last_heard();
    connection.pause_reading();
    connection.resume_reading();
    connection.close(1000, "").unwrap();
    assert!(connection.poll_timeout(start + SECOND).is_some());
    assert_eq!(connection.last_heard(), begun);
}

#[test]
fn nothing_can_be_sent_after_the_transport_has_failed() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.transport_failed();
        assert_eq!(connection.send_text("too late"), Err(SendError::TransportFailed));
        assert_eq!(connection.ping(b""), Err(PingError::TransportFailed));
        connection.ensure_closed(1000, "");
        assert_eq!(connection.transmit(), b"", "{role:?}");
        for text in [SendError::TransportFailed.to_string(), PingError::TransportFailed.to_string()] {
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        }
    }
}
