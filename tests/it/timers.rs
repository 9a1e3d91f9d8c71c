//! Deadlines: what runs when, and what happens when it runs out. Time is only what the tests say it is.

use crate::support::{ROLES, Raw, config, disconnect_in, drain, in_every_phase, pending, without_timeouts};
use statesocket::{Agreed, Cause, Config, Connection, Event, Phase, Role, SocketAction, Timer, handshake::Connect};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) const OPENING: Duration = Duration::from_secs(5);
const CLOSING: Duration = Duration::from_secs(7);
pub(crate) const LINGER: Duration = Duration::from_secs(2);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);

pub(crate) fn timed() -> Arc<Config> {
    Arc::new(config(|config| {
        without_timeouts(config);
        config.opening_timeout = Some(OPENING);
        config.closing_timeout = Some(CLOSING);
        config.linger_timeout = Some(LINGER);
    }))
}

fn untimed() -> Arc<Config> {
    Arc::new(config(without_timeouts))
}

pub(crate) fn client(config: Arc<Config>, now: Instant) -> Connection {
    Connection::client(&Connect::new("ws://example.com/").unwrap().seed([7; 32]), config, now)
}

fn open(role: Role, config: Arc<Config>, now: Instant) -> Connection {
    Connection::established(role, Agreed::new().seed([7; 32]), config, now)
}

pub(crate) fn feed_at(connection: &mut Connection, bytes: &[u8], now: Instant) -> usize {
    let mut buffer = bytes.to_vec();
    let mut input = buffer.as_mut_slice();
    std::iter::from_fn(|| connection.receive(&mut input, now).map(drop)).count()
}

/// Checks that `timer` runs out at `deadline`: nothing happens just before, and asking does not move it.
#[track_caller]
pub(crate) fn assert_runs_until(connection: &mut Connection, deadline: Instant, timer: Timer) {
    let (phase, waiting) = (connection.phase(), connection.transmit().to_vec());
    for now in [deadline - SECOND, deadline - TICK] {
        assert_eq!(connection.poll_timeout(now), Some((deadline, timer)));
        connection.handle_timeout(now);
        assert_eq!(connection.poll_timeout(now), Some((deadline, timer)), "a call that comes too early does nothing");
    }
    assert_eq!((connection.phase(), connection.transmit()), (phase, waiting.as_slice()));
}

/// Checks that nothing runs any more, and that no call of the clock does anything.
#[track_caller]
pub(crate) fn assert_stands_still(connection: &mut Connection, now: Instant) {
    let (phase, waiting) = (connection.phase(), connection.transmit().to_vec());
    for now in [now, now + Duration::from_secs(1 << 30), now] {
        assert_eq!(connection.poll_timeout(now), None);
        connection.handle_timeout(now);
        assert_eq!(pending(connection), []);
        assert_eq!((connection.phase(), connection.transmit()), (phase, waiting.as_slice()));
    }
}

#[track_caller]
pub(crate) fn assert_timed_out(connection: &mut Connection, timer: Timer) {
    let disconnect = disconnect_in(&pending(connection));
    assert_eq!(disconnect.cause, Cause::TimedOut(timer));
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false));
    assert_eq!((connection.phase(), disconnect.received), (Phase::Closed, None));
}

/// Checks that the linger time-out begins with this call, and ends in closing the socket and nothing else.
#[track_caller]
pub(crate) fn assert_lingers_from(connection: &mut Connection, now: Instant) {
    let deadline = now + LINGER;
    assert_eq!(connection.poll_timeout(now), Some((deadline, Timer::Linger)));
    assert_runs_until(connection, deadline, Timer::Linger);
    connection.handle_timeout(deadline);
    assert_eq!(pending(connection), [], "the disconnect has been handed out before");
    assert_eq!((connection.poll_socket(), connection.poll_socket()), (Some(SocketAction::Close), None));
    assert!(connection.is_finished());
    assert_stands_still(connection, deadline);
}

#[test]
fn closing_runs_from_the_call_after_our_close_and_ends_in_1006() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        assert_stands_still(&mut connection, start);
        connection.close(1000, "").unwrap();
        let begun = start + SECOND;
        assert_eq!(connection.poll_timeout(begun), Some((begun + CLOSING, Timer::Closing)));
        let ping = Raw::new(Raw::PING, "still here").for_endpoint(role);
        assert_eq!(feed_at(&mut connection, &ping, begun + SECOND), 1, "what comes does not move the deadline");
        assert_runs_until(&mut connection, begun + CLOSING, Timer::Closing);
        connection.handle_timeout(begun + CLOSING);
        assert_eq!(connection.transmit(), b"", "nothing more leaves");
        assert_timed_out(&mut connection, Timer::Closing);
        let sent =
            connection.disconnect().and_then(|disconnect| disconnect.sent.as_ref()).map(|close| close.code.into());
        assert_eq!(sent, Some(1000), "{role:?}");
        assert_eq!((connection.poll_socket(), connection.poll_socket()), (Some(SocketAction::Close), None));
        assert_stands_still(&mut connection, begun + CLOSING);
    }
}

#[test]
fn closing_may_begin_with_any_call_that_knows_the_time() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        connection.close(1000, "").unwrap();
        connection.handle_timeout(start + SECOND);
        assert_eq!(connection.poll_timeout(start + SECOND * 2), Some((start + SECOND + CLOSING, Timer::Closing)));

        let mut connection = open(role, timed(), start);
        connection.close(1000, "").unwrap();
        assert_eq!(feed_at(&mut connection, &[], start + SECOND), 0);
        assert_eq!(connection.poll_timeout(start + SECOND * 2), Some((start + SECOND + CLOSING, Timer::Closing)));
    }
}

#[test]
fn linger_follows_the_closing_handshake_once_the_last_byte_has_left() {
    let start = Instant::now();
    for role in ROLES {
        for we_begin in [true, false] {
            let mut connection = open(role, timed(), start);
            if we_begin {
                connection.close(1000, "").unwrap();
                drain(&mut connection);
            }
            assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
            drain(&mut connection);
            let action = connection.poll_socket();
            assert_eq!(action, (role == Role::Server).then_some(SocketAction::ShutdownWrite));
            assert_eq!(connection.poll_timeout(start).map(|(_, timer)| timer), Some(Timer::Linger));
        }
    }
}

#[test]
fn linger_closes_the_socket_of_a_peer_that_does_not() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        assert_eq!(feed_at(&mut connection, &Raw::new(0xB, "").for_endpoint(role), start), 1);
        drain(&mut connection);
        assert_eq!(connection.poll_socket(), Some(SocketAction::ShutdownWrite));
        assert_lingers_from(&mut connection, start + SECOND);
    }
}

#[test]
fn last_bytes_that_never_leave_do_not_hold_the_socket_for_ever() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        connection.send_binary(&[0; 1000]).unwrap();
        assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
        let (mut now, mut fired) = (start, 0);
        while let Some((deadline, timer)) = connection.poll_timeout(now) {
            assert!(deadline >= now && fired < 3, "{timer:?}");
            now = deadline;
            connection.handle_timeout(now);
            fired += 1;
        }
        assert_eq!((pending(&mut connection), connection.transmit()), (vec![], &[][..]));
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}");
        assert!(now <= start + CLOSING + LINGER, "{role:?}");
    }
}

#[test]
fn bytes_that_trickle_out_do_not_move_the_deadline() {
    let start = Instant::now();
    for role in ROLES {
        for we_begin in [true, false] {
            let mut connection = open(role, timed(), start);
            connection.send_binary(&[0; 1000]).unwrap();
            if we_begin {
                connection.close(1000, "").unwrap();
            }
            let now = start + SECOND;
            assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), now), 1);
            let expected = Some((now + CLOSING, Timer::Closing));
            for i in 1..6 {
                connection.advance(1);
                assert_eq!(connection.poll_timeout(now + SECOND * i), expected, "{role:?}, {we_begin}");
            }
            connection.handle_timeout(now + CLOSING);
            assert_eq!(connection.transmit(), b"");
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
        }
    }
}

#[test]
fn nothing_is_waited_for_once_the_socket_has_been_closed() {
    let start = Instant::now();
    for role in ROLES {
        for lose in [Connection::receive_eof, Connection::transport_failed] {
            let mut connection = open(role, timed(), start);
            assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
            drain(&mut connection);
            assert!(connection.poll_timeout(start).is_some());
            lose(&mut connection);
            assert_eq!(pending(&mut connection), []);
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
            assert!(connection.is_finished());
            assert_eq!(connection.poll_timeout(start), None, "a finished {role:?} waits for nothing");
        }
    }
}

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
        let was_told = connection.disconnect().is_some();
        for i in 0..5 {
            connection.handle_timeout(far + SECOND * i * 1000);
            events.extend(pending(&mut connection));
        }
        assert!(events.iter().all(|event| matches!(event, Event::Disconnect(_))), "{case}: {events:?}");
        assert!(events.len() + usize::from(was_told) <= 1, "{case}: {events:?}");
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
fn a_timeout_of_zero_runs_out_at_once_and_the_longest_never() {
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

/// A peer that takes long to read what is before our Close has its time from when that has left; one that only pings
/// then has no more.
#[test]
fn closing_runs_from_when_our_close_has_left_whatever_is_answered_meanwhile() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        connection.close(1000, "").unwrap();
        assert_eq!(connection.poll_timeout(start), Some((start + CLOSING, Timer::Closing)));
        drain(&mut connection);
        let left = start + 3 * SECOND;
        assert_eq!(connection.poll_timeout(left), Some((left + CLOSING, Timer::Closing)), "{role:?}");
        for n in 1..5 {
            assert_eq!(feed_at(&mut connection, &Raw::new(Raw::PING, "").for_endpoint(role), left + SECOND * n), 1);
            drain(&mut connection);
            assert_eq!(connection.poll_timeout(left + SECOND * n), Some((left + CLOSING, Timer::Closing)), "{role:?}");
        }
        connection.handle_timeout(left + CLOSING);
        assert_timed_out(&mut connection, Timer::Closing);
    }
}
