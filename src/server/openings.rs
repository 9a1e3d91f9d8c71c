//! The sessions that can make room: those whose opening handshake is in progress, and those that have ended.

use super::{network::Network, session_id::LocalId};
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// How far the opening handshake of a session has come, or its end. It only moves down this list, and back to `Over`
/// when the session is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opening {
    /// The client has sent nothing.
    Silent,
    /// A part of the request has come.
    Head,
    /// The request waits for the answer of your code.
    Waiting,
    /// The handshake has ended, successful or not.
    Over,
    /// The session has ended, its last byte is written, and the client has not closed the stream.
    Lingering,
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
    lingering: BTreeSet<LocalId>,
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
            Opening::Lingering => drop(self.lingering.remove(&id)),
        }
        match to {
            Opening::Silent => drop(self.silent.insert(id)),
            Opening::Head => drop(self.heads.insert(id)),
            Opening::Waiting => self.waiting += 1,
            Opening::Over => {}
            Opening::Lingering => drop(self.lingering.insert(id)),
        }
    }

    /// The session of several collections that makes room: the oldest that has sent nothing, else the oldest whose
    /// request has begun, else the oldest that lingers. A client needs a moment between its connect and its request,
    /// and amid half requests it may be the only silent one. So the newest quarter makes no room before older sessions
    /// do. `generation` is that of the newest session.
    pub(super) fn first_to_go(all: &[&Self], generation: u32) -> Option<LocalId> {
        let silent = all.iter().filter_map(|openings| openings.silent.first()).min();
        let head = all.iter().filter_map(|openings| openings.heads.first()).min();
        let lingering = all.iter().filter_map(|openings| openings.lingering.first()).min();
        let newest = all.iter().map(|openings| openings.unfinished() + openings.lingering()).sum::<usize>() / 4;
        let first = silent.or(head).or(lingering)?;
        let is_new = first.later_sessions(generation) < newest;
        if is_new { [silent, head, lingering].into_iter().flatten().min().copied() } else { Some(*first) }
    }

    /// How many have not sent a whole request.
    pub(super) fn unfinished(&self) -> usize {
        self.silent.len() + self.heads.len()
    }

    /// How many have ended, with a client that has not closed the stream.
    pub(super) fn lingering(&self) -> usize {
        self.lingering.len()
    }

    /// How many requests wait for an answer.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }
}

/// The served sessions that can make room for others of their address, in that order. Only while a limit needs them.
#[derive(Debug, Default)]
pub(super) struct ByAddress(Option<BTreeSet<(Network, Opening, LocalId)>>);

impl ByAddress {
    pub(super) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps them from now on, beginning with none, or forgets them.
    pub(super) fn keep(&mut self, is_kept: bool) {
        self.0 = is_kept.then(BTreeSet::new);
    }

    /// The opening handshake of `id` has moved on.
    pub(super) fn advance(&mut self, address: IpAddr, id: LocalId, [from, to]: [Opening; 2]) {
        let Some(sessions) = &mut self.0 else { return };
        let network = Network::of(address);
        sessions.remove(&(network, from, id));
        match to {
            Opening::Silent | Opening::Head | Opening::Lingering => drop(sessions.insert((network, to, id))),
            Opening::Waiting | Opening::Over => {}
        }
    }

    /// Those of an address, the first to go first.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = LocalId> {
        let network = Network::of(address);
        let range = (network, Opening::Silent, LocalId::MIN)..=(network, Opening::Lingering, LocalId::MAX);
        self.0.iter().flat_map(move |sessions| sessions.range(range.clone())).map(|(_, _, id)| *id)
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
