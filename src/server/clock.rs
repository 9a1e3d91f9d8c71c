//! The one place that reads a clock.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the event loop is what gives the time to connections")]
pub(super) fn now() -> Instant {
    Instant::now()
}
