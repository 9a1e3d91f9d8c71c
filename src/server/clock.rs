//! The one place that reads a clock.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the event loop gives the time to its sessions")]
pub(super) fn now() -> Instant {
    Instant::now()
}
