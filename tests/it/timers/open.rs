//! The timeouts of an open connection: keepalive, idle, and messages that do not end.

use crate::support::{
    ROLES, Raw, config, disconnect_in, drain, pending, request_head, sent,
    timers::{SECOND, assert_runs_until, feed_at},
    without_timeouts,
};
use statesocket::{Agreed, Cause, Config, Connection, Delivery, Phase, Role, SocketAction, Timer, handshake::Accept};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
const MESSAGE: Duration = Duration::from_secs(10);

fn open(role: Role, change: impl FnOnce(&mut Config), now: Instant) -> Connection {
    let config = config(|config| {
        without_timeouts(config);
        change(config);
    });
    Connection::established(role, Agreed::new().seed([7; 32]), Arc::new(config), now)
}

fn keepalive(config: &mut Config) {
    (config.ping_interval, config.pong_timeout) = (Some(INTERVAL), Some(PONG));
}

/// Makes the keepalive send its Ping at `now`, and returns the payload.
#[track_caller]
fn ping_at(connection: &mut Connection, now: Instant) -> Vec<u8> {
    connection.handle_timeout(now);
    let frames = sent(connection);
    let [ping] = frames.as_slice() else { panic!("one Ping is sent: {frames:?}") };
    assert_eq!(ping.first, 0x80 | Raw::PING);
    // As a driver does after it has written.
    let _ = connection.poll_timeout(now);
    ping.payload.clone()
}

#[track_caller]
fn assert_failed(connection: &mut Connection, timer: Timer, code: u16) {
    let disconnect = disconnect_in(&pending(connection));
    assert_eq!(disconnect.cause, Cause::TimedOut(timer));
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false));
    assert_eq!(disconnect.sent.map(|close| u16::from(close.code)), Some(code));
    assert_eq!(disconnect.initiator, Some(connection.local_party()));
    assert_eq!(connection.phase(), Phase::Closed);
    assert_eq!(sent(connection).len(), 1, "one Close is sent");
    let is_server = connection.role() == Role::Server;
    assert_eq!(connection.poll_socket(), is_server.then_some(SocketAction::ShutdownWrite));
}

#[test]
fn a_ping_is_sent_at_each_interval_and_its_pong_gives_the_round_trip() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        assert_eq!(connection.round_trip_time(), None);
        let mut payloads = Vec::new();
        for n in 1..4 {
            let due = start + INTERVAL * n;
            assert_runs_until(&mut connection, due, Timer::Ping);
            let payload = ping_at(&mut connection, due);
            let answered = due + Duration::from_millis(70 * u64::from(n));
            assert_eq!(connection.poll_timeout(due), Some((due + PONG, Timer::Pong)));
            feed_at(&mut connection, &Raw::new(Raw::PONG, &payload).for_endpoint(role), answered);
            assert_eq!(connection.round_trip_time(), Some(answered - due), "{role:?}");
            assert_eq!(connection.last_heard(), answered);
            payloads.push(payload);
        }
        payloads.dedup();
        assert_eq!(payloads.len(), 3, "every Ping differs from the one before");
    }
}

#[test]
fn silence_after_a_ping_fails_the_connection_with_1011() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let due = start + INTERVAL;
        ping_at(&mut connection, due);
        assert_runs_until(&mut connection, due + PONG, Timer::Pong);
        connection.handle_timeout(due + PONG);
        assert_failed(&mut connection, Timer::Pong, 1011);
    }
}

#[test]
fn k2_any_byte_answers_a_ping_but_only_its_pong_gives_the_round_trip() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let due = start + INTERVAL;
        let payload = ping_at(&mut connection, due);
        let message = Raw::new(Raw::BINARY, [0; 100]).for_endpoint(role);
        feed_at(&mut connection, &message[..1], due + SECOND);
        assert_eq!(connection.poll_timeout(due + SECOND), Some((due + INTERVAL, Timer::Ping)), "{role:?}");
        feed_at(&mut connection, &message[1..], due + SECOND);
        feed_at(&mut connection, &Raw::new(Raw::PONG, "another").for_endpoint(role), due + SECOND);
        assert_eq!(connection.round_trip_time(), None);
        feed_at(&mut connection, &Raw::new(Raw::PONG, payload).for_endpoint(role), due + 2 * SECOND);
        assert_eq!(connection.round_trip_time(), Some(2 * SECOND));
        assert_eq!(connection.poll_timeout(due + 2 * SECOND), Some((due + INTERVAL, Timer::Ping)), "{role:?}");
    }
}

#[test]
fn paused_reading_suspends_timeouts_that_wait_for_the_peer() {
    let start = Instant::now();
    for role in ROLES {
        let change = |config: &mut Config| {
            keepalive(config);
            (config.idle_timeout, config.message_timeout) = (Some(IDLE), Some(MESSAGE));
        };
        let mut connection = open(role, change, start);
        let due = start + INTERVAL;
        ping_at(&mut connection, due);
        feed_at(&mut connection, &Raw::new(Raw::TEXT, "begun").more().for_endpoint(role), due);
        connection.pause_reading();
        assert!(connection.is_reading_paused() && !connection.wants_read());
        assert_eq!(connection.poll_timeout(due), Some((due + INTERVAL, Timer::Ping)), "{role:?}: only Pings go on");
        let late = due + Duration::from_secs(100_000);
        ping_at(&mut connection, late);
        assert_eq!((pending(&mut connection), connection.phase()), (vec![], Phase::Open));

        connection.resume_reading();
        assert!(connection.wants_read());
        assert_eq!(connection.poll_timeout(late), Some((late + PONG, Timer::Pong)), "the interval starts again");
        connection.handle_timeout(late + PONG);
        assert_failed(&mut connection, Timer::Pong, 1011);
    }
}

/// Section 5.5.3 lets a peer answer only the latest Ping.
#[test]
fn k2_a_peer_that_answers_only_the_latest_ping_stays_connected() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        for n in 1..10 {
            let due = start + INTERVAL * n;
            ping_at(&mut connection, due);
            connection.ping(b"of the program").expect("the connection is open");
            drain(&mut connection);
            feed_at(&mut connection, &Raw::new(Raw::PONG, "of the program").for_endpoint(role), due + SECOND);
            connection.handle_timeout(due + PONG);
            assert_eq!((connection.phase(), connection.round_trip_time()), (Phase::Open, None), "{role:?}, Ping {n}");
        }
    }
}

/// Bytes that come at the instant at which the Ping was sent, or in the read that brought earlier bytes.
#[test]
fn k2_a_byte_at_the_instant_of_the_ping_is_an_answer() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let due = start + INTERVAL;
        feed_at(&mut connection, &Raw::new(Raw::PONG, "early").for_endpoint(role), due);
        ping_at(&mut connection, due);
        assert_eq!(connection.poll_timeout(due), Some((due + PONG, Timer::Pong)), "{role:?}");
        feed_at(&mut connection, &Raw::new(Raw::PONG, "any").for_endpoint(role), due);
        assert_eq!(connection.poll_timeout(due), Some((due + INTERVAL, Timer::Ping)), "{role:?}");
    }
}

#[test]
fn k2_bytes_that_came_before_the_ping_was_written_do_not_answer_it() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let due = start + INTERVAL;
        connection.send_binary(&[0; 100]).expect("the connection is open");
        connection.handle_timeout(due);
        feed_at(&mut connection, &Raw::new(Raw::PONG, "any").for_endpoint(role), due + SECOND);
        drain(&mut connection);
        assert_eq!(connection.poll_timeout(due + 2 * SECOND), Some((due + 2 * SECOND + PONG, Timer::Pong)), "{role:?}");
    }
}

#[test]
fn k2_without_a_pong_timeout_an_unanswered_ping_is_followed_by_others() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, |config| config.ping_interval = Some(INTERVAL), start);
        for n in 1..5 {
            assert_runs_until(&mut connection, start + INTERVAL * n, Timer::Ping);
            ping_at(&mut connection, start + INTERVAL * n);
        }
        // A Ping that is not written yet is not followed by another: the output stays bounded.
        connection.handle_timeout(start + INTERVAL * 5);
        let queued = connection.output_len();
        for n in 6..50 {
            connection.handle_timeout(start + INTERVAL * n);
        }
        assert_eq!((connection.output_len(), connection.phase()), (queued, Phase::Open), "{role:?}");
    }
}

#[test]
fn k2_an_interval_of_zero_sends_one_ping_per_write() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, |config| config.ping_interval = Some(Duration::ZERO), start);
        for _ in 0..3 {
            ping_at(&mut connection, start);
        }
    }
}

#[test]
fn a_pause_is_left_out_however_often_the_time_is_told() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let due = start + INTERVAL;
        ping_at(&mut connection, due);
        for pause in 0..3 {
            let begun = due + SECOND * (1 + 50 * pause);
            connection.handle_timeout(begun);
            connection.pause_reading();
            for n in 0..10 {
                connection.handle_timeout(begun + SECOND * n);
            }
            connection.resume_reading();
            let resumed = begun + SECOND * 49;
            let left = PONG - SECOND * (1 + pause);
            assert_eq!(connection.poll_timeout(resumed), Some((resumed + left, Timer::Pong)), "{role:?}, {pause}");
        }
    }
}

#[test]
fn a_peer_without_messages_is_closed_with_1001_despite_its_pongs() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, |config| config.idle_timeout = Some(IDLE), start);
        assert_runs_until(&mut connection, start + IDLE, Timer::Idle);
        let last = start + 20 * SECOND;
        feed_at(&mut connection, &Raw::new(Raw::TEXT, "Hello").for_endpoint(role), last);
        feed_at(&mut connection, &Raw::new(Raw::PING, "").for_endpoint(role), last + SECOND);
        drain(&mut connection);
        assert_runs_until(&mut connection, last + IDLE, Timer::Idle);
        connection.handle_timeout(last + IDLE);
        assert_failed(&mut connection, Timer::Idle, 1001);
    }
}

#[test]
fn every_chunk_restarts_the_idle_timeout() {
    let start = Instant::now();
    let change = |config: &mut Config| {
        (config.idle_timeout, config.delivery) = (Some(IDLE), Delivery::Chunks);
    };
    let mut connection = open(Role::Client, change, start);
    let heard = start + 20 * SECOND;
    assert_eq!(feed_at(&mut connection, &Raw::new(Raw::TEXT, "part").more().bytes(), heard), 1);
    assert_eq!(connection.poll_timeout(heard), Some((heard + IDLE, Timer::Idle)));
}

/// A header, a payload, fragments: whatever has begun must end in time, counted from its first byte.
#[test]
fn a_message_that_trickles_in_fails_with_1008() {
    let start = Instant::now();
    for role in ROLES {
        let header = Raw::new(Raw::BINARY, [0; 300]).for_endpoint(role);
        let fragments: Vec<u8> = [Raw::new(Raw::TEXT, "").more(), Raw::new(Raw::CONTINUATION, "").more()]
            .map(|raw| raw.for_endpoint(role))
            .concat();
        let ping = Raw::new(Raw::PING, [0; 100]).for_endpoint(role);
        for begun in [&header[..1], &header[..3], &header[..100], &fragments, &ping[..50]] {
            let mut connection = open(role, |config| config.message_timeout = Some(MESSAGE), start);
            assert_eq!(connection.poll_timeout(start), None);
            let first = start + SECOND;
            feed_at(&mut connection, &begun[..1], first);
            for (n, byte) in begun[1..].iter().enumerate() {
                feed_at(&mut connection, &[*byte], first + Duration::from_millis(n as u64));
            }
            assert_runs_until(&mut connection, first + MESSAGE, Timer::Message);
            connection.handle_timeout(first + MESSAGE);
            assert_failed(&mut connection, Timer::Message, 1008);
        }
    }
}

#[test]
fn pings_inside_a_message_do_not_extend_its_timeout() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, |config| config.message_timeout = Some(MESSAGE), start);
        feed_at(&mut connection, &Raw::new(Raw::TEXT, "begun").more().for_endpoint(role), start);
        for n in 1..9 {
            let frames = [Raw::new(Raw::PING, ""), Raw::new(Raw::PONG, "")].map(|frame| frame.for_endpoint(role));
            assert_eq!(feed_at(&mut connection, &frames.concat(), start + SECOND * n), 2);
        }
        drain(&mut connection);
        assert_runs_until(&mut connection, start + MESSAGE, Timer::Message);
    }
}

#[test]
fn each_message_has_the_whole_message_timeout() {
    let start = Instant::now();
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        for opcode in [Raw::TEXT, Raw::PING, Raw::PONG] {
            let bytes = Raw::new(opcode, "Hello").bytes();
            let change = |config: &mut Config| (config.message_timeout, config.delivery) = (Some(MESSAGE), delivery);
            let mut connection = open(Role::Client, change, start);
            feed_at(&mut connection, &bytes[..2], start);
            let second = start + SECOND;
            assert_eq!(feed_at(&mut connection, &[&bytes[2..], &bytes[..2]].concat(), second), 1);
            drain(&mut connection);
            let expected = Some((second + MESSAGE, Timer::Message));
            assert_eq!(connection.poll_timeout(second), expected, "{delivery:?}, {opcode}");
            assert_eq!(feed_at(&mut connection, &bytes[2..], second), 1);
            drain(&mut connection);
            assert_eq!(connection.poll_timeout(second), None, "{delivery:?}, {opcode}");
        }
    }
}

#[test]
fn a_clock_that_jumps_fires_each_timer_once() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        let jumped = start + Duration::from_secs(1 << 20);
        ping_at(&mut connection, jumped);
        connection.handle_timeout(jumped);
        assert_eq!((sent(&mut connection), pending(&mut connection)), (vec![], vec![]), "{role:?}");
        assert_eq!(connection.poll_timeout(jumped), Some((jumped + PONG, Timer::Pong)));
    }
}

#[test]
fn the_timers_of_an_open_connection_stop_when_it_closes() {
    let start = Instant::now();
    for role in ROLES {
        let change = |config: &mut Config| {
            keepalive(config);
            (config.idle_timeout, config.message_timeout) = (Some(IDLE), Some(MESSAGE));
        };
        let mut connection = open(role, change, start);
        ping_at(&mut connection, start + INTERVAL);
        connection.close(1000, "").unwrap();
        drain(&mut connection);
        assert_eq!(connection.poll_timeout(start + INTERVAL), None, "{role:?}");
    }
}

#[test]
fn no_ping_is_sent_over_a_failed_transport() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, keepalive, start);
        connection.transport_failed();
        connection.handle_timeout(start + INTERVAL);
        assert_eq!(connection.output(), b"", "{role:?}");
        assert_eq!(disconnect_in(&pending(&mut connection)).cause, Cause::TransportLost(None));
    }
}

#[test]
fn the_timers_of_an_open_connection_start_when_it_opens() {
    let start = Instant::now();
    let opened = start + 20 * SECOND;
    for (timer, timeout) in [(Timer::Ping, INTERVAL), (Timer::Idle, IDLE)] {
        let config = config(|config| {
            without_timeouts(config);
            match timer {
                Timer::Ping => config.ping_interval = Some(timeout),
                _ => config.idle_timeout = Some(timeout),
            }
        });
        let mut server = Connection::server(config.into(), start);
        assert_eq!(feed_at(&mut server, &request_head("/", &[]), opened), 1);
        server.accept(Accept::new()).expect("the request has just come");
        drain(&mut server);
        assert_eq!(server.poll_timeout(opened), Some((opened + timeout, timer)));
    }
}

#[test]
fn the_message_timeout_of_early_bytes_starts_when_the_connection_opens() {
    let start = Instant::now();
    let opened = start + 8 * SECOND;
    let config = config(|config| {
        without_timeouts(config);
        config.message_timeout = Some(MESSAGE);
    });
    let mut server = Connection::server(config.into(), start);
    assert_eq!(feed_at(&mut server, &[&request_head("/", &[])[..], &[0x82]].concat(), start), 1);
    server.handle_timeout(opened);
    server.accept(Accept::new()).expect("a request is pending");
    assert_eq!(pending(&mut server), []);
    assert_eq!(server.poll_timeout(opened), Some((opened + MESSAGE, Timer::Message)));
}

#[test]
fn of_two_equal_deadlines_the_first_timer_in_the_list_fires() {
    let start = Instant::now();
    let both = |config: &mut Config| (config.ping_interval, config.idle_timeout) = (Some(IDLE), Some(IDLE));
    let mut connection = open(Role::Server, both, start);
    assert_eq!(connection.poll_timeout(start), Some((start + IDLE, Timer::Ping)));
}
