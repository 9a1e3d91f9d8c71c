//! The deadlines of all connections in one order.

use std::{collections::BTreeSet, time::Instant};

/// At most one deadline for each key. Setting the one that is set already, which is what happens after nearly every
/// message, touches nothing.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, usize)>);

impl Deadlines {
    /// Replaces the deadline `old` of `key`, which is kept beside the connection, by `new`.
    pub(super) fn replace(&mut self, key: usize, old: &mut Option<Instant>, new: Option<Instant>) {
        if *old == new {
            return;
        }
        if let Some(old) = old.take() {
            self.0.remove(&(old, key));
        }
        if let Some(new) = new {
            self.0.insert((new, key));
        }
        *old = new;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// The key of the earliest deadline, if it has come. The deadline stays until it is replaced.
    pub(super) fn due(&self, now: Instant) -> Option<usize> {
        self.0.first().filter(|(deadline, _)| *deadline <= now).map(|(_, key)| *key)
    }
}
