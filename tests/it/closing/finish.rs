//! Ends that leave the last bytes to be written: `finish`, and `abort` after the end. Whether our Close has left.

use crate::support::{
    ROLES, Raw, client, disconnect_in, drain, established, manual, peer_sends, pending, requested_server, sent,
};
use statesocket::{
    Cause, Config, Connection, Event, Phase, Role, SocketAction, Timer, handshake::Response, http::StatusCode,
};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Writes the output byte by byte: only behind the last byte the socket is closed, once, and nothing is waited for.
#[track_caller]
fn assert_closes_behind_the_last_byte(connection: &mut Connection) -> Vec<u8> {
    assert_eq!(connection.phase(), Phase::Closed);
    let mut written = Vec::new();
    while connection.output_len() > 0 {
        assert_eq!(connection.poll_socket(), None, "{} bytes are queued", connection.output_len());
        assert!(connection.wants_read(), "unread bytes would reset the socket");
        written.push(connection.output()[0]);
        connection.advance(1);
    }
    assert!(!connection.wants_read());
    assert_eq!(connection.poll_timeout(Instant::now()), None);
    assert_eq!((connection.poll_socket(), connection.poll_socket()), (Some(SocketAction::Close), None));
    assert!(connection.is_finished());
    written
}

#[test]
fn s18_what_is_queued_leaves_before_a_finish_closes_the_socket() {
    for role in ROLES {
        for closes in [false, true] {
            let mut connection = established(role, Config::default());
            connection.send_text("last words").unwrap();
            if closes {
                connection.close(4001, "bye").unwrap();
            }
            let expected = connection.output().to_vec();
            connection.finish();
            let end = disconnect_in(&pending(&mut connection));
            assert_eq!((end.cause, end.is_clean, u16::from(end.code)), (Cause::Aborted, false, 1006));
            assert_eq!(end.sent.is_some(), closes, "{role:?}");
            let late = [Raw::new(Raw::TEXT, "late"), Raw::close(1000, "")];
            assert_eq!(peer_sends(&mut connection, late), [], "nothing more is handed out");
            assert_eq!(assert_closes_behind_the_last_byte(&mut connection), expected, "{role:?}");
            assert!(!connection.has_closed_cleanly());
        }
    }
}

#[test]
fn s18_a_finish_behind_our_reply_keeps_the_end_clean() {
    for role in ROLES {
        for is_manual in [false, true] {
            let mut connection = established(role, if is_manual { manual() } else { Config::default() });
            connection.send_text("before").unwrap();
            let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
            assert_eq!(end.is_clean, !is_manual);
            if is_manual {
                connection.reply_close().unwrap();
            }
            connection.finish();
            connection.finish();
            let written = assert_closes_behind_the_last_byte(&mut connection);
            assert!(written.len() > 10 && connection.has_closed_cleanly(), "{role:?}");
            assert!(connection.disconnected().is_some_and(|end| end.is_clean && end.cause == Cause::PeerClosed));
        }
    }
}

#[test]
fn s18_a_finish_leaves_out_the_wait_for_the_end_of_the_stream() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.close(1000, "").unwrap();
        drain(&mut connection);
        disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
        let _ = connection.poll_socket();
        assert_eq!(connection.poll_timeout(Instant::now()).map(|(_, timer)| timer), Some(Timer::Linger));
        connection.finish();
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}");
    }
}

#[test]
fn s18_a_finish_before_the_connection_is_open_is_an_abort() {
    let idle = Connection::server(Default::default(), Instant::now());
    for mut connection in [idle, requested_server(Config::default()), client(Config::default(), &[])] {
        connection.finish();
        assert_eq!((connection.output_len(), connection.phase()), (0, Phase::Closed));
        assert_eq!(disconnect_in(&pending(&mut connection)).cause, Cause::Aborted);
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
    }
}

/// A keepalive Ping in the middle of the output does not begin the wait for a Close.
#[test]
fn s18_bytes_that_leave_behind_a_finish_are_bounded_by_the_write_timeout() {
    for role in ROLES {
        let (mut connection, mut now) = (established(role, Config::default()), Instant::now());
        connection.send_binary(&[7; 1000]).unwrap();
        now += Config::default().ping_interval.unwrap();
        connection.handle_timeout(now);
        connection.send_binary(&[7; 10_000]).unwrap();
        connection.finish();
        for step in 0..10 {
            connection.advance(300);
            let timer = connection.poll_timeout(now).map(|(_, timer)| timer);
            assert!(matches!(timer, Some(Timer::Write | Timer::Drain)), "{role:?} in step {step}: {timer:?}");
            now += 4 * SECOND;
            connection.handle_timeout(now);
        }
        assert!(connection.output_len() > 0, "{role:?}: 40 s are no reason to end it");
        let (deadline, _) = connection.poll_timeout(now).expect("a deadline");
        connection.handle_timeout(deadline);
        assert_eq!((connection.output_len(), connection.poll_socket()), (0, Some(SocketAction::Close)), "{role:?}");
    }
}

#[test]
fn s18_an_abort_after_the_end_drops_nothing_of_it() {
    for role in ROLES {
        let ends: [fn(&mut Connection); 4] = [
            |connection| drop(peer_sends(connection, [Raw::close(4001, "bye")])),
            |connection| drop(peer_sends(connection, [Raw::new(0xB, "")])),
            |connection| connection.fail(1008, "no").unwrap(),
            |connection| {
                connection.close(1000, "").unwrap();
                drop(peer_sends(connection, [Raw::close(4001, "crossing")]));
            },
        ];
        for (number, end) in ends.into_iter().enumerate() {
            let mut connection = established(role, Config::default());
            connection.send_text("before").unwrap();
            end(&mut connection);
            pending(&mut connection);
            let (expected, reported) = (connection.output().to_vec(), connection.disconnected().cloned());
            connection.abort();
            connection.abort();
            assert_eq!(assert_closes_behind_the_last_byte(&mut connection), expected, "{role:?}, end {number}");
            assert_eq!(connection.disconnected().cloned(), reported, "{role:?}, end {number}");
            let is_clean = reported.is_some_and(|end| end.is_clean);
            assert_eq!(connection.has_closed_cleanly(), is_clean, "{role:?}, end {number}");
        }
    }
}

#[test]
fn s18_an_abort_does_not_take_back_a_rejection() {
    let mut server = requested_server(Config::default());
    server.reject(Response::new(StatusCode::NOT_FOUND).body("nothing here")).unwrap();
    assert_eq!(disconnect_in(&pending(&mut server)).cause, Cause::Rejected(StatusCode::NOT_FOUND));
    server.abort();
    assert!(assert_closes_behind_the_last_byte(&mut server).ends_with(b"nothing here"));
}

#[test]
fn s18_an_abort_of_an_open_connection_still_drops_its_bytes() {
    for role in ROLES {
        let mut connection = established(role, manual());
        connection.send_text("dropped").unwrap();
        disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
        connection.abort();
        assert_eq!((connection.output_len(), connection.poll_socket()), (0, Some(SocketAction::Close)), "{role:?}");
        assert!(!connection.has_closed_cleanly());
    }
}

#[test]
fn s7_an_end_is_clean_once_our_close_has_left() {
    for role in ROLES {
        for ours_first in [false, true] {
            let mut connection = established(role, Config::default());
            connection.send_text("before").unwrap();
            if ours_first {
                connection.close(1000, "").unwrap();
                // Their Pong follows our Close.
                peer_sends(&mut connection, [Raw::new(Raw::PING, "?")]);
            }
            let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
            assert!(end.is_clean && !connection.has_closed_cleanly(), "{role:?}");
            let behind = if ours_first { Raw::new(Raw::PONG, "?").for_endpoint(role.peer()).len() } else { 0 };
            connection.advance(connection.output_len() - behind - 1);
            assert!(!connection.has_closed_cleanly(), "{role:?}: one byte is missing");
            connection.advance(1);
            assert!(connection.has_closed_cleanly(), "{role:?}");
            connection.transport_failed();
            assert!(connection.has_closed_cleanly(), "{role:?}: it has left before");
        }
    }
}

#[test]
fn s7_an_end_is_not_clean_if_our_close_is_dropped() {
    let drops: [fn(&mut Connection); 2] = [Connection::transport_failed, |connection| {
        let (deadline, timer) = connection.poll_timeout(Instant::now()).expect("a deadline");
        assert!(matches!(timer, Timer::Write | Timer::Drain), "{timer:?}");
        connection.handle_timeout(deadline);
    }];
    for role in ROLES {
        for (number, drop_output) in drops.into_iter().enumerate() {
            let mut connection = established(role, Config::default());
            let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
            connection.advance(1);
            drop_output(&mut connection);
            assert_eq!((end.is_clean, connection.has_closed_cleanly()), (true, false), "{role:?}, {number}");
            assert_eq!(connection.output_len(), 0);
        }
    }
}

#[test]
fn s7_bytes_that_leave_at_once_postpone_the_closing_timeout() {
    let closing = Config::default().closing_timeout.unwrap();
    for role in ROLES {
        let (mut connection, mut now) = (established(role, manual()), Instant::now());
        disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
        for _ in 0..10 {
            now += closing - SECOND;
            connection.send_text("more").unwrap();
            drain(&mut connection);
            assert_eq!(connection.poll_timeout(now), Some((now + closing, Timer::Closing)), "{role:?}");
            connection.handle_timeout(now);
        }
        connection.handle_timeout(now + closing);
        assert_eq!(connection.phase(), Phase::Closed, "{role:?}: it neither sends nor answers");
    }
}

/// An application that answers by itself sends for longer than `closing_timeout`, with a Ping in the middle.
#[test]
fn s7_the_closing_timeout_does_not_cut_off_what_leaves_before_our_reply() {
    for role in ROLES {
        let mut connection = established(role, manual());
        let mut now = Instant::now();
        connection.send_binary(&[7; 1000]).unwrap();
        now += Config::default().ping_interval.unwrap();
        connection.handle_timeout(now);
        connection.send_binary(&[7; 10_000]).unwrap();
        disconnect_in(&peer_sends(&mut connection, [Raw::close(1000, "")]));
        for step in 0..30 {
            connection.advance(400);
            if step % 10 == 5 {
                connection.send_binary(&[7; 1000]).unwrap();
            }
            let timer = connection.poll_timeout(now).map(|(_, timer)| timer);
            assert!(matches!(timer, Some(Timer::Write | Timer::Drain)), "{role:?} in step {step}: {timer:?}");
            now += SECOND;
            connection.handle_timeout(now);
        }
        assert_eq!(
            connection.phase(),
            if role == Role::Server { Phase::ClientClosed } else { Phase::ApplicationClosed }
        );
        drain(&mut connection);
        let waits = connection.poll_timeout(now);
        assert_eq!(waits, Some((now + Config::default().closing_timeout.unwrap(), Timer::Closing)), "{role:?}");
        connection.reply_close().unwrap();
        assert_eq!(sent(&mut connection), [Raw::close(1000, "")]);
        assert!(connection.has_closed_cleanly());
        assert!(!pending(&mut connection).iter().any(|event| matches!(event, Event::Disconnect(_))));
    }
}
