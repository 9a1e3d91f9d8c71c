//! What is kept of the messages that were sent, and when it is given back.

use super::{BOTH_WAYS, carry, compressing, inflate_alone, payloads, records};
use crate::support::{ROLES, Raw, drain, feed};
use statesocket::{Config, Connection, Deflate, Event, Timer};
use std::time::{Duration, Instant};

/// A Ping of our own goes out now and then. If nothing was compressed since the last, the history goes.
#[test]
fn what_was_sent_is_forgotten_at_a_keepalive_ping_if_nothing_is_compressed() {
    let idle = |config: &mut Config| {
        (config.ping_interval, config.pong_timeout) = (Some(Duration::from_secs(10)), None);
        config.idle_timeout = None;
    };
    for role in ROLES {
        let [mut from, mut to] = [role, role.peer()].map(|role| compressing(role, BOTH_WAYS, idle));
        let mut now = Instant::now();
        let mut ping = |from: &mut Connection, to: &mut Connection| {
            let Some((deadline, Timer::Ping)) = from.poll_timeout(now) else { panic!("a Ping is next") };
            now = deadline;
            from.handle_timeout(now);
            let events = carry(from, to);
            assert!(matches!(events.as_slice(), [Event::Ping(_)]), "{events:?}");
            let mut pong = drain(to);
            assert!(matches!(from.receive(&mut &mut pong[..], now), Some(Event::Pong(_))));
        };
        let text = records(1, 400);
        let mut lens = Vec::new();
        for pings in [0, 0, 1, 1, 2, 0, 3] {
            (0..pings).for_each(|_| ping(&mut from, &mut to));
            from.send_text(&text).unwrap();
            let bytes = drain(&mut from);
            assert_eq!(payloads(&feed(&mut to, &bytes)), [text.as_bytes()]);
            lens.push(bytes.len());
        }
        let [first, again, one, more, forgotten, then, last] = lens[..] else { panic!("{lens:?}") };
        assert!([again, one, more, then].iter().all(|len| *len < 40), "they refer to the first: {lens:?}");
        assert_eq!([forgotten, last], [first; 2], "{lens:?}");
    }
}

/// A message of fragments is not forgotten in its middle, and is behind its end.
#[test]
fn nothing_is_forgotten_within_a_compressed_message() {
    let with_pings = |config: &mut Config| {
        (config.ping_interval, config.pong_timeout) = (Some(Duration::from_secs(10)), None);
        config.deflate = Some(Deflate::default().with(|deflate| deflate.fragments = true));
    };
    for role in ROLES {
        let [mut from, mut to] = [role, role.peer()].map(|role| compressing(role, BOTH_WAYS, with_pings));
        let ping = |from: &mut Connection, to: &mut Connection| {
            let (deadline, _) = from.poll_timeout(Instant::now()).expect("a Ping is due");
            from.handle_timeout(deadline);
            let events = carry(from, to);
            assert!(matches!(events.as_slice(), [Event::Ping(_)]), "{events:?}");
            let mut pong = drain(to);
            let _ = from.receive(&mut &mut pong[..], deadline);
        };
        let text = records(1, 300);
        from.begin_text(&text).unwrap();
        assert_eq!(carry(&mut from, &mut to), []);
        (0..3).for_each(|_| ping(&mut from, &mut to));
        from.continue_text(&text, true).unwrap();
        assert_eq!(payloads(&carry(&mut from, &mut to)), [text.repeat(2).as_bytes()]);

        (0..2).for_each(|_| ping(&mut from, &mut to));
        from.send_text(&text).unwrap();
        let bytes = drain(&mut from);
        assert_eq!(inflate_alone(&Raw::parse(&mut &bytes[..])), text.as_bytes());
        assert_eq!(payloads(&feed(&mut to, &bytes)), [text.as_bytes()]);
    }
}
