//! Timeouts while bytes of the peer are held.

use crate::support::{
    ROLES, Raw, config, drain, established,
    timers::{SECOND, feed_at, open},
};
use statesocket::{Config, Connection, Hold, Role, Timer};
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
