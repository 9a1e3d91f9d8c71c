//! The sessions whose opening handshake is in progress.

use super::session_id::LocalId;
use std::collections::BTreeSet;

/// How far the opening handshake of a session has come. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The client has sent nothing of a request.
    Silent,
    /// A part of the request has come.
    Head,
    /// The request waits for the answer of your code.
    Waiting,
    /// The handshake has ended, successful or not.
    Over,
}

/// The sessions of an [`Opening`], in order of arrival. The order of ids is that of arrival, except for the sessions
/// that are here when the 2^32 ids of a server begin anew.
#[derive(Debug, Default)]
pub(super) struct Openings {
    silent: BTreeSet<LocalId>,
    heads: BTreeSet<LocalId>,
    waiting: usize,
}

impl Openings {
    /// Adds a session, which is silent.
    pub(super) fn insert(&mut self, id: LocalId) {
        self.silent.insert(id);
    }

    /// The opening handshake of `id` has moved on.
    pub(super) fn advance(&mut self, id: LocalId, [from, to]: [Opening; 2]) {
        match from {
            Opening::Silent => drop(self.silent.remove(&id)),
            Opening::Head => drop(self.heads.remove(&id)),
            Opening::Waiting => self.waiting -= 1,
            Opening::Over => {}
        }
        match to {
            Opening::Silent => drop(self.silent.insert(id)),
            Opening::Head => drop(self.heads.insert(id)),
            Opening::Waiting => self.waiting += 1,
            Opening::Over => {}
        }
    }

    /// How many have not sent a whole request.
    pub(super) fn unfinished(&self) -> usize {
        self.silent.len() + self.heads.len()
    }

    /// How many requests wait for an answer.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }
}
