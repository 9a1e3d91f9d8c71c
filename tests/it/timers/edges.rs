//! No timeouts, the shortest and the longest, and calls that come late or twice.

use crate::support::{
    ROLES, Raw, config, drain, in_every_phase, pending,
    timers::{SECOND, assert_stands_still, assert_timed_out, client, feed_at, open, timed, untimed},
    without_timeouts,
};
use statesocket::{Connection, Event, Timer};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[test]
fn late_and_repeated_calls_are_harmless() {
    let start = Instant::now();
    let far = start + Duration::from_secs(1 << 32);
    let mut server = Connection::server(timed(), start);
    server.handle_timeout(far);
    server.handle_timeout(far);
    assert_timed_out(&mut server, Timer::Opening);
    server.handle_timeout(far);
    assert_eq!(pending(&mut server), []);
    for (case, mut connection) in in_every_phase() {
        let mut events = Vec::new();
        let was_told = connection.disconnected().is_some();
        for i in 0..5 {
            connection.handle_timeout(far + SECOND * i * 1000);
            events.extend(pending(&mut connection));
        }
        assert!(events.iter().all(|event| matches!(event, Event::Disconnect(_))), "{case}: {events:?}");
        assert!(events.len() + usize::from(was_told) <= 1, "{case}: {events:?}");
    }
}

#[test]
fn a_connection_is_due_from_its_deadline_on() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        connection.close(1000, "").unwrap();
        drain(&mut connection);
        let (deadline, _) = connection.poll_timeout(start).expect("the Close waits for its answer");
        let around = [deadline - Duration::from_nanos(1), deadline, deadline + SECOND];
        assert_eq!(around.map(|now| connection.is_due(now)), [false, true, true], "{role:?}");
        assert!(!open(role, untimed(), start).is_due(deadline), "{role:?}: nothing is timed");
    }
}

#[test]
fn without_timeouts_there_are_no_timers() {
    let start = Instant::now();
    let close = Raw::close(1000, "");
    let mut connections = vec![Connection::server(untimed(), start), client(untimed(), start)];
    let mut begun = Connection::server(untimed(), start);
    assert_eq!(feed_at(&mut begun, b"GET / HT", start), 0);
    connections.push(begun);
    for role in ROLES {
        let mut closing = open(role, untimed(), start);
        closing.close(1000, "").unwrap();
        let mut closed = open(role, untimed(), start);
        assert_eq!(feed_at(&mut closed, &close.clone().for_endpoint(role), start), 1);
        drain(&mut closed);
        connections.extend([open(role, untimed(), start), closing, closed]);
    }
    for mut connection in connections {
        assert_stands_still(&mut connection, start);
    }
}

#[test]
fn a_timeout_of_zero_fires_at_once_and_the_longest_never() {
    let start = Instant::now();
    let with = |timeout: Duration| {
        Arc::new(config(|config| {
            without_timeouts(config);
            config.opening_timeout = Some(timeout);
            config.closing_timeout = Some(timeout);
            config.linger_timeout = Some(timeout);
        }))
    };
    let mut server = Connection::server(with(Duration::ZERO), start);
    assert_eq!(server.poll_timeout(start), Some((start, Timer::Opening)));
    server.handle_timeout(start);
    assert_timed_out(&mut server, Timer::Opening);
    for role in ROLES {
        let mut connection = open(role, with(Duration::ZERO), start);
        assert_eq!(connection.poll_timeout(start), None);
        connection.close(1000, "").unwrap();
        connection.handle_timeout(start);
        assert_timed_out(&mut connection, Timer::Closing);

        let mut connection = open(role, with(Duration::MAX), start);
        connection.close(1000, "").unwrap();
        assert_stands_still(&mut connection, start);
    }
}
