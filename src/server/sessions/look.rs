//! A look at all sessions, because they hold much: which ones must end, and which ones are not read.

use super::{
    super::holdings::{Finding, Holding},
    Sessions,
};
use std::{collections::HashSet, time::Instant};

impl Sessions {
    /// Whether a [look](Self::look) is due.
    #[inline(always)]
    pub(in super::super) fn is_look_due(&self, now: Instant) -> bool {
        self.holdings.is_look_due(now)
    }

    /// Sets the most bytes that all sessions may hold.
    pub(in super::super) fn set_max_buffered(&mut self, limit: usize) {
        self.holdings.set_limit(limit);
    }

    /// The time at which a look is due even if nothing happens.
    pub(in super::super) fn next_look(&self) -> Option<Instant> {
        self.holdings.next_look()
    }

    /// Returns the keys of the sessions that must end, the largest first, so that all hold less than the limit.
    /// Before that, all give back what only makes later messages shorter. If none must end, decides which sessions
    /// are not read, and reads the others again.
    pub(in super::super) fn look(&mut self, now: Instant) -> Vec<usize> {
        if self.holdings.is_high() {
            for (key, entry) in &mut self.entries {
                entry.session.forget_sent();
                let (bytes, kept) = entry.held();
                self.holdings.note(key, bytes, kept);
            }
        }
        let holdings = self.entries.iter().filter_map(|(key, entry)| {
            let ((bytes, kept), shared) = (entry.held(), entry.session.connection().shared_output());
            (bytes > 0).then_some(Holding { key, bytes, kept, shared })
        });
        match self.holdings.look(holdings.collect(), now) {
            Finding::TooMuch { largest } => largest,
            Finding::Room { most, room } => {
                self.leave_unread(&self.without_room(most, room), now);
                Vec::new()
            }
        }
    }

    /// Those of the sessions `most` for whose unfinished message there is no room. The one that lacks the least is read
    /// in any case. Once it has its message, there is more room for the next one.
    fn without_room(&self, most: Vec<usize>, mut room: usize) -> HashSet<usize> {
        let (mut unread, mut by_growth) = (HashSet::new(), Vec::new());
        for key in most {
            let connection = self.entries[key].session.connection();
            if connection.held_by().is_some() {
                unread.insert(key);
            } else {
                by_growth.push((connection.max_growth(), key));
            }
        }
        by_growth.sort_unstable();
        for (place, (growth, key)) in by_growth.into_iter().enumerate() {
            if place > 0 && growth > room {
                unread.insert(key);
            }
            room = room.saturating_sub(growth);
        }
        unread
    }

    /// Stops reading from these sessions, and from no others.
    fn leave_unread(&mut self, unread: &HashSet<usize>, now: Instant) {
        for (key, entry) in &mut self.entries {
            let is_unread = unread.contains(&key);
            if entry.session.connection().is_unread() != is_unread {
                entry.session.set_unread(is_unread, now);
                // Its turn sets the deadline too.
                self.ready.push(key);
            }
        }
    }
}
