//! The event loop, in memory, or over sockets on the loopback interface where a test needs them.

mod admission;
mod asks;
mod backlog;
mod backpressure;
mod boxes;
mod broadcast;
mod careless;
mod date;
#[cfg(feature = "testing")]
mod drained;
mod each;
mod ending;
mod events;
mod handlers;
mod handles;
#[cfg(feature = "testing")]
mod limits;
mod listening;
mod load;
mod memory;
mod order;
mod pages;
mod panics;
mod pauses;
#[cfg(feature = "testing")]
mod places;
mod readiness;
mod real_time;
mod room;
mod rooms;
mod route_configs;
mod routes;
mod slow_handlers;
mod spawning;
mod stopping;
mod tally;
#[cfg(feature = "testing")]
mod timeouts;
#[cfg(feature = "testing")]
mod timers;
mod turns;
#[cfg(feature = "testing")]
mod unsent;

use statesocket::Config;

/// A server that waits without limit for the end of a client's stream.
fn without_linger_timeout() -> Config {
    let mut config = Config::default();
    config.linger_timeout = None;
    config
}
