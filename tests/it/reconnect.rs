//! Whether and when a client reconnects.

use proptest::{collection::vec, prelude::*};
use statesocket::{
    Agreed, Cause, CloseCode, Config, Connection, Disconnect, Event, HandshakeError, ProtocolError, Role, Timer,
    handshake::{Connect, Response},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    reconnect::{Backoff, Reconnect},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);

fn client(now: Instant) -> Connection {
    let connect = Connect::new("ws://example.com/").expect("a URI");
    Connection::client(&connect, Arc::new(Config::default()), now)
}

fn open_pair(now: Instant) -> (Connection, Connection) {
    let end_of = |role| Connection::established(role, Agreed::new(), Arc::new(Config::default()), now);
    (end_of(Role::Client), end_of(Role::Server))
}

fn end_after(connection: &mut Connection, bytes: &[u8], now: Instant) -> Disconnect {
    let mut bytes = bytes.to_vec();
    let mut input = bytes.as_mut_slice();
    while let Some(event) = connection.receive(&mut input, now) {
        if let Event::Disconnect(disconnect) = event {
            return *disconnect;
        }
    }
    panic!("the connection has not ended")
}

fn take_disconnect(connection: &mut Connection) -> Disconnect {
    match connection.poll_event() {
        Some(Event::Disconnect(disconnect)) => *disconnect,
        other => panic!("{other:?} is not an end"),
    }
}

/// An end with only the fields that the backoff reads.
fn end(cause: Cause, code: u16) -> Disconnect {
    let mut connection = client(Instant::now());
    connection.abort();
    let mut disconnect = take_disconnect(&mut connection);
    disconnect.cause = cause;
    disconnect.code = CloseCode::from(code);
    disconnect
}

fn lost() -> Disconnect {
    end(Cause::TransportLost(None), 1006)
}

fn closed(code: u16) -> Disconnect {
    end(Cause::PeerClosed, code)
}

fn seeded(backoff: &Backoff, seed: u64) -> Reconnect {
    let mut backoff = backoff.clone();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    backoff.seed = Some(bytes);
    Reconnect::new(backoff)
}

/// The table in the documentation, value by value.
fn should_retry(cause: &Cause, code: u16) -> bool {
    match cause {
        Cause::PeerClosed => [1001, 1011, 1012, 1013, 1014].contains(&code),
        // Codes from 509 on that are not registered.
        Cause::Rejected(status) => {
            let status = status.as_u16();
            [408, 425, 429, 500, 502, 503, 504, 509].contains(&status) || (512..600).contains(&status)
        }
        Cause::TransportLost(None) => true,
        Cause::TimedOut(timer) => ![Timer::Closing, Timer::Ping, Timer::Linger].contains(timer),
        _ => false,
    }
}

fn causes() -> impl Strategy<Value = Cause> {
    prop_oneof![
        4 => Just(Cause::PeerClosed),
        2 => (100u16..1000).prop_map(|status| Cause::Rejected(StatusCode::from_u16(status).expect("a status"))),
        1 => Just(Cause::LocalClosed),
        1 => Just(Cause::Answered(StatusCode::SERVICE_UNAVAILABLE)),
        1 => Just(Cause::Handshake(HandshakeError::InvalidAccept)),
        1 => Just(Cause::Protocol(ProtocolError::MaskedFrame)),
        1 => Just(Cause::TransportLost(None)),
        2 => proptest::sample::select(Timer::ALL.to_vec()).prop_map(Cause::TimedOut),
        1 => Just(Cause::Aborted),
    ]
}

fn codes() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 1000u16..1016, 1 => any::<u16>()]
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (0u64..600_000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        1 => (any::<u64>(), 0u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
    ]
}

fn backoffs() -> impl Strategy<Value = Backoff> {
    let range = || (durations(), durations()).prop_map(|(start, end)| start..=end);
    let limits = prop_oneof![4 => 0u32..50, 1 => Just(u32::MAX)];
    ([durations(), durations(), durations(), durations()], range(), range(), limits).prop_map(
        |([first, max, retry_after, stable], restart, overload, attempts)| {
            let mut backoff = Backoff::default();
            (backoff.first_delay, backoff.max_delay) = (first, max);
            (backoff.max_retry_after, backoff.stable_after) = (retry_after, stable);
            (backoff.restart_delay, backoff.overload_delay) = (restart, overload);
            backoff.max_attempts = attempts;
            backoff
        },
    )
}

proptest! {
    #[test]
    fn an_end_that_is_final_is_never_retried(
        backoff in backoffs(), ends in vec((causes(), codes()), 1..20), seed: u64,
    ) {
        let mut reconnect = seeded(&backoff, seed);
        for (cause, code) in ends {
            let disconnect = end(cause, code);
            let is_retryable = should_retry(&disconnect.cause, code);
            prop_assert_eq!(disconnect.is_retryable(), is_retryable, "{:?} {}", disconnect.cause, code);
            let has_attempts = reconnect.attempts() < backoff.max_attempts;
            let delay = reconnect.disconnected(&disconnect, Instant::now());
            prop_assert_eq!(delay.is_some(), is_retryable && has_attempts);
        }
    }

    #[test]
    fn a_delay_is_within_its_range(backoff in backoffs(), codes in vec(codes(), 1..60), seed: u64) {
        let mut reconnect = seeded(&backoff, seed);
        for code in codes {
            let ceiling = backoff.ceiling(reconnect.attempts());
            let disconnect = if code % 2 == 0 { lost() } else { closed(code) };
            let Some(delay) = reconnect.disconnected(&disconnect, Instant::now()) else { continue };
            let asked_for = match u16::from(disconnect.code) {
                1012 => backoff.restart_delay.clone(),
                1013 => backoff.overload_delay.clone(),
                _ => Duration::ZERO..=Duration::ZERO,
            };
            prop_assert!(delay >= *asked_for.start());
            prop_assert!(delay <= ceiling.max(*asked_for.end()).max(*asked_for.start()));
        }
    }

    #[test]
    fn the_ceiling_of_the_delay_doubles_up_to_the_maximum(backoff in backoffs(), attempts: u32) {
        let doubled = |times: u32| (0..times).try_fold(backoff.first_delay, |delay, _| delay.checked_mul(2));
        for few in 0..130 {
            let untruncated = doubled(few).unwrap_or(Duration::MAX);
            prop_assert_eq!(backoff.ceiling(few), untruncated.min(backoff.max_delay), "attempt {}", few);
        }
        prop_assert!(backoff.ceiling(attempts) <= backoff.ceiling(attempts.saturating_add(1)));
        let last = if backoff.first_delay.is_zero() { Duration::ZERO } else { backoff.max_delay };
        prop_assert_eq!(backoff.ceiling(u32::MAX), last);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays(backoff in backoffs(), seed: u64, failures in 1usize..30) {
        let delays = |seed| {
            let (mut reconnect, now) = (seeded(&backoff, seed), Instant::now());
            (0..failures).map(|_| reconnect.failed(now)).collect::<Vec<_>>()
        };
        prop_assert_eq!(delays(seed), delays(seed));
    }

    #[test]
    fn reconnecting_stops_after_exactly_the_allowed_attempts(max_attempts in 0u32..200, is_connected: bool) {
        let mut backoff = Backoff::default();
        backoff.max_attempts = max_attempts;
        let (mut reconnect, now, lost) = (Reconnect::new(backoff), Instant::now(), lost());
        let mut fail = || if is_connected { reconnect.disconnected(&lost, now) } else { reconnect.failed(now) };
        for _ in 0..max_attempts {
            prop_assert!(fail().is_some());
        }
        prop_assert_eq!((fail(), fail()), (None, None));
        prop_assert_eq!((reconnect.attempts(), reconnect.backoff().max_attempts), (max_attempts, max_attempts));
    }

    #[test]
    fn only_a_stable_connection_resets_the_attempts(
        stable_after in 0u64..1000, open_for in proptest::option::of(0u64..2000), failures in 0u32..20, is_retryable: bool,
    ) {
        let mut backoff = Backoff::default();
        backoff.stable_after = Duration::from_millis(stable_after);
        let (mut reconnect, start) = (Reconnect::new(backoff), Instant::now());
        for _ in 0..failures {
            prop_assert!(reconnect.failed(start).is_some());
        }
        // A connection that is exactly stable_after old counts as stable.
        let open_for = open_for.unwrap_or(stable_after);
        reconnect.opened(start);
        let now = start + Duration::from_millis(open_for);
        let _ = reconnect.disconnected(&if is_retryable { lost() } else { closed(1000) }, now);
        let before = if open_for >= stable_after { 0 } else { failures };
        let expected = (before + u32::from(is_retryable)).min(20);
        prop_assert_eq!(reconnect.attempts(), expected);
        // That connection is over: the next failure is one more, however late it comes.
        let _ = reconnect.failed(now + 100 * SECOND);
        prop_assert_eq!(reconnect.attempts(), (expected + 1).min(20));
    }

    #[test]
    fn retry_after_is_a_minimum_to_which_the_jitter_is_added(seconds: u64, max in 0u64..10_000, seed: u64) {
        let mut backoff = Backoff::default();
        backoff.max_retry_after = Duration::from_secs(max);
        let mut reconnect = seeded(&backoff, seed);
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, seconds).expect("not a reserved header");
        reconnect.rejected(&response);
        let unavailable = end(Cause::Rejected(response.status), 1006);
        let floor = Duration::from_secs(seconds.min(max));
        let delay = reconnect.disconnected(&unavailable, Instant::now()).expect("a retry");
        prop_assert!((floor..=floor + backoff.first_delay).contains(&delay), "{:?}", delay);
        // It counts once.
        let delay = reconnect.disconnected(&unavailable, Instant::now()).expect("a retry");
        prop_assert!(delay <= backoff.ceiling(1));
    }
}

#[test]
fn a_failure_after_a_stable_connection_is_the_first_one() {
    let (mut reconnect, start) = (Reconnect::new(Backoff::default()), Instant::now());
    for _ in 0..3 {
        assert!(reconnect.failed(start).is_some());
    }
    reconnect.opened(start);
    assert!(reconnect.failed(start + 60 * SECOND).is_some());
    assert_eq!(reconnect.attempts(), 1);
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let mut documented = Backoff::default();
    (documented.first_delay, documented.max_delay) = (5 * SECOND, 60 * SECOND);
    (documented.restart_delay, documented.overload_delay) = (5 * SECOND..=30 * SECOND, 30 * SECOND..=120 * SECOND);
    (documented.max_retry_after, documented.stable_after) = (3600 * SECOND, 60 * SECOND);
    (documented.max_attempts, documented.seed) = (20, None);
    assert_eq!(Backoff::default(), documented);
}

#[test]
fn every_status_and_every_code_is_judged() {
    for status in 100..1000 {
        let cause = Cause::Rejected(StatusCode::from_u16(status).expect("a status"));
        assert_eq!(end(cause.clone(), 1006).is_retryable(), should_retry(&cause, 1006), "{status}");
    }
    let mut closed = closed(1000);
    for code in 0..=u16::MAX {
        closed.code = code.into();
        assert_eq!(closed.is_retryable(), should_retry(&Cause::PeerClosed, code), "{code}");
    }
}

#[test]
fn the_longest_delays_do_not_overflow() {
    let mut backoff = Backoff::default();
    (backoff.first_delay, backoff.max_delay) = (Duration::MAX, Duration::MAX);
    backoff.max_retry_after = Duration::MAX;
    (backoff.restart_delay, backoff.overload_delay) = (Duration::MAX..=Duration::MAX, Duration::ZERO..=Duration::MAX);
    (backoff.stable_after, backoff.max_attempts) = (Duration::MAX, u32::MAX);
    let (mut reconnect, now) = (Reconnect::new(backoff), Instant::now());
    reconnect.opened(now + SECOND);
    for disconnect in [closed(1012), closed(1013), lost()] {
        let endless = HeaderValue::from_static("99999999999999999999999999");
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, endless);
        reconnect.rejected(&response.expect("not a reserved header"));
        assert!(reconnect.disconnected(&disconnect, now) >= Some(Duration::from_secs(u64::MAX)));
    }
}

#[test]
fn c16_delays_spread_over_their_whole_range() {
    let backoff = Backoff::default();
    assert_eq!((backoff.ceiling(0), backoff.ceiling(u32::MAX)), (5 * SECOND, 60 * SECOND));
    let cases = [(lost(), 0..=5), (closed(1012), 5..=30), (closed(1013), 30..=120)];
    for (disconnect, range) in cases {
        let (first, last) = (SECOND * *range.start(), SECOND * *range.end());
        let delay = |seed| seeded(&backoff, seed).disconnected(&disconnect, Instant::now()).expect("a retry");
        let delays: Vec<_> = (0..1000).map(delay).collect();
        // Each quarter of 1000 even draws has 250, give or take 14.
        for quarter in 0..4 {
            let from = first + (last - first) * quarter / 4;
            let within = from..from + (last - first) / 4;
            let drawn = delays.iter().filter(|delay| within.contains(delay)).count();
            assert!((180..320).contains(&drawn), "{drawn} in {within:?} after {disconnect}");
        }
    }
}

#[test]
fn the_delays_after_a_restart_grow_with_the_back_off() {
    let after_four_failures = |seed| {
        let (mut reconnect, now) = (seeded(&Backoff::default(), seed), Instant::now());
        for _ in 0..4 {
            reconnect.failed(now).expect("a retry");
        }
        reconnect.disconnected(&closed(1012), now).expect("a retry")
    };
    assert!((0..100).map(after_four_failures).any(|delay| delay > 45 * SECOND));
}

#[test]
fn a_retry_after_that_is_not_a_number_is_ignored() {
    for text in ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "+5", "1.5", "", "5 6"] {
        let mut reconnect = Reconnect::new(Backoff::default());
        let value = HeaderValue::from_static(text);
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, value);
        reconnect.rejected(&response.expect("not a reserved header"));
        assert!(reconnect.failed(Instant::now()).expect("a retry") <= 5 * SECOND, "{text:?}");
    }
}

#[test]
fn a_connection_reports_whether_its_end_is_retryable() {
    let now = Instant::now();
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4999] {
        let (mut client, mut server) = open_pair(now);
        server.close(code, "").expect("a code that a server may send");
        let disconnect = end_after(&mut client, server.output(), now);
        assert_eq!(disconnect.is_retryable(), should_retry(&Cause::PeerClosed, code), "{disconnect}");
    }
    for (status, is_retryable) in [("503 Busy", true), ("404 Not Found", false), ("302 Found", false)] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: /\r\n\r\n");
        let disconnect = end_after(&mut client(now), head.as_bytes(), now);
        assert_eq!(disconnect.is_retryable(), is_retryable, "{disconnect}");
    }
}

#[test]
fn a_party_that_has_sent_a_close_does_not_reconnect() {
    let start = Instant::now();
    for is_lost in [true, false] {
        let (mut client, _) = open_pair(start);
        client.close(CloseCode::NORMAL_CLOSURE, "").expect("an open connection can be closed");
        let (deadline, timer) = client.poll_timeout(start).expect("the client waits for an answer");
        client.handle_timeout(if is_lost { start } else { deadline });
        client.receive_eof();
        let disconnect = take_disconnect(&mut client);
        assert_eq!(disconnect.cause, if is_lost { Cause::TransportLost(None) } else { Cause::TimedOut(timer) });
        assert!(!disconnect.is_retryable());
    }
}

#[test]
fn a_silent_peer_is_worth_a_retry() {
    let mut now = Instant::now();
    let (mut client, _) = open_pair(now);
    while client.disconnected().is_none() {
        (now, _) = client.poll_timeout(now).expect("the connection waits for a sign of life");
        client.handle_timeout(now);
        crate::support::drain(&mut client);
        if let Some(Event::Disconnect(disconnect)) = client.poll_event() {
            // Our Close 1011 is in it, but the application did not want to end.
            assert_eq!(disconnect.cause, Cause::TimedOut(Timer::Pong));
            assert!(disconnect.sent.is_some() && disconnect.is_retryable());
        }
    }
}
