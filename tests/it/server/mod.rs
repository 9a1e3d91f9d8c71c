//! The event loop, in memory, or over sockets on the loopback interface where a test needs them.

#[cfg(feature = "testing")]
mod admission;
mod adopt;
mod asks;
#[cfg(feature = "testing")]
mod backlog;
#[cfg(feature = "testing")]
mod backpressure;
#[cfg(feature = "testing")]
mod boxes;
#[cfg(feature = "testing")]
mod broadcast;
#[cfg(feature = "testing")]
mod careless;
mod cluster;
mod date;
#[cfg(feature = "testing")]
mod drained;
#[cfg(feature = "testing")]
mod each;
#[cfg(feature = "testing")]
mod ending;
#[cfg(feature = "testing")]
mod events;
mod goes_on_sending;
#[cfg(feature = "testing")]
mod handlers;
mod handles;
#[cfg(all(feature = "testing", feature = "deflate"))]
mod histories;
#[cfg(feature = "testing")]
mod lent;
#[cfg(feature = "testing")]
mod limits;
mod listening;
mod load;
#[cfg(feature = "testing")]
mod memory;
#[cfg(feature = "testing")]
mod metrics;
#[cfg(feature = "testing")]
mod order;
#[cfg(feature = "testing")]
mod pages;
#[cfg(feature = "testing")]
mod panics;
mod pauses;
#[cfg(feature = "testing")]
mod places;
mod readiness;
mod real_time;
#[cfg(feature = "testing")]
mod room;
#[cfg(feature = "testing")]
mod rooms;
#[cfg(feature = "testing")]
mod route_configs;
#[cfg(feature = "testing")]
mod routes;

mod shared_messages;
#[cfg(feature = "testing")]
mod slow_handlers;
mod spawning;
mod stopping;
#[cfg(feature = "testing")]
mod tally;
#[cfg(feature = "testing")]
mod timeouts;
#[cfg(feature = "testing")]
mod timers;
#[cfg(all(feature = "testing", any(feature = "tls-ring", feature = "tls-aws-lc")))]
mod tls;
mod turns;
#[cfg(feature = "testing")]
mod unsent;

/// A server that waits without limit for the end of a client's stream.
#[cfg(feature = "testing")]
fn without_linger_timeout() -> statesocket::Config {
    statesocket::Config::default().with(|config| config.linger_timeout = None)
}
