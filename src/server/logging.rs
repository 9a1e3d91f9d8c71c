//! Calls of your code that may panic, and the target of log records.

use std::{
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// The target of every log record.
pub(super) const LOG: &str = "statesocket";

/// The time between two log records that clients can cause at any rate.
const PAUSE: Duration = Duration::from_secs(60);

/// Whether to write a log record that clients can cause at any rate: at most once per minute.
#[derive(Debug, Default)]
pub(super) struct Rarely(Option<Instant>);

impl Rarely {
    /// Whether to write the record now.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.0.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// The warnings that clients can cause at any rate.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    pub(super) evicting: Rarely,
    pub(super) capped: Rarely,
    pub(super) unregistered: Rarely,
    #[cfg(feature = "tls")]
    pub(super) unsecured: Rarely,
}

/// Calls `f`, which may call your code. If that panics, logs "`what` panicked" and returns `None`.
pub(super) fn caught<T>(what: impl fmt::Display, f: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) => {
            log::error!(target: LOG, "{what} panicked");
            // The payload is a value of your code, and its `Drop` may panic too. The payload of that panic is leaked,
            // because dropping it could go on like this for ever.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(payload);
            }
            None
        }
    }
}

/// A value of your code, or none. Its `Drop` may panic, also while many of them are dropped.
#[derive(Debug)]
pub(super) struct DropCaught<T>(Option<T>);

impl<T> DropCaught<T> {
    pub(super) const NONE: Self = Self(None);

    pub(super) const fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(super) const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    pub(super) const fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }

    pub(super) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for DropCaught<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            caught("the drop of a handler, a factory or a command", || drop(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
    fn a_rare_record_is_due_once_per_minute() {
        let (mut rarely, begin) = (Rarely::default(), Instant::now());
        let due = [0, 1, 59, 60, 61, 119, 121].map(|second| rarely.is_due(begin + Duration::from_secs(second)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_panic_is_caught_and_a_result_passed_on() {
        assert_eq!(caught("a sum", || 1 + 1), Some(2));
        // Unlike `panic!` this prints nothing.
        assert_eq!(caught("a test", || -> u8 { resume_unwind(Box::new("this is what the test is about")) }), None);
    }

    /// Panics when it is dropped, with another one of them.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(Self));
        }
    }

    #[test]
    fn a14_the_payload_of_a_panic_may_panic() {
        assert_eq!(caught("a test", || -> u8 { resume_unwind(Box::new(Bomb)) }), None);
    }

    #[test]
    fn a14_many_values_that_panic_can_be_dropped_together() {
        drop([(); 3].map(|()| DropCaught::new(Bomb)));
        let mut none = DropCaught::<Bomb>::NONE;
        assert!(none.get_mut().is_none());
    }
}
