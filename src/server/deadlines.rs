//! The deadlines of all connections in one order.

use std::{collections::BTreeSet, time::Instant};

/// At most one deadline for each key.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, usize)>);

impl Deadlines {
    /// Replaces the deadline `old` of `key`, which is kept beside the connection, by `new` if that is earlier.
    ///
    /// A deadline that moves on, which is what happens with nearly every message, touches nothing: that it has moved is
    /// found out when the old one comes.
    pub(super) fn set_if_earlier(&mut self, key: usize, old: &mut Option<Instant>, new: Option<Instant>) {
        if let Some(new) = new
            && old.is_none_or(|old| new < old)
        {
            self.remove(key, old);
            self.0.insert((new, key));
            *old = Some(new);
        }
    }

    /// Takes the deadline `old` of `key` away.
    pub(super) fn remove(&mut self, key: usize, old: &mut Option<Instant>) {
        if let Some(old) = old.take() {
            self.0.remove(&(old, key));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// The key of the earliest deadline, if it has come.
    pub(super) fn due(&self, now: Instant) -> Option<usize> {
        self.0.first().filter(|(deadline, _)| *deadline <= now).map(|(_, key)| *key)
    }
}
