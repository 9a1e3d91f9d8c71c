//! Configurations, few enough to use them all.

use statesocket::{CloseReply, Config, Delivery};
use std::time::{Duration, SystemTime};

/// The configuration of the bits of `choices`; 0 is the default.
pub(crate) fn config(choices: u8) -> Config {
    let mut config = Config::default();
    if choices & 0x01 != 0 {
        config.close_reply = CloseReply::Manual;
    }
    if choices & 0x02 != 0 {
        config.delivery = Delivery::Chunks;
    }
    if choices & 0x04 != 0 {
        (config.max_frame_bytes, config.max_message_bytes, config.max_fragments) = (150, 200, 3);
        (config.max_head_bytes, config.max_request_line_bytes, config.max_headers) = (400, 60, 8);
        (config.max_early_bytes, config.max_rejection_body_bytes, config.max_list_elements) = (50, 8, 3);
    }
    if choices & 0x08 != 0 {
        config.plain_http = true;
        config.date = Some(|| SystemTime::UNIX_EPOCH);
    }
    if choices & 0x10 != 0 {
        config.max_output_bytes = 300;
        (config.high_water, config.client_high_water, config.low_water) = (Some(140), Some(100), 40);
        (config.drain_timeout, config.min_drain_rate) = (Some(Duration::from_secs(4)), 10);
    }
    if choices & 0x20 != 0 {
        config.idle_timeout = Some(Duration::from_secs(15));
        config.ping_interval = Some(Duration::from_secs(2));
        config.pong_timeout = Some(Duration::from_secs(1));
        config.message_timeout = Some(Duration::from_secs(3));
        config.write_timeout = Some(Duration::from_secs(5));
    }
    if choices & 0x40 != 0 {
        (config.ping_interval, config.message_timeout) = (None, None);
        (config.write_timeout, config.drain_timeout) = (None, None);
        (config.opening_timeout, config.accept_timeout) = (None, None);
        (config.closing_timeout, config.linger_timeout) = (None, None);
    }
    config
}
