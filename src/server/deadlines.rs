//! The deadlines of all connections in one order.

use crate::moment::{Anchor, Moment};
use std::{collections::BTreeSet, time::Instant};

/// At most one deadline for each key, in as little room as that takes: there are as many as connections.
#[derive(Debug)]
pub(super) struct Deadlines {
    began: Anchor,
    set: BTreeSet<(Moment, u32)>,
}

impl Deadlines {
    pub(super) const fn new(now: Instant) -> Self {
        Self { began: Anchor::new(now), set: BTreeSet::new() }
    }

    /// Replaces the deadline `old` of `key`, which is kept beside the connection, by `new` if that is earlier.
    ///
    /// A deadline that moves on, which is what happens with nearly every message, touches nothing: that it has moved is
    /// found out when the old one comes.
    pub(super) fn set_if_earlier(&mut self, key: usize, old: &mut Option<Instant>, new: Option<Instant>) {
        if let Some(new) = new
            && old.is_none_or(|old| new < old)
        {
            self.remove(key, old);
            self.set.insert((self.began.moment_of(new), key as u32));
            *old = Some(new);
        }
    }

    /// Takes the deadline `old` of `key` away.
    pub(super) fn remove(&mut self, key: usize, old: &mut Option<Instant>) {
        if let Some(old) = old.take() {
            self.set.remove(&(self.began.moment_of(old), key as u32));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.began.instant_of(self.set.first()?.0)
    }

    /// The key of the earliest deadline, if it has come.
    pub(super) fn due(&self, now: Instant) -> Option<usize> {
        let now = self.began.moment_of(now);
        self.set.first().filter(|(deadline, _)| *deadline <= now).map(|(_, key)| *key as usize)
    }
}
