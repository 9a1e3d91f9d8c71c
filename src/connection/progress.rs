//! How far both parties have come: the phase, and the moves that led to it.

use crate::state::{Action, Party, Phase, Transition, TransitionError};

/// The longest path through the table: Open, Accept, one Close, and the other Close or an Abort.
const MAX_MOVES: usize = 4;

/// The only owner of the phase. Nothing changes it but [`make`](Self::make), which asks the table.
#[derive(Debug)]
pub(super) struct Progress {
    phase: Phase,
    moves: [Transition; MAX_MOVES],
    len: u8,
}

impl Progress {
    pub(super) const fn new(phase: Phase) -> Self {
        let none = Transition { from: Phase::Idle, party: Party::Client, action: Action::Open, to: Phase::Idle };
        Self { phase, moves: [none; MAX_MOVES], len: 0 }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn moves(&self) -> &[Transition] {
        &self.moves[..usize::from(self.len)]
    }

    /// Whether the table allows the move; nothing changes.
    pub(super) const fn check(&self, party: Party, action: Action) -> Result<(), TransitionError> {
        match self.phase.next(party, action) {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a move, and returns the new phase if it is another one.
    ///
    /// # Panics
    /// If the table does not allow the move: the caller has checked it.
    #[inline]
    pub(super) fn make(&mut self, party: Party, action: Action) -> Option<Phase> {
        let to = match self.phase.next(party, action) {
            Ok(to) => to,
            Err(error) => panic!("a move must be checked before it is made: {error}"),
        };
        if to == self.phase {
            return None;
        }
        self.record(Transition { from: self.phase, party, action, to });
        Some(to)
    }

    #[cold]
    fn record(&mut self, transition: Transition) {
        self.moves[usize::from(self.len)] = transition;
        self.len += 1;
        self.phase = transition.to;
    }
}
