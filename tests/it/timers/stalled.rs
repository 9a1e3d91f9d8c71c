//! Timeouts of connections on which nothing moves: unread, unwritten, paused, resumed.

use crate::support::{
    ROLES, Raw, client, config, drain, established, manual, pending, response_head,
    timers::{SECOND, feed_at},
    without_timeouts,
};
use statesocket::{
    Agreed, Cause, Config, Connection, Event, OutputBuffer, Phase, PingError, Role, SendError, SocketAction, Timer,
};
use std::{sync::Arc, time::Instant};

/// Advances the clock from deadline to deadline, and returns the cause of the end.
fn run_out(connection: &mut Connection, mut now: Instant) -> Cause {
    for _ in 0..10 {
        let (deadline, _) = connection.poll_timeout(now).expect("the connection has a deadline");
        now = deadline;
        connection.handle_timeout(now);
        if let [Event::Disconnect(disconnect)] = pending(connection).as_slice() {
            return disconnect.cause.clone();
        }
    }
    panic!("the connection does not end")
}

#[test]
fn a_peer_that_never_reads_is_left_while_reading_is_paused() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_binary(&[0; 100_000]).unwrap();
        connection.pause_reading();
        assert_eq!(run_out(&mut connection, Instant::now()), Cause::TimedOut(Timer::Write), "{role:?}");
        assert_eq!((connection.poll_socket(), connection.output_len()), (Some(SocketAction::Close), 0));
    }
}

#[test]
fn only_written_bytes_restart_the_write_timeout() {
    for role in ROLES {
        let start = Instant::now();
        let mut connection = established(role, config(|config| config.ping_interval = None));
        connection.send_binary(&[0; 1000]).unwrap();
        let deadline = connection.poll_timeout(start);
        assert_eq!(deadline.map(|(_, timer)| timer), Some(Timer::Write), "{role:?}");
        connection.advance(0);
        assert_eq!(connection.poll_timeout(start + SECOND), deadline, "{role:?}");
        connection.advance(1);
        assert_ne!(connection.poll_timeout(start + SECOND), deadline, "{role:?}");
    }
}

#[test]
fn a_message_that_is_offered_to_a_full_stream_restarts_no_write_timeout() {
    let start = Instant::now();
    let mut connection = established(Role::Server, config(|config| config.ping_interval = None));
    connection.send_text("waits").unwrap();
    let deadline = connection.poll_timeout(start).expect("a deadline");
    let message = vec![0; 20_000];
    for second in 1..5 {
        connection.send_through(&*message, &mut [][..]).unwrap();
        assert_eq!(connection.poll_timeout(start + second * SECOND), Some(deadline), "nothing has left");
    }
}

/// The fast path for whole messages tells the time too, and output into lent memory is noticed too.
#[test]
fn the_write_timeout_starts_with_the_call_after_the_output() {
    for is_lent in [false, true] {
        let start = Instant::now();
        let mut connection = established(Role::Server, config(|config| config.ping_interval = None));
        let mut lent = OutputBuffer::default();
        if is_lent {
            connection.lend_buffer(&mut lent);
            connection.send_text("made room for").unwrap();
            drain(&mut connection);
        }
        assert_eq!(connection.poll_timeout(start), None);
        connection.send_text("waits").unwrap();
        assert_eq!(feed_at(&mut connection, &[], start), 0, "without input it does not count");
        let message = Raw::new(Raw::BINARY, b"whole").masked().bytes();
        assert_eq!(feed_at(&mut connection, &message, start + SECOND), 1);
        let deadline = start + SECOND + Config::default().write_timeout.expect("the default has a deadline");
        assert_eq!(connection.poll_timeout(start + 2 * SECOND), Some((deadline, Timer::Write)), "lent: {is_lent}");
        connection.reclaim_buffer(&mut lent);
        assert_eq!(connection.poll_timeout(start + 2 * SECOND), Some((deadline, Timer::Write)), "lent: {is_lent}");
    }
}

#[test]
fn a_failed_transport_has_no_write_timeout() {
    let start = Instant::now();
    let mut connection = established(Role::Server, config(|config| config.ping_interval = None));
    connection.send_binary(&[0; 1000]).unwrap();
    let (deadline, timer) = connection.poll_timeout(start).expect("the reason fits");
    assert_eq!(timer, Timer::Write);
    connection.transport_failed();
    connection.handle_timeout(deadline);
    let events = pending(&mut connection);
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("the connection ends: {events:?}") };
    assert_eq!(disconnect.cause, Cause::TransportLost(None));
}

#[test]
fn a_peer_that_reads_now_and_then_is_kept() {
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

/// Whatever the call returns, and even if it is the only call.
#[test]
fn the_write_timeout_starts_with_the_input_that_made_the_output() {
    let start = Instant::now();
    for role in ROLES {
        for (queued, frame) in [("before", Raw::new(Raw::TEXT, "whole")), ("", Raw::new(Raw::PING, "because"))] {
            let config = config(|config| config.ping_interval = None);
            let limit = config.write_timeout.expect("the default has one");
            let mut connection = Connection::established(role, Agreed::new(), config.into(), start);
            if !queued.is_empty() {
                connection.send_text(queued).unwrap();
            }
            let mut wire = frame.clone().for_endpoint(role);
            assert!(connection.receive(&mut wire.as_mut_slice(), start + SECOND).is_some());
            let timeout = connection.poll_timeout(start + SECOND * 5);
            assert_eq!(timeout, Some((start + SECOND + limit, Timer::Write)), "{role:?}, {frame:?}");
        }
    }
}

#[test]
fn output_in_lent_memory_has_a_write_timeout() {
    let start = Instant::now();
    for role in ROLES {
        let config = config(|config| config.ping_interval = None);
        let limit = config.write_timeout.expect("the default has one");
        let mut connection = Connection::established(role, Agreed::new(), config.into(), start);
        let mut lent = OutputBuffer::default();
        for now in [start, start + SECOND] {
            connection.lend_buffer(&mut lent);
            connection.send_text("waits").unwrap();
            assert_eq!(connection.poll_timeout(now), Some((now + limit, Timer::Write)), "{role:?}");
            drain(&mut connection);
            assert_eq!(connection.poll_timeout(now), None, "{role:?}");
            connection.reclaim_buffer(&mut lent);
        }
    }
}

#[test]
fn an_invalid_whole_message_is_a_sign_of_life() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = Connection::established(role, Agreed::new(), Arc::default(), start);
        let mut wire = Raw::new(Raw::TEXT, [0xFF]).for_endpoint(role);
        let event = connection.receive(&mut wire.as_mut_slice(), start + SECOND);
        assert!(matches!(event, Some(Event::Disconnect(_))), "{event:?}");
        assert_eq!(connection.last_heard(), start + SECOND, "{role:?}");
    }
}

#[test]
fn resuming_does_not_postpone_what_pausing_does_not_suspend() {
    let start = Instant::now();
    let mut closing = established(Role::Server, Config::default());
    closing.close(1000, "").unwrap();
    drain(&mut closing);
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
fn a_closed_connection_is_read_to_its_end_even_if_paused() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), Instant::now());
        connection.pause_reading();
        drain(&mut connection);
        assert!(connection.wants_read(), "{role:?}: only the linger timeout runs");
    }
}

/// Each Ping ends in time. That every read ends inside the next Ping makes none of them a slow message.
#[test]
fn pings_across_reads_are_not_a_slow_message() {
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
fn last_heard_is_the_time_of_the_last_bytes() {
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
fn nothing_can_be_sent_after_the_transport_failed() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.transport_failed();
        assert_eq!(connection.send_text("too late"), Err(SendError::TransportLost));
        assert_eq!(connection.ping(b""), Err(PingError::TransportLost));
        connection.ensure_closed(1000, "");
        assert_eq!(connection.output(), b"", "{role:?}");
        for text in [SendError::TransportLost.to_string(), PingError::TransportLost.to_string()] {
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        }
    }
}

/// An application that paces its reading stops neither the Pings nor the detection of a dead peer: while it reads, the
/// next Ping waits for the answer to the last one.
#[test]
fn a_dead_peer_is_found_while_reading_is_paced() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let mut pings = 0;
        for n in 0..600 {
            connection.pause_reading();
            connection.handle_timeout(start + SECOND * n);
            connection.resume_reading();
            connection.handle_timeout(start + SECOND * n + SECOND / 2);
            pings += usize::from(connection.phase() == Phase::Open && connection.output_len() > 0);
            drain(&mut connection);
        }
        assert_eq!((connection.phase(), pings), (Phase::Closed, 2), "{role:?}");
    }
}

#[test]
fn every_part_of_a_message_restarts_the_idle_timeout() {
    let start = Instant::now();
    let config = config(|config| {
        without_timeouts(config);
        config.idle_timeout = Some(SECOND * 30);
    });
    let mut connection = established(Role::Client, config);
    let message = Raw::new(Raw::BINARY, [0; 200]).bytes();
    for (byte, n) in message.chunks(1).zip(0..100) {
        assert_eq!(feed_at(&mut connection, byte, start + SECOND * n), 0);
        connection.handle_timeout(start + SECOND * n);
    }
    assert_eq!(connection.phase(), Phase::Open);
}

/// 16 MiB at 1.2 Mbit/s: the Ping waits behind them, and so does the Pong.
#[test]
fn the_pong_timeout_starts_when_the_ping_is_written() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_binary(&vec![0; 16 << 20]).unwrap();
        let mut now = start;
        while connection.output_len() > 0 {
            now += SECOND;
            connection.handle_timeout(now);
            assert_eq!(connection.phase(), Phase::Open, "{role:?}, {} bytes still queued", connection.output_len());
            connection.advance(connection.output_len().min(150_000));
        }
        assert_eq!(connection.poll_timeout(now), Some((now + SECOND * 20, Timer::Pong)));
    }
}

#[test]
fn a_client_whose_request_is_unwritten_may_be_rejected() {
    let mut client = client(Config::default(), &[]);
    client.advance(10);
    let head = response_head("HTTP/1.1 431 Too Large", &[("Content-Length", "0")]);
    assert_eq!(feed_at(&mut client, &head, Instant::now()), 2);
    assert_eq!((client.output_len(), client.poll_socket()), (0, Some(SocketAction::Close)));
}

#[test]
fn an_answer_that_cannot_be_written_makes_no_clean_end() {
    for role in ROLES {
        let mut connection = established(role, manual());
        feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), Instant::now());
        connection.transport_failed();
        connection.close(1000, "").unwrap();
        assert_eq!((pending(&mut connection), connection.output_len()), (vec![], 0));
        let end = connection.disconnected().unwrap();
        assert_eq!((end.is_clean, &end.sent), (false, &None), "{role:?}");
    }
}
