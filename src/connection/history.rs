//! The moves that a connection has made.

use crate::state::{Action, Party, Phase, Transition};

/// The longest way through the table: Open, Accept, a Close, and the other Close or an Abort.
const MAX: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    moves: [Transition; MAX],
    len: u8,
}

impl History {
    pub(super) const EMPTY: Self = Self {
        moves: [Transition { from: Phase::Idle, party: Party::Client, action: Action::Open, to: Phase::Idle }; MAX],
        len: 0,
    };

    pub(super) fn push(&mut self, transition: Transition) {
        self.moves[usize::from(self.len)] = transition;
        self.len += 1;
    }

    pub(super) fn as_slice(&self) -> &[Transition] {
        &self.moves[..usize::from(self.len)]
    }
}
