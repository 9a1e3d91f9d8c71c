//! Peers that read slowly or not at all, on a clock that the test sets.

use super::{ROLES_WITH_A_MARK, numbered};
use crate::support::{
    Fragments, ROLES, Raw, config, disconnect_in, manual, pending,
    timers::{SECOND, TICK, assert_runs_until, feed_at},
};
use statesocket::{Agreed, Cause, Config, Connection, Phase, Role, SendError, Timer};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const MIN: Duration = Duration::from_secs(60);

fn connection(role: Role, config: Config, now: Instant) -> Connection {
    Connection::established(role, Agreed::new(), Arc::new(config), now)
}

/// A call that only says what time it is.
fn tell(connection: &mut Connection, now: Instant) {
    let _ = connection.poll_timeout(now);
}

fn write_all(connection: &mut Connection) {
    connection.advance(connection.output_len());
}

/// Writes `len` bytes every `period` and answers Pings, until the connection ends or the output is empty. Returns the
/// time from `start` to then.
fn read_slowly(connection: &mut Connection, start: Instant, len: usize, period: Duration) -> Duration {
    let mut now = start;
    loop {
        now += period;
        while let Some((deadline, _)) = connection.poll_timeout(now).filter(|(deadline, _)| *deadline <= now) {
            connection.handle_timeout(deadline);
            if connection.is_finished() || connection.phase() == Phase::Closed && connection.output_len() == 0 {
                return deadline - start;
            }
        }
        connection.advance(len.min(connection.output_len()));
        if connection.output_len() == 0 {
            return now - start;
        }
    }
}

#[test]
fn a3_output_that_leaves_below_the_rate_ends_the_connection_after_the_grace() {
    let start = Instant::now();
    for role in ROLES {
        let mut slow = connection(role, Config::default(), start);
        slow.send_binary(&vec![0; 4 << 20]).unwrap();
        tell(&mut slow, start);
        let time = read_slowly(&mut slow, start, 64 << 10, 50 * SECOND);
        assert!(time <= 2 * MIN, "{role:?} holds on for {time:?}");
        assert_eq!(disconnect_in(&pending(&mut slow)).cause, Cause::TimedOut(Timer::Drain));
        assert_eq!((slow.output_len(), slow.phase()), (0, Phase::Closed));
    }
}

#[test]
fn a3_a_listener_that_is_sent_to_all_the_time_is_bounded_too() {
    let start = Instant::now();
    let mut slow = connection(Role::Server, config(|config| config.ping_interval = None), start);
    let mut now = start;
    let mut most = 0;
    while slow.phase() == Phase::Open && now < start + 10 * MIN {
        while slow.send_binary(&vec![0; 100 << 10]).is_ok() {}
        most = most.max(slow.output_len());
        slow.handle_timeout(now);
        slow.advance(slow.output_len().min(10 << 10));
        now += SECOND;
    }
    assert!(now - start <= 62 * SECOND, "10 KiB/s ends after {:?}", now - start);
    assert!(most <= 4 << 20);
}

#[test]
fn a3_the_rate_does_not_count_below_the_low_water_mark() {
    let start = Instant::now();
    for role in ROLES {
        let mut calm = connection(role, config(|config| config.ping_interval = None), start);
        calm.send_binary(&vec![0; (16 << 10) - 14]).unwrap();
        tell(&mut calm, start);
        assert_eq!(read_slowly(&mut calm, start, 1 << 10, 50 * SECOND).as_secs(), 800, "{role:?}");
        assert_eq!(calm.phase(), Phase::Open);
        // Each time the output has been low the grace begins anew.
        let mut now = start + 1000 * SECOND;
        for _ in 0..50 {
            calm.send_binary(&vec![0; 20 << 10]).unwrap();
            calm.handle_timeout(now);
            now += 50 * SECOND;
            write_all(&mut calm);
            calm.handle_timeout(now);
        }
        assert_eq!(calm.phase(), Phase::Open, "{role:?}");
    }
}

#[test]
fn a3_the_rate_is_the_configured_one_and_can_be_switched_off() {
    let start = Instant::now();
    let with = |grace, rate| {
        let change = |config: &mut Config| {
            (config.drain_timeout, config.min_drain_rate) = (grace, rate);
            (config.ping_interval, config.write_timeout) = (None, None);
        };
        let mut connection = connection(Role::Server, config(change), start);
        connection.send_binary(&vec![0; 1 << 20]).unwrap();
        tell(&mut connection, start);
        connection
    };
    assert_runs_until(&mut with(Some(5 * SECOND), 1), start + 5 * SECOND, Timer::Drain);
    let mut paid = with(Some(5 * SECOND), 1_000);
    paid.advance(30_000);
    tell(&mut paid, start);
    assert_runs_until(&mut paid, start + 30 * SECOND + TICK, Timer::Drain);
    for (grace, rate) in [(None, 16 << 10), (Some(MIN), 0)] {
        assert_eq!(with(grace, rate).poll_timeout(start), None);
    }
    let mut at_once = with(Some(Duration::ZERO), 1);
    at_once.handle_timeout(start);
    assert_eq!(disconnect_in(&pending(&mut at_once)).cause, Cause::TimedOut(Timer::Drain));
}

#[test]
fn a3_one_message_over_the_limit_is_taken_when_nothing_else_is_queued() {
    for role in ROLES {
        let mut connection = connection(role, Config::default(), Instant::now());
        connection.send_binary(&vec![0; 30 << 20]).unwrap();
        let queued = connection.output_len();
        assert_eq!(connection.send_text(""), Err(SendError::OutputFull { queued, limit: 4 << 20 }), "{role:?}");
        write_all(&mut connection);
        for _ in 0..3 {
            connection.send(vec![0; 1 << 20]).expect("three pictures in a row fit");
        }
        assert!(matches!(connection.send(vec![0; 1 << 20]), Err(SendError::OutputFull { .. })));
        write_all(&mut connection);
        connection.send_text_fragment(&"x".repeat(5 << 20), false).expect("a fragment is a frame like any other");
    }
}

#[test]
fn k7_a_steady_slow_reader_gets_everything_that_came_before_a_close() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = connection(role, Config::default(), start);
        connection.send_binary(&vec![0; 30 << 20]).unwrap();
        connection.close(1000, "").unwrap();
        tell(&mut connection, start);
        let time = read_slowly(&mut connection, start, 20 << 10, SECOND);
        assert!(time > 20 * MIN, "{role:?} is cut off after {time:?}");
        assert_eq!(pending(&mut connection), [], "our Close has left, and its answer is awaited");
        let left = start + time;
        tell(&mut connection, left);
        assert_runs_until(&mut connection, left + 10 * SECOND, Timer::Closing);
    }
}

#[test]
fn k7_output_that_does_not_leave_ends_a_closing_connection() {
    let start = Instant::now();
    for role in ROLES {
        let mut stuck = connection(role, Config::default(), start);
        stuck.send_binary(&[0; 1000]).unwrap();
        stuck.close(1000, "").unwrap();
        tell(&mut stuck, start);
        assert_runs_until(&mut stuck, start + MIN, Timer::Write);
        stuck.handle_timeout(start + MIN);
        let end = disconnect_in(&pending(&mut stuck));
        assert_eq!((&end.cause, end.is_retryable()), (&Cause::TimedOut(Timer::Write), false), "{role:?}");

        let mut trickling = connection(role, Config::default(), start);
        trickling.send_binary(&[0; 1000]).unwrap();
        trickling.close(1000, "").unwrap();
        tell(&mut trickling, start);
        let time = read_slowly(&mut trickling, start, 1, SECOND);
        assert_eq!(time, MIN, "{role:?}: after a Close the rate counts for every byte");
        assert_eq!(disconnect_in(&pending(&mut trickling)).cause, Cause::TimedOut(Timer::Drain));
    }
}

#[test]
fn k7_the_last_bytes_of_both_closes_are_bounded_in_the_same_way() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = connection(role, Config::default(), start);
        connection.send_binary(&vec![0; 1 << 20]).unwrap();
        connection.close(1000, "").unwrap();
        assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
        assert_eq!(connection.phase(), Phase::Closed);
        assert!(read_slowly(&mut connection, start, 20 << 10, SECOND) > 50 * SECOND, "{role:?}");
        assert_eq!(connection.poll_timeout(start + MIN).map(|(_, timer)| timer), Some(Timer::Linger));
    }
}

#[test]
fn k7_last_messages_behind_the_peers_close_may_take_their_time() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = connection(role, manual(), start);
        assert_eq!(feed_at(&mut connection, &Raw::close(1000, "").for_endpoint(role), start), 1);
        assert_runs_until(&mut connection, start + 10 * SECOND, Timer::Closing);
        let mut now = start + 5 * SECOND;
        for _ in 0..3 {
            connection.send_binary(&vec![0; 1 << 20]).unwrap();
            tell(&mut connection, now);
            now += read_slowly(&mut connection, now, 20 << 10, SECOND);
            tell(&mut connection, now);
            assert_runs_until(&mut connection, now + 10 * SECOND, Timer::Closing);
            now += 9 * SECOND;
        }
        connection.reply_close().unwrap();
        assert_eq!(connection.phase(), Phase::Closed, "{role:?}");
    }
}

#[test]
fn a7_a_full_output_does_not_suspend_the_message_timeout() {
    let start = Instant::now();
    for role in ROLES_WITH_A_MARK {
        let change = |config: &mut Config| {
            (config.client_high_water, config.ping_interval) = (config.high_water, None);
            (config.write_timeout, config.drain_timeout) = (None, None);
        };
        let mut connection = connection(role, config(change), start);
        assert_eq!(feed_at(&mut connection, &Raw::new(Raw::BINARY, [0; 100]).for_endpoint(role)[..50], start), 0);
        connection.send_binary(&vec![0; 100 << 10]).unwrap();
        tell(&mut connection, start);
        assert_runs_until(&mut connection, start + 2 * MIN, Timer::Message);
        connection.handle_timeout(start + 2 * MIN);
        assert_eq!(disconnect_in(&pending(&mut connection)).cause, Cause::TimedOut(Timer::Message), "{role:?}");
    }
}

#[test]
fn a7_only_a_pause_of_the_program_suspends_the_message_timeout() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = connection(role, config(|config| config.ping_interval = None), start);
        assert_eq!(feed_at(&mut connection, &Raw::new(Raw::BINARY, [0; 100]).for_endpoint(role)[..50], start), 0);
        connection.pause_reading();
        assert_eq!(connection.poll_timeout(start + SECOND), None, "{role:?}");
        connection.resume_reading();
        let resumed = start + 10 * MIN;
        let deadline = resumed + 2 * MIN - SECOND;
        assert_eq!(connection.poll_timeout(resumed), Some((deadline, Timer::Message)), "{role:?}: 1 s had passed");
    }
}

#[test]
fn k2_a_peer_that_is_not_heard_is_not_blamed_for_its_silence() {
    let start = Instant::now();
    for role in ROLES_WITH_A_MARK {
        let change = |config: &mut Config| {
            config.client_high_water = config.high_water;
            config.idle_timeout = Some(30 * SECOND);
        };
        let mut connection = connection(role, config(change), start);
        connection.handle_timeout(start + 20 * SECOND);
        assert!(connection.output_len() > 0, "a keepalive Ping is queued");
        connection.send_binary(&vec![0; 1 << 20]).unwrap();
        let mut now = start + 20 * SECOND;
        while connection.output_len() > 16 << 10 {
            assert_eq!((connection.phase(), connection.wants_read()), (Phase::Open, false), "{role:?}");
            connection.advance(connection.output_len().min(16 << 10));
            now += SECOND;
            connection.handle_timeout(now);
        }
        assert!(now - start >= 80 * SECOND && connection.wants_read());
        assert_eq!(connection.phase(), Phase::Open, "{role:?}: the waits begin anew");
        write_all(&mut connection);
        let (deadline, timer) = connection.poll_timeout(now).expect("a timer runs");
        assert!(deadline > now + 19 * SECOND, "{role:?}: {timer:?}");
    }
}

#[test]
fn k6_the_next_deadline_may_come_earlier_after_any_call() {
    let start = Instant::now();
    let seconds = |connection: &mut Connection| {
        let (deadline, timer) = connection.poll_timeout(start).expect("a timer runs");
        ((deadline - start).as_secs(), timer)
    };
    for role in ROLES {
        let change = |config: &mut Config| {
            config.message_timeout = Some(7 * SECOND);
            config.write_timeout = Some(11 * SECOND);
        };
        let mut open = connection(role, config(change), start);
        assert_eq!(seconds(&mut open), (20, Timer::Ping));
        open.send_text("queued").unwrap();
        assert_eq!(seconds(&mut open), (11, Timer::Write), "{role:?}: a command");
        assert_eq!(feed_at(&mut open, &numbered(1, role)[..1], start), 0);
        assert_eq!(seconds(&mut open), (7, Timer::Message), "{role:?}: input");
        write_all(&mut open);
        open.close(1000, "").unwrap();
        write_all(&mut open);
        assert_eq!(seconds(&mut open), (10, Timer::Closing), "{role:?}: a write");
        open.handle_timeout(start + 10 * SECOND - TICK);
        assert_ne!(open.phase(), Phase::Closed);
    }
}
