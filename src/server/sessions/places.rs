//! The places of sessions: how many are taken, and who makes room.

use super::{
    super::{
        network::Network,
        openings::{Group, Openings},
        session_id::LocalId,
    },
    Entry, Sessions,
};
use std::net::IpAddr;

impl Sessions {
    /// How many sessions only exist to be refused.
    pub(in super::super) const fn refused(&self) -> usize {
        self.refused
    }

    pub(in super::super) fn served(&self) -> usize {
        self.entries.len() - self.refused
    }

    pub(in super::super) fn served_from(&self, address: IpAddr) -> usize {
        self.served_by_address.get(&Network::of(address)).copied().unwrap_or_default()
    }

    /// How many sessions of the group have not sent a whole request.
    pub(in super::super) fn unfinished(&self, group: Group) -> usize {
        match group {
            Group::Served => self.openings.unfinished(),
            Group::Refused => self.refused_openings.unfinished(),
            Group::All => self.openings.unfinished() + self.refused_openings.unfinished(),
        }
    }

    /// How many sessions of the group have ended, with a client that has not closed the stream. They hold places, but
    /// are in no handshake.
    pub(in super::super) fn lingering(&self, group: Group) -> usize {
        match group {
            Group::Served => self.openings.lingering(),
            Group::Refused => self.refused_openings.lingering(),
            Group::All => 0,
        }
    }

    /// The session of the group that makes room: [`Openings::first_to_go`].
    pub(in super::super) fn first_to_go(&self, group: Group) -> Option<LocalId> {
        match group {
            Group::Served => Openings::first_to_go(&[&self.openings], self.generation),
            Group::Refused => Openings::first_to_go(&[&self.refused_openings], self.generation),
            Group::All => Openings::first_to_go(&[&self.openings, &self.refused_openings], self.generation),
        }
    }

    /// The served sessions of an address that can make room, the first to go first. They are known only while
    /// [`know_addresses`](Self::know_addresses) says so.
    pub(in super::super) fn first_to_go_from(&self, address: IpAddr) -> impl Iterator<Item = LocalId> {
        self.by_address.of(address)
    }

    /// Whether to know the addresses of the sessions that can make room.
    pub(in super::super) fn know_addresses(&mut self, is_known: bool) {
        if is_known == self.by_address.is_kept() {
            return;
        }
        self.by_address.keep(is_known);
        for (_, Entry { session, .. }) in self.entries.iter().filter(|(_, entry)| !entry.session.is_refused()) {
            self.by_address.advance(session.address().ip(), session.id(), [session.opening(); 2]);
        }
    }

    /// How many requests wait for an answer.
    pub(in super::super) const fn waiting(&self) -> usize {
        self.openings.waiting()
    }
}
