//! The choice of a deadline.

use crate::{moment::Moment, timer::Timer};
use std::time::Duration;

/// The earliest of the deadlines that were offered; the first of two equal ones.
#[derive(Debug, Default)]
pub(super) struct Earliest(Option<(Moment, Timer)>);

impl Earliest {
    pub(super) fn offer(&mut self, timer: Timer, since: Moment, timeout: Option<Duration>) {
        if let Some(deadline) = timeout.and_then(|timeout| since.checked_add(timeout))
            && self.0.is_none_or(|(earliest, _)| deadline < earliest)
        {
            self.0 = Some((deadline, timer));
        }
    }

    pub(super) const fn get(&self) -> Option<(Moment, Timer)> {
        self.0
    }
}
