//! Calls of your code that may panic, and the target of log records.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The target of every log record.
pub(super) const LOG: &str = "statesocket";

/// Calls `f`, which may call your code. If that panics, logs "`what` panicked" and returns `None`.
pub(super) fn caught<T>(what: impl fmt::Display, f: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(f));
    if result.is_err() {
        log::error!(target: LOG, "{what} panicked");
    }
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    #[test]
    fn a_panic_is_caught_and_a_result_passed_on() {
        assert_eq!(caught("a sum", || 1 + 1), Some(2));
        // Unlike `panic!` this prints nothing.
        assert_eq!(caught("a test", || -> u8 { resume_unwind(Box::new("this is what the test is about")) }), None);
    }
}
