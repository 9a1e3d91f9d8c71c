//! The one place that reads a clock.

use std::time::{Instant, SystemTime};

#[expect(clippy::disallowed_methods, reason = "the event loop gives the time to its sessions")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the event loop gives the date to its responses")]
pub(super) fn date() -> SystemTime {
    SystemTime::now()
}
