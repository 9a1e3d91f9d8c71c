//! The closing and linger timeouts.

use crate::support::{
    ROLES, Raw, drain, pending, request_head,
    timers::{
        CLOSING, LINGER, SECOND, assert_lingers_from, assert_runs_until, assert_stands_still, assert_timed_out,
        feed_at, open, timed,
    },
};
use statesocket::{Connection, Role, SocketAction, Timer, http::StatusCode};
use std::time::Instant;

#[test]
fn closing_starts_with_the_call_after_our_close_and_ends_with_1006() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        assert_stands_still(&mut connection, start);
        connection.close(1000, "").unwrap();
        let begun = start + SECOND;
        assert_eq!(connection.poll_timeout(begun), Some((begun + CLOSING, Timer::Closing)));
        let ping = Raw::new(Raw::PING, "still here").for_endpoint(role);
        assert_eq!(feed_at(&mut connection, &ping, begun + SECOND), 1, "input does not move the deadline");
        assert_runs_until(&mut connection, begun + CLOSING, Timer::Closing);
        connection.handle_timeout(begun + CLOSING);
        assert_eq!(connection.output(), b"", "nothing more is written");
        assert_timed_out(&mut connection, Timer::Closing);
        let sent =
            connection.disconnected().and_then(|disconnect| disconnect.sent.as_ref()).map(|close| close.code.into());
        assert_eq!(sent, Some(1000), "{role:?}");
        assert_eq!((connection.poll_socket(), connection.poll_socket()), (Some(SocketAction::Close), None));
        assert_stands_still(&mut connection, begun + CLOSING);
    }
}

#[test]
fn closing_starts_with_any_call_that_takes_the_time() {
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
fn linger_starts_once_the_last_byte_is_written() {
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

/// The socket is to be closed, which needs no timer.
#[test]
fn no_end_of_the_peer_is_waited_for_that_has_come() {
    let start = Instant::now();
    for role in ROLES {
        for is_failure in [false, true] {
            let mut connection = open(role, timed(), start);
            assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
            drain(&mut connection);
            if is_failure {
                connection.transport_failed();
            } else {
                connection.receive_eof();
            }
            assert_eq!(connection.poll_timeout(start), None, "{role:?}, failure: {is_failure}");
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}, failure: {is_failure}");
        }
    }
}

#[test]
fn no_end_of_the_peer_is_waited_for_that_came_before_the_last_byte() {
    let start = Instant::now();
    let mut rejecting = Connection::server(timed(), start);
    assert_eq!(feed_at(&mut rejecting, &request_head("/chat", &[]), start), 1);
    rejecting.reject(StatusCode::FORBIDDEN).unwrap();
    let [mut closing, mut lost] = [open(Role::Server, timed(), start), open(Role::Client, timed(), start)];
    closing.close(1001, "").unwrap();
    assert_eq!(feed_at(&mut closing, &Raw::close(1001, "").for_endpoint(Role::Server), start), 1);
    lost.send_text("unsent").unwrap();
    for (name, mut connection) in [("rejecting", rejecting), ("closing", closing), ("lost", lost)] {
        connection.receive_eof();
        let _ = pending(&mut connection);
        drain(&mut connection);
        assert_eq!(connection.poll_timeout(start), None, "{name}");
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{name}");
    }
}

#[test]
fn linger_closes_the_socket_if_the_peer_does_not() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, timed(), start);
        assert_eq!(feed_at(&mut connection, &Raw::new(0xB, "").for_endpoint(role), start), 1);
        drain(&mut connection);
        assert_eq!(connection.poll_socket(), (role == Role::Server).then_some(SocketAction::ShutdownWrite));
        assert_lingers_from(&mut connection, start + SECOND);
    }
}

#[test]
fn unwritten_output_does_not_hold_the_socket_forever() {
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
        assert_eq!((pending(&mut connection), connection.output()), (vec![], &[][..]));
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}");
        assert!(now <= start + CLOSING + LINGER, "{role:?}");
    }
}

#[test]
fn output_that_trickles_does_not_move_the_deadline() {
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
            assert_eq!(connection.output(), b"");
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
        }
    }
}

#[test]
fn no_timer_runs_once_the_socket_is_closed() {
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
            assert_eq!(connection.poll_timeout(start), None, "a finished {role:?} has no deadline");
        }
    }
}

/// A peer that reads slowly has the whole timeout once our Close is written. Pings do not extend it.
#[test]
fn closing_starts_when_our_close_is_written_whatever_comes_after() {
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
