//! The clock of tokio, which tests can pause, and the wait for a deadline.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Instant,
};
use tokio::time::{self, Sleep};

/// The time of tokio.
pub(super) fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Wakes a task at a deadline.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// The deadline for which `sleep` is set, and the task that it wakes.
    set: Option<(Instant, Waker)>,
}

impl Alarm {
    /// Whether the alarm wakes the task later than `now`.
    pub(super) fn is_set(&self, now: Instant, cx: &Context<'_>) -> bool {
        self.set.as_ref().is_some_and(|(set, waker)| now < *set && waker.will_wake(cx.waker()))
    }

    /// Whether the alarm is set for `deadline` or an earlier time.
    pub(super) fn is_by(&self, deadline: Instant) -> bool {
        self.set.as_ref().is_some_and(|(set, _)| *set <= deadline)
    }

    /// Ready at `deadline`, or earlier: a deadline that moves on, as it does with nearly every message, leaves the
    /// alarm as it is.
    pub(super) fn poll(&mut self, deadline: Instant, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set(now, cx) && self.is_by(deadline) {
            return Poll::Pending;
        }
        let until = time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(time::sleep_until(until)));
        sleep.as_mut().reset(until);
        self.set = Some((deadline, cx.waker().clone()));
        ready!(sleep.as_mut().poll(cx));
        self.set = None;
        Poll::Ready(())
    }
}
