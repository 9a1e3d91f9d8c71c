//! The clock alone: which timer runs when.

#![expect(clippy::disallowed_methods, reason = "only `Instant::now` makes an `Instant`")]

use super::{output::DRAIN_SPAN, *};

const SECOND: Duration = Duration::from_secs(1);
const OPEN: Waits = Waits::Messages { can_ping: true };

/// A clock, the time when it began, and a configuration whose timeouts all differ.
fn clock() -> (Clock, Instant, Config) {
    let began = Instant::now();
    let config = Config::default().with(|config| {
        config.opening_timeout = Some(SECOND);
        config.accept_timeout = Some(2 * SECOND);
        config.ping_interval = Some(20 * SECOND);
        config.pong_timeout = Some(5 * SECOND);
        config.idle_timeout = Some(60 * SECOND);
        config.message_timeout = Some(7 * SECOND);
        config.write_timeout = Some(11 * SECOND);
        config.closing_timeout = Some(3 * SECOND);
        config.linger_timeout = Some(4 * SECOND);
    });
    (Clock::new(began), began, config)
}

#[test]
fn each_wait_has_its_timer() {
    let (clock, began, config) = clock();
    for (waits, expected) in [
        (Waits::Handshake, Some((1, Timer::Opening))),
        (Waits::Decision, Some((2, Timer::Accept))),
        (OPEN, Some((20, Timer::Ping))),
        (Waits::Messages { can_ping: false }, Some((60, Timer::Idle))),
        (Waits::Close, Some((3, Timer::Closing))),
        (Waits::Eof, Some((4, Timer::Linger))),
        (Waits::Nothing, None),
    ] {
        let expected = expected.map(|(seconds, timer)| (began + seconds * SECOND, timer));
        assert_eq!(clock.deadline(waits, &config), expected, "{waits:?}");
    }
}

#[test]
fn a_timer_expires_at_its_deadline_and_not_before() {
    let (clock, began, config) = clock();
    let deadline = began + SECOND;
    assert_eq!(clock.expired(deadline - Duration::from_nanos(1), Waits::Handshake, &config), None);
    assert_eq!(clock.expired(deadline, Waits::Handshake, &config), Some(Timer::Opening));
}

#[test]
fn a_command_is_dated_by_the_next_stamp() {
    let (mut clock, began, config) = clock();
    clock.phase_began(Phase::ApplicationClosed, State::Disconnected);
    assert!(clock.has_pending());
    clock.stamp(began + 9 * SECOND, true, Level::Low);
    assert!(!clock.has_pending());
    assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 12 * SECOND, Timer::Closing)));
}

#[test]
fn the_wait_for_a_close_begins_when_our_close_is_written() {
    let (mut clock, began, config) = clock();
    clock.phase_began(Phase::ApplicationClosed, State::Disconnected);
    clock.stamp(began, false, Level::Low);
    clock.bytes_written(1, false);
    clock.stamp(began + SECOND, false, Level::Low);
    assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 12 * SECOND, Timer::Write)), "a part is written");
    for second in [2, 4] {
        clock.bytes_written(1, true);
        clock.stamp(began + second * SECOND, true, Level::Low);
        assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 5 * SECOND, Timer::Closing)));
    }
    clock.stamp(began + 4 * SECOND, false, Level::Low);
    assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 5 * SECOND, Timer::Closing)), "a Pong is queued");
}

#[test]
fn without_timeouts_for_the_output_the_closing_timeout_bounds_it() {
    let (mut clock, began, mut config) = clock();
    (config.write_timeout, config.min_drain_rate) = (None, 0);
    clock.phase_began(Phase::ApplicationClosed, State::Disconnected);
    clock.stamp(began, false, Level::Low);
    assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 3 * SECOND, Timer::Closing)));
}

#[test]
fn behind_the_peers_close_each_drained_output_restarts_the_wait_for_ours() {
    let (mut clock, began, config) = clock();
    clock.phase_began(Phase::ClientClosed, State::Connected);
    clock.stamp(began, true, Level::Low);
    assert_eq!(clock.deadline(Waits::Close, &config), Some((began + 3 * SECOND, Timer::Closing)));
    for second in [1, 4] {
        clock.stamp(began + second * SECOND, false, Level::Low);
        assert_eq!(clock.deadline(Waits::Close, &config), Some((began + (11 + second) * SECOND, Timer::Write)));
        clock.bytes_written(1, true);
        clock.stamp(began + (second + 2) * SECOND, true, Level::Low);
        assert_eq!(clock.deadline(Waits::Close, &config), Some((began + (5 + second) * SECOND, Timer::Closing)));
    }
}

#[test]
fn a_raised_output_must_leave_at_the_rate_on_average() {
    let (mut clock, began, mut config) = clock();
    (config.write_timeout, config.ping_interval, config.idle_timeout) = (None, None, None);
    (config.drain_timeout, config.min_drain_rate) = (Some(10 * SECOND), 1000);
    clock.stamp(began, false, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), None, "the output is low");
    clock.bytes_written(50_000, false);
    clock.stamp(began + SECOND, false, Level::Raised);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 11 * SECOND, Timer::Drain)), "bytes before do not count");
    clock.bytes_written(9_000, false);
    clock.stamp(began + 2 * SECOND, false, Level::High);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 11 * SECOND, Timer::Drain)));
    clock.bytes_written(6_000, false);
    clock.stamp(began + 3 * SECOND, false, Level::Raised);
    let below_rate = began + 16 * SECOND + Duration::from_nanos(1);
    assert_eq!(clock.deadline(OPEN, &config), Some((below_rate, Timer::Drain)), "15 s are paid for");
    clock.bytes_written(DRAIN_SPAN as usize, false);
    clock.stamp(began + 4 * SECOND, false, Level::Raised);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 14 * SECOND, Timer::Drain)), "the average begins anew");
    clock.stamp(began + 5 * SECOND, false, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), None);
}

#[test]
fn a_high_output_suspends_what_waits_to_hear_the_peer_but_not_the_message() {
    let (mut clock, began, mut config) = clock();
    (config.ping_interval, config.write_timeout, config.drain_timeout) = (None, None, None);
    clock.ping_sent(began, false);
    clock.mark(6);
    clock.bytes_written(6, true);
    clock.stamp(began, true, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 5 * SECOND, Timer::Pong)));
    clock.stamp(began + SECOND, false, Level::High);
    assert_eq!(clock.deadline(OPEN, &config), None);
    clock.input_ended(true);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 7 * SECOND, Timer::Message)));
    clock.input_ended(false);
    clock.stamp(began + 90 * SECOND, false, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 95 * SECOND, Timer::Pong)), "the wait begins anew");
}

#[test]
fn the_pong_deadline_counts_from_the_written_ping_until_any_byte() {
    let (mut clock, began, config) = clock();
    clock.ping_sent(began + SECOND, true);
    clock.mark(1);
    clock.stamp(began + SECOND, false, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 12 * SECOND, Timer::Write)), "the Ping is queued");
    clock.bytes_written(1, true);
    clock.stamp(began + 4 * SECOND, true, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 9 * SECOND, Timer::Pong)));
    clock.bytes_came(began + 6 * SECOND);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 24 * SECOND, Timer::Ping)), "any byte answers it");
}

#[test]
fn the_pong_deadline_counts_from_the_first_unanswered_ping() {
    let (mut clock, began, mut config) = clock();
    config.ping_interval = None;
    for second in [1, 3] {
        clock.ping_sent(began + second * SECOND, false);
        clock.mark(6);
        clock.bytes_written(6, true);
        clock.stamp(began + second * SECOND, true, Level::Low);
        assert_eq!(clock.deadline(OPEN, &config), Some((began + 6 * SECOND, Timer::Pong)));
    }
}

#[cfg(feature = "server")]
#[test]
fn a11_a_peer_that_the_driver_did_not_read_is_silent_since_it_does_again() {
    let (mut clock, began, mut config) = clock();
    config.ping_interval = None;
    let idle = |clock: &Clock| clock.deadline(OPEN, &config).map(|(deadline, timer)| (deadline - began, timer));
    for (second, is_unread, expected) in
        [(10, true, None), (20, true, None), (90, false, Some(150)), (95, false, Some(150)), (100, true, None)]
    {
        clock.set_unread(is_unread, began + second * SECOND);
        assert_eq!(idle(&clock), expected.map(|second| (second * SECOND, Timer::Idle)), "after {second} s");
    }
}

#[test]
fn only_the_pong_of_the_last_ping_gives_a_round_trip() {
    let (mut clock, began, _) = clock();
    let first = clock.ping_sent(began, false);
    clock.mark(1);
    clock.pong_came(&first);
    assert_eq!(clock.round_trip(), None, "the Ping has not left");
    clock.bytes_written(1, true);
    clock.bytes_came(began + SECOND);
    clock.pong_came(b"else");
    assert_eq!(clock.round_trip(), None);
    clock.pong_came(&first);
    assert_eq!(clock.round_trip(), Some(SECOND));
    clock.bytes_came(began + 9 * SECOND);
    clock.pong_came(&first);
    assert_eq!(clock.round_trip(), Some(SECOND), "a repeated Pong answers nothing");
}

#[test]
fn a_pause_suspends_the_deadlines_that_wait_for_the_peer() {
    let (mut clock, began, mut config) = clock();
    config.ping_interval = None;
    clock.bytes_came(began + SECOND);
    clock.input_ended(true);
    clock.set_paused(true);
    clock.stamp(began + 2 * SECOND, true, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), None);
    clock.set_paused(false);
    clock.stamp(began + 102 * SECOND, true, Level::Low);
    assert_eq!(clock.deadline(OPEN, &config), Some((began + 108 * SECOND, Timer::Message)), "6 s were left");
}

#[test]
fn a_clock_that_goes_back_moves_no_deadline_before_its_beginning() {
    let (mut clock, began, config) = clock();
    clock.set_paused(true);
    clock.stamp(began, true, Level::Low);
    clock.set_paused(false);
    clock.stamp(began - 5 * SECOND, true, Level::Low);
    assert_eq!(clock.deadline(Waits::Handshake, &config), Some((began + SECOND, Timer::Opening)));
}
