//! What a connection waits for, and until when.

use std::{fmt, time::Instant};

/// The timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// [`Config::opening_timeout`](crate::Config::opening_timeout).
    Opening,
    /// [`Config::closing_timeout`](crate::Config::closing_timeout).
    Closing,
    /// [`Config::linger_timeout`](crate::Config::linger_timeout).
    Linger,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 3] = [Self::Opening, Self::Closing, Self::Linger];
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening handshake",
            Self::Closing => "closing handshake",
            Self::Linger => "end of stream",
        })
    }
}

/// The deadlines that run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.0[timer as usize]
    }

    pub(crate) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        self.0[timer as usize] = deadline;
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        Timer::ALL.into_iter().filter_map(|timer| Some((self.get(timer)?, timer))).min_by_key(|(deadline, _)| *deadline)
    }
}
