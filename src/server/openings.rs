//! The sessions whose opening handshake is in progress.

use super::session_id::LocalId;
use std::{collections::BTreeSet, fmt};

/// How far the opening handshake of a session has come. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The client has sent nothing.
    Silent,
    /// A part of the request has come.
    Head,
    /// The request waits for the answer of your code.
    Waiting,
    /// The handshake has ended, successful or not.
    Over,
}

/// Sessions that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Served,
    /// Those whose request will be refused.
    Refused,
    /// Both, as far as their requests have not come.
    All,
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

    /// The session of several collections that makes room: the oldest that has sent nothing, else the oldest whose
    /// request has begun. A client needs a moment between its connect and its request, and amid half requests it may be
    /// the only silent one. So the newest quarter makes no room before older sessions do. `generation` is that of the
    /// newest session.
    pub(super) fn first_to_go(all: &[&Self], generation: u32) -> Option<LocalId> {
        let silent = all.iter().filter_map(|openings| openings.silent.first()).min();
        let head = all.iter().filter_map(|openings| openings.heads.first()).min();
        let newest = all.iter().map(|openings| openings.unfinished()).sum::<usize>() / 4;
        let chosen = match (silent, head) {
            (Some(silent), Some(head)) if silent.later_sessions(generation) < newest => silent.min(head),
            (silent, head) => silent.or(head)?,
        };
        Some(*chosen)
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

/// The limit that a group has reached, for the log.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Served => "as many connections as allowed are open",
            Self::Refused => "as many connections as allowed are being refused",
            Self::All => "as many opening handshakes as allowed are in progress",
        })
    }
}
