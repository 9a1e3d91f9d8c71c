//! The wait for an answer begins when the question has left, whatever is queued before and behind it.

use crate::support::{
    ROLES, Raw, config, drain, established, manual, peer_sends, sent,
    timers::{SECOND, feed_at},
    without_timeouts,
};
use statesocket::{Agreed, Connection, Phase, Role, Timer};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(5);
/// A Ping of the keepalive, with a mask.
const LONGEST_PING: usize = 2 + 4 + 4;

fn open(role: Role, now: Instant) -> Connection {
    let config = config(|config| {
        without_timeouts(config);
        (config.ping_interval, config.pong_timeout) = (Some(INTERVAL), Some(PONG));
    });
    Connection::established(role, Agreed::new(), Arc::new(config), now)
}

#[test]
fn k2_an_answer_counts_once_the_ping_has_left_whatever_follows_it() {
    let start = Instant::now();
    for role in ROLES {
        let (mut connection, due) = (open(role, start), start + INTERVAL);
        connection.handle_timeout(due);
        connection.send_binary(&[0; 50_000]).unwrap();
        connection.advance(LONGEST_PING);
        assert_eq!(connection.poll_timeout(due), Some((due + PONG, Timer::Pong)), "{role:?}: it has left");
        feed_at(&mut connection, &Raw::new(Raw::PONG, 1u32.to_be_bytes()).for_endpoint(role), due + SECOND);
        assert_eq!(connection.round_trip_time(), Some(SECOND), "{role:?}");
        connection.advance(10_000);
        assert_eq!(connection.poll_timeout(due + PONG), Some((due + INTERVAL, Timer::Ping)), "{role:?}");
    }
}

/// A Ping that is queued alone leaves at once. The driver may tell the time of it later, and the next interval with it.
#[test]
fn k2_a_ping_left_when_it_was_queued_unless_other_bytes_were_before_it() {
    let start = Instant::now();
    for (role, is_behind) in ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
        let (mut connection, due) = (open(role, start), start + INTERVAL);
        if is_behind {
            connection.send_text("before").unwrap();
        }
        connection.handle_timeout(due);
        drain(&mut connection);
        let told = due + SECOND;
        let _ = connection.poll_timeout(told);
        feed_at(&mut connection, &Raw::new(Raw::PONG, 1u32.to_be_bytes()).for_endpoint(role), due + 3 * SECOND);
        let left = if is_behind { told } else { due };
        let case = format!("{role:?}, behind other bytes: {is_behind}");
        assert_eq!(connection.round_trip_time(), Some(due + 3 * SECOND - left), "{case}");
        assert_eq!(connection.poll_timeout(due + 3 * SECOND), Some((left + INTERVAL, Timer::Ping)), "{case}");
    }
}

#[test]
fn k2_an_output_that_is_never_empty_does_not_end_the_keepalive() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = open(role, start);
        connection.send_binary(&[0; 50_000]).unwrap();
        for n in 1..=10 {
            let due = start + INTERVAL * n;
            assert_eq!(connection.poll_timeout(due - SECOND), Some((due, Timer::Ping)), "{role:?}, Ping {n}");
            connection.handle_timeout(due);
            let queued = connection.output_len();
            connection.send_binary(&[0; 50_000]).unwrap();
            connection.advance(queued);
            connection.handle_timeout(due);
            feed_at(&mut connection, &Raw::new(Raw::TEXT, "alive").for_endpoint(role), due);
        }
        assert_eq!(connection.phase(), Phase::Open);
    }
}

#[test]
fn k2_a_ping_that_has_not_left_is_no_silence_of_the_peer() {
    let start = Instant::now();
    for role in ROLES {
        let (mut connection, due) = (open(role, start), start + INTERVAL);
        connection.handle_timeout(due);
        connection.advance(1);
        assert_eq!(connection.poll_timeout(due), None, "{role:?}: the rest of the Ping is still queued");
        feed_at(&mut connection, &Raw::new(Raw::PONG, 1u32.to_be_bytes()).for_endpoint(role), due + SECOND);
        assert_eq!(connection.round_trip_time(), None, "{role:?}: a guess measures nothing");
        let late = due + 10 * PONG;
        drain(&mut connection);
        assert_eq!(connection.poll_timeout(late), Some((late + PONG, Timer::Pong)), "{role:?}");
    }
}

#[test]
fn k2_a_message_that_is_written_at_once_takes_the_ping_along() {
    let start = Instant::now();
    for room in [30_000, 9_000] {
        let (mut connection, due) = (open(Role::Server, start), start + INTERVAL);
        connection.handle_timeout(due);
        let mut stream = vec![0; room];
        connection.send_through(vec![1; 20_000], &mut stream[..]).unwrap();
        assert_eq!(connection.output_len() > 0, room < 20_000);
        assert_eq!(connection.poll_timeout(due), Some((due + PONG, Timer::Pong)), "{room} bytes of room");
    }
}

/// A Pong that replaces an older one would otherwise shift the end of the Ping.
#[test]
fn k2_pongs_behind_the_ping_replace_none_before_it() {
    let start = Instant::now();
    for role in ROLES {
        let (mut connection, due) = (open(role, start), start + INTERVAL);
        let ping = |n: u8| Raw::new(Raw::PING, [n; 9]).for_endpoint(role);
        (0..20).for_each(|n| _ = feed_at(&mut connection, &ping(n), start));
        connection.handle_timeout(due);
        let until_ping = connection.output_len();
        (20..40).for_each(|n| _ = feed_at(&mut connection, &ping(n), due));
        connection.advance(until_ping - 1);
        assert_eq!(connection.poll_timeout(due), None, "{role:?}");
        connection.advance(1);
        assert_eq!(connection.poll_timeout(due), Some((due + PONG, Timer::Pong)), "{role:?}");
        let frames = sent(&mut connection);
        assert_eq!(frames, [Raw::new(Raw::PONG, [39; 9])], "{role:?}: only the latest of them");
    }
}

#[test]
fn k7_pongs_behind_our_close_do_not_postpone_the_end() {
    let start = Instant::now();
    for role in ROLES {
        let config = config(|config| (config.ping_interval, config.closing_timeout) = (None, Some(PONG)));
        let mut connection = Connection::established(role, Agreed::new(), Arc::new(config), start);
        connection.send_binary(&[0; 1_000]).unwrap();
        connection.close(1000, "").unwrap();
        let mut now = start;
        while now < start + 2 * PONG {
            feed_at(&mut connection, &Raw::new(Raw::PING, [7; 125]).for_endpoint(role), now);
            // The output is never empty.
            connection.advance(connection.output_len().saturating_sub(1));
            connection.handle_timeout(now);
            now += SECOND / 10;
        }
        assert_eq!((connection.phase(), connection.output_len()), (Phase::Closed, 0), "{role:?}");
    }
}

#[test]
fn k7_messages_behind_the_peers_close_delay_the_wait_for_its_end() {
    let start = Instant::now();
    for role in ROLES {
        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::close(1000, "")]);
        connection.send_binary(&[0; 1_000]).unwrap();
        connection.reply_close().unwrap();
        assert_eq!(connection.poll_timeout(start).map(|(_, timer)| timer), Some(Timer::Write), "{role:?}");
        drain(&mut connection);
        assert_eq!(connection.poll_timeout(start).map(|(_, timer)| timer), Some(Timer::Linger), "{role:?}");
    }
}
