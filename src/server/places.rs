//! Accepting connections, and making room for them.

#[cfg(feature = "tls")]
use super::tls::Tls;
use super::{
    Server, accept::Arrival, descriptors::Allowance, intake::Intake, limits::WhenFull, logging::LOG, openings::Group,
    refusal::Refusal, session_id::LocalId, sessions::Sessions, socket::Socket,
};
use crate::Connection;
use std::{fmt, net::IpAddr, sync::Arc, time::Instant};

/// The most connections that one turn accepts, so that the sessions do not wait for new ones.
const ACCEPTS_PER_TURN: usize = 256;

/// The most refused connections that are open at a time. Each stays until its request has been answered.
const MAX_REFUSED: usize = 256;

/// How full a group of sessions is.
struct Places {
    taken: usize,
    /// The places of those that can make room.
    dispensable: usize,
    max: usize,
}

impl Places {
    const fn has_room(&self) -> bool {
        self.taken < self.max
    }

    const fn may_have_room(&self) -> bool {
        self.taken - self.dispensable < self.max
    }
}

impl Server {
    /// Accepts waiting connections, within the budget of a turn.
    pub(super) fn accept(&mut self, now: Instant) {
        self.accept_at_most(ACCEPTS_PER_TURN, now);
    }

    /// Accepts waiting connections, as far as there is room.
    pub(super) fn accept_at_most(&mut self, count: usize, now: Instant) {
        for _ in 0..count {
            let may_admit = self.may_admit();
            // Your code may stop the server while room is made.
            let Some(acceptor) = self.life.acceptor_mut().filter(|_| may_admit) else { return };
            match acceptor.next(&mut self.shared.common.tally, now) {
                Some(arrival) => self.admit(arrival, now),
                None if acceptor.has_work() => {}
                None => return,
            }
        }
    }

    /// Whether a new connection would be served or refused at once.
    pub(super) fn may_admit(&self) -> bool {
        match self.life.intake() {
            Intake::RefuseAll => true,
            Intake::Normal => {
                let may_serve = self.places(Group::Served).may_have_room();
                (may_serve || self.shared.limits.when_full == WhenFull::Refuse)
                    && self.places(Group::All).may_have_room()
            }
        }
    }

    /// Serves or refuses a new connection. It may take the place of an older one.
    pub(super) fn admit(&mut self, arrival: Arrival, now: Instant) {
        if arrival.took_reserve && !self.replace_reserve(now) {
            match self.life.acceptor_mut() {
                Some(acceptor) if self.shared.limits.when_full == WhenFull::Wait => {
                    acceptor.put_back(arrival);
                    acceptor.pause(now);
                }
                Some(_) => self.refuse_at_once(arrival, Refusal::ServerFull),
                None => self.refuse_at_once(arrival, Refusal::Stopping),
            }
            return;
        }
        let Some(arrival) = self.hand_over(arrival) else { return };
        let refusal = match self.life.intake() {
            // Every request is refused anyway.
            Intake::RefuseAll => None,
            Intake::Normal => {
                let refusal = self.refusal(&arrival, now);
                let waits = refusal == Some(Refusal::ServerFull) && self.shared.limits.when_full == WhenFull::Wait;
                let has_place = !waits && self.make_room(Group::All, now);
                match self.life.acceptor_mut() {
                    Some(_) if has_place => {}
                    // The requests of those that could have made room have come.
                    Some(acceptor) => return acceptor.put_back(arrival),
                    // Your code has stopped the server meanwhile.
                    None => return self.refuse_at_once(arrival, Refusal::Stopping),
                }
                refusal
            }
        };
        self.shared.common.tally.accepted += 1;
        if refusal.is_some() && !self.make_room(Group::Refused, now) {
            self.shared.common.tally.dropped += 1;
            return;
        }
        let connection = Connection::server(Arc::clone(&self.config), now);
        let Arrival { stream, address, .. } = arrival;
        #[cfg(feature = "tls")]
        let socket = match self.tls.as_ref().map(Tls::layer).transpose() {
            Ok(None) => Socket::new(stream),
            Ok(Some(layer)) => Socket::with_tls(stream, layer),
            Err(error) => {
                if self.warnings.unsecured.is_due(now) {
                    log::warn!(target: LOG, "cannot speak TLS with {address}: {error}");
                }
                self.shared.common.tally.dropped += 1;
                return;
            }
        };
        #[cfg(not(feature = "tls"))]
        let socket = Socket::new(stream);
        if let Err(error) = self.sessions.insert(connection, socket, address, refusal, &self.system, now) {
            if self.warnings.unregistered.is_due(now) {
                log::warn!(target: LOG, "cannot wait for the connection from {address}: {error}");
            }
            self.shared.common.tally.dropped += 1;
        }
    }

    /// Refuses a connection without a session.
    pub(super) fn refuse_at_once(&mut self, arrival: Arrival, refusal: Refusal) {
        let (address, status) = (arrival.address, refusal.status());
        log::info!(target: LOG, "{address}: any request is answered with {status}: {refusal}");
        self.shared.common.tally.accepted += 1;
        self.shared.common.tally.dropped += 1;
        #[cfg(feature = "tls")]
        if self.tls.is_some() || self.hands_over && self.shared.handle.is_secure() {
            return arrival.refuse_tls();
        }
        self.shared.common.tally.count_answer(status);
        arrival.refuse(refusal, self.config.date);
    }

    /// Takes another descriptor in reserve, if need be that of a session that makes room.
    fn replace_reserve(&mut self, now: Instant) -> bool {
        let count = self.sessions.len();
        loop {
            let Some(acceptor) = self.life.acceptor_mut() else { return false };
            if acceptor.fill_reserve() {
                return true;
            }
            let has_ended = |server: &Self| server.sessions.len() < count;
            // Another program or thread may have taken the descriptor of that session.
            if has_ended(self)
                || !self.end_first(
                    |sessions| sessions.first_to_go(Group::All),
                    &"no descriptor is left",
                    has_ended,
                    now,
                )
            {
                return false;
            }
        }
    }

    /// The reason to refuse a new connection, if there is no room for it and none can be made.
    fn refusal(&mut self, arrival: &Arrival, now: Instant) -> Option<Refusal> {
        if self.make_room_from(arrival.address.ip(), now) {
            if self.make_room(Group::Served, now) {
                return None;
            }
            let Allowance { limit, served, .. } = self.allowance;
            if served < self.shared.limits.max_connections && self.warnings.capped.is_due(now) {
                let why = format_args!("since the process may open {limit} files");
                log::warn!(target: LOG, "the server is full with {served} connections, {why}");
            }
            return Some(Refusal::ServerFull);
        }
        // Others wait behind a connection that waits, so this one does not.
        let is_server_full = !self.places(Group::Served).has_room() && self.shared.limits.when_full == WhenFull::Refuse;
        Some(if is_server_full { Refusal::ServerFull } else { Refusal::AddressFull })
    }

    /// Makes room for one more session of the group, if there is none: ends those that are the
    /// [first to go](Sessions::first_to_go). Returns whether there is room.
    fn make_room(&mut self, group: Group, now: Instant) -> bool {
        loop {
            let places = self.places(group);
            if places.has_room() {
                return true;
            }
            let has_room = |server: &Self| server.places(group).has_room();
            if !places.may_have_room() || !self.end_first(|sessions| sessions.first_to_go(group), &group, has_room, now)
            {
                return false;
            }
        }
    }

    /// Makes room for one more session of the address, if there is none, by ending sessions of the same address.
    /// Returns whether there is room.
    fn make_room_from(&mut self, address: IpAddr, now: Instant) -> bool {
        loop {
            let (served, max) = (self.sessions.served_from(address), self.shared.limits.max_connections_per_address);
            if served < max {
                return true;
            }
            let excess = served - max + 1;
            let is_in_vain = self.sessions.first_to_go_from(address).take(excess).count() < excess
                || !self.places(Group::Served).may_have_room();
            let first = |sessions: &Sessions| sessions.first_to_go_from(address).next();
            let has_room = |server: &Self| server.sessions.served_from(address) < max;
            let reason = "as many connections of an address as allowed are open";
            if is_in_vain || !self.end_first(first, &reason, has_room, now) {
                return false;
            }
        }
    }

    /// Ends the `first` session to go. It gets a turn before, since its request may just have arrived, and goes on if
    /// it does not stay the first or if that turn `is_enough`. Returns whether there was one.
    fn end_first(
        &mut self,
        first: impl Fn(&Sessions) -> Option<LocalId>,
        reason: &dyn fmt::Display,
        is_enough: impl Fn(&Self) -> bool,
        now: Instant,
    ) -> bool {
        let Some(id) = first(&self.sessions) else { return false };
        if let Some(entry) = self.sessions.get_mut(id.key()) {
            entry.socket_mut().assume_ready();
        }
        self.drive(id.key(), now);
        if !is_enough(self) && first(&self.sessions) == Some(id) {
            if !self.sessions.has_ended(id) {
                if self.warnings.evicting.is_due(now) {
                    log::warn!(target: LOG, "{reason}: connections whose request has not come make room for new ones");
                }
                self.shared.common.tally.evicted += 1;
            }
            self.take_turn(id.key(), now, |turn, _| turn.evict());
        }
        true
    }

    fn places(&self, group: Group) -> Places {
        let unfinished = self.sessions.unfinished(group);
        let (taken, max) = match group {
            Group::Served => (self.sessions.served(), self.shared.limits.max_connections.min(self.allowance.served)),
            Group::Refused => {
                let left = self.allowance.served_and_refused.saturating_sub(self.sessions.served());
                (self.sessions.refused(), MAX_REFUSED.min(left))
            }
            Group::All => (unfinished, self.shared.limits.max_handshakes),
        };
        Places { taken, dispensable: unfinished + self.sessions.lingering(group), max }
    }
}
