//! Configurations: sensible ones, and small or short ones for trouble.

use super::{
    Time,
    plan::{SECOND, Trouble},
    random::{Random, any_magnitude, one_of},
};
use rand::RngExt;
use statesocket::{CloseReply, Config, Delivery};
#[cfg(feature = "deflate")]
use statesocket::{Deflate, Window};
use std::time::Duration;

/// Longer than any run.
const HUGE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn config(random: &mut Random, troubles: &[Trouble], is_fast: bool) -> Config {
    let has = |trouble| troubles.contains(&trouble);
    let mut config = Config::default();
    if random.random_bool(0.3) {
        config.delivery = Delivery::Chunks;
    }
    if random.random_bool(0.4) || has(Trouble::NoReply) {
        config.close_reply = CloseReply::Manual;
    }
    if random.random_bool(0.2) {
        config.max_rejection_body_bytes = random.random_range(0..30_000);
    }
    if random.random_bool(0.2) {
        config.max_output_bytes = random.random_range(20_000..60_000);
    }
    if random.random_bool(0.3) {
        config.high_water = random.random_bool(0.8).then(|| any_magnitude(random, 0..=40_000));
        config.low_water = any_magnitude(random, 0..=20_000);
    }
    if troubles.is_empty() {
        // The defaults are for networks that work.
        if !is_fast {
            let timeout = if random.random() { None } else { Some(HUGE) };
            for field in timeouts(&mut config) {
                *field = timeout;
            }
            if random.random() {
                config.ping_interval = Some(duration(random, SECOND..60 * SECOND));
            }
        }
        return config;
    }
    let ends_by_itself = |trouble: &Trouble| {
        !matches!(
            trouble,
            Trouble::StallForEver
                | Trouble::NoDecision
                | Trouble::NoReply
                | Trouble::ShortTimeouts
                | Trouble::PausesForEver
        )
    };
    let needs_no_timeouts = troubles.iter().all(ends_by_itself);
    let has_none = needs_no_timeouts && random.random_bool(0.3);
    let has_no_idle = random.random();
    for field in timeouts(&mut config) {
        *field = (!has_none).then(|| duration(random, 2 * SECOND..20 * SECOND));
    }
    config.min_drain_rate = one_of(random, &[0, 1, 1_000, 16 << 10, 100_000]);
    if !has_none && random.random_bool(0.3) {
        // Without timeouts, two ends with marks may wait for each other for ever.
        config.client_high_water = Some(any_magnitude(random, 0..=40_000));
    }
    if has(Trouble::PausesForEver) {
        // An end that is not read finds out by its Pings that the other one has gone.
        config.ping_interval = Some(duration(random, SECOND..10 * SECOND));
    }
    if has_no_idle {
        config.idle_timeout = None;
    }
    if has(Trouble::ShortTimeouts) {
        // Only one or two are short: with more, the shortest would always expire first.
        for _ in 0..random.random_range(1..3) {
            let fields = timeouts(&mut config);
            // The timeouts of messages and writes fire least often.
            let chosen = one_of(random, &[0, 1, 2, 3, 3, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7, 8, 9, 9]);
            *fields[chosen] = Some(duration(random, SECOND / 100..2 * SECOND));
            // Without a Ping no Pong can be missing.
            if chosen == 3 {
                *fields[2] = Some(duration(random, SECOND / 100..2 * SECOND));
            }
        }
    }
    if has(Trouble::SmallLimit) {
        make_a_limit_small(random, &mut config);
    }
    config
}

/// Offers or takes compression, more often than not.
pub(super) fn compress(random: &mut Random, config: &mut Config) {
    let compresses = random.random_bool(0.7);
    let choices: [u8; 3] = random.random();
    #[cfg(feature = "deflate")]
    if compresses {
        let [windows, threshold, rest] = choices;
        let window = |choice: u8| Window::from_bits(15 - choice % 9).unwrap_or(Window::None);
        config.deflate = Some(Deflate::default().with(|deflate| {
            (deflate.send_history, deflate.receive_history) = (window(windows), window(windows / 9));
            deflate.client_receive_history = window(rest / 9);
            deflate.threshold = [None, Some(0), Some(10), Some(1_000)][usize::from(threshold & 3)];
            (deflate.level, deflate.fragments) = (1 + rest % 9, threshold & 4 != 0);
        }));
    }
    #[cfg(not(feature = "deflate"))]
    let _ = (compresses, choices, config);
}

fn timeouts(config: &mut Config) -> [&mut Option<Duration>; 10] {
    [
        &mut config.opening_timeout,
        &mut config.accept_timeout,
        &mut config.ping_interval,
        &mut config.pong_timeout,
        &mut config.idle_timeout,
        &mut config.message_timeout,
        &mut config.write_timeout,
        &mut config.closing_timeout,
        &mut config.linger_timeout,
        &mut config.drain_timeout,
    ]
}

fn duration(random: &mut Random, range: std::ops::Range<Time>) -> Duration {
    Duration::from_micros(random.random_range(range))
}

fn make_a_limit_small(random: &mut Random, config: &mut Config) {
    match one_of(random, &[0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 6, 6]) {
        0 => config.max_head_bytes = random.random_range(20..200),
        1 => config.max_frame_bytes = random.random_range(0..2_000),
        2 => config.max_message_bytes = random.random_range(0..2_000),
        3 => config.max_fragments = random.random_range(1..3),
        4 => config.max_request_line_bytes = random.random_range(10..30),
        5 => config.max_headers = random.random_range(1..7),
        _ => config.max_output_bytes = random.random_range(5_000..20_000),
    }
}
