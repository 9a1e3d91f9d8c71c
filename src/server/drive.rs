//! Giving sessions their turns.

use super::{Server, session_core::turn::Turn, sessions::TurnEnd, socket::Socket};
use std::time::Instant;

impl Server {
    /// Gives a session its turn.
    pub(super) fn drive(&mut self, key: usize, now: Instant) {
        self.take_turn(key, now, |turn, may_be_due| turn.run(may_be_due));
    }

    /// Delivers the messages of rooms before the end of the turn, if they are many.
    pub(super) fn limit_published(&mut self, now: Instant) {
        if self.shared.common.rooms.is_full() {
            self.deliver_published(now);
        }
    }

    /// Calls the handlers whose timers have come. What their clients have sent in time is handed out before.
    pub(super) fn call_timers(&mut self, now: Instant) {
        for (id, token) in self.shared.common.timers.due(now) {
            if let Some(key) = self.sessions.find(id) {
                self.sessions.assume_ready(key);
                self.take_turn(key, now, |turn, _| turn.timer(token));
                self.limit_published(now);
            }
        }
    }

    /// Calls `act` with a turn of the session `key`, and removes the session if it has ended.
    pub(super) fn take_turn(&mut self, key: usize, now: Instant, act: impl FnOnce(Turn<'_, Socket>, bool)) {
        let Some(entry) = self.sessions.get_mut(key) else { return };
        let may_be_due = entry.may_be_due(now);
        act(entry.turn(&mut self.shared, self.life.intake(), now), may_be_due);
        if self.commands.has_own() && self.shared.may_interrupt {
            self.resume(key, now);
        }
        let mut end = self.sessions.finish_turn(key, now);
        if end == TurnEnd::BeganToWait && self.sessions.waiting() > self.shared.limits.max_waiting_requests {
            let Some(entry) = self.sessions.get_mut(key) else { return };
            entry.turn(&mut self.shared, self.life.intake(), now).refuse_waiting();
            end = self.sessions.finish_turn(key, now);
        }
        if end == TurnEnd::SessionEnded {
            if let Some(acceptor) = self.life.acceptor_mut() {
                acceptor.end_pause();
            }
            if self.sessions.is_empty() {
                self.shared.release_memory();
            }
        }
        // The drop of a handler may have sent commands, for which the next session would stop.
        if self.commands.has_own() && self.shared.may_interrupt {
            self.execute_own_commands(now);
        }
    }
}
