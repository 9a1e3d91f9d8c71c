//! The phase, and the transitions that led to it.

use crate::state::{Action, Party, Phase, Transition, TransitionError};

/// The longest path through the table: Open, Accept, one Close, and the other Close or an Abort.
const MAX_TRANSITIONS: usize = 4;

/// The only owner of the phase. Only [`make`](Self::make) changes it, and `make` asks the table.
#[derive(Debug)]
pub(super) struct Progress {
    phase: Phase,
    history: [Transition; MAX_TRANSITIONS],
    len: u8,
}

impl Progress {
    pub(super) const fn new(phase: Phase) -> Self {
        let unused = Transition { from: Phase::Idle, party: Party::Client, action: Action::Open, to: Phase::Idle };
        Self { phase, history: [unused; MAX_TRANSITIONS], len: 0 }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The transitions that changed the phase, in order.
    pub(super) fn history(&self) -> &[Transition] {
        &self.history[..usize::from(self.len)]
    }

    /// Checks that the table allows `action`; changes nothing.
    pub(super) const fn check(&self, party: Party, action: Action) -> Result<(), TransitionError> {
        match self.phase.next(party, action) {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a transition. Returns the new phase if it differs from the old one.
    ///
    /// # Panics
    /// If the table does not allow the transition: the caller has checked it.
    #[inline]
    pub(super) fn make(&mut self, party: Party, action: Action) -> Option<Phase> {
        let to = match self.phase.next(party, action) {
            Ok(to) => to,
            Err(error) => panic!("a transition must be checked before it is made: {error}"),
        };
        if to == self.phase {
            return None;
        }
        self.record(Transition { from: self.phase, party, action, to });
        Some(to)
    }

    #[cold]
    fn record(&mut self, transition: Transition) {
        #[cfg(feature = "tracing")]
        tracing::debug!(
            target: "statesocket::connection",
            party = %transition.party,
            action = ?transition.action,
            phase_from = ?transition.from,
            phase_to = ?transition.to,
            "transition"
        );
        self.history[usize::from(self.len)] = transition;
        self.len += 1;
        self.phase = transition.to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    /// Calls `visit` with every path through the table that begins in `phase`.
    fn walk(phase: Phase, path: &mut Vec<Transition>, visit: &mut impl FnMut(&[Transition])) {
        visit(path);
        for transition in Transition::all().filter(|it| it.from == phase && it.to != phase) {
            path.push(transition);
            walk(transition.to, path, visit);
            path.pop();
        }
    }

    #[test]
    fn the_history_holds_every_path_through_the_table() {
        let mut longest = 0;
        walk(Phase::Idle, &mut Vec::new(), &mut |path| {
            let mut progress = Progress::new(Phase::Idle);
            for transition in path {
                assert_eq!(progress.make(transition.party, transition.action), Some(transition.to));
                assert_eq!(progress.phase(), transition.to);
            }
            assert_eq!(progress.history(), path);
            longest = longest.max(path.len());
        });
        assert_eq!(longest, MAX_TRANSITIONS);
    }

    #[test]
    fn an_action_that_keeps_the_phase_leaves_no_trace() {
        let mut progress = Progress::new(Phase::Open);
        assert_eq!(progress.make(Party::Client, Action::Message), None);
        assert_eq!((progress.phase(), progress.history()), (Phase::Open, &[][..]));
    }

    #[test]
    fn a_check_agrees_with_the_table_and_changes_nothing() {
        for phase in Phase::ALL {
            for (party, action) in Party::ALL.into_iter().flat_map(|party| Action::ALL.map(|action| (party, action))) {
                let progress = Progress::new(phase);
                assert_eq!(progress.check(party, action).err(), phase.next(party, action).err());
                assert_eq!((progress.phase(), progress.history().len()), (phase, 0));
                let made = catch_unwind(|| Progress::new(phase).make(party, action));
                assert_eq!(made.is_ok(), phase.next(party, action).is_ok(), "{party} {action} in {phase:?}");
            }
        }
    }
}
