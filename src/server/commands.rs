//! Executing the commands of handles.

use super::{
    Server,
    handle::{Command, Handle},
    session_core::turn::Turn,
    session_id::SessionId,
    socket::Socket,
    view::View,
};
use std::{collections::HashMap, mem, time::Instant};

/// The most interruptions of a session per turn, for events that are at hand. A session whose handler sends many
/// commands must not keep the others waiting.
const MAX_INTERRUPTIONS: usize = 16;

/// The most commands that commands cause, per row of commands of your code on this thread. They may do so for ever. The
/// others wait for the next turn, with all that follow them.
const MAX_CAUSED: usize = 1024;

impl Server {
    /// Executes the commands that wait.
    pub(super) fn execute_commands(&mut self, now: Instant) {
        let is_from_siblings = self.commands.has_foreign() && self.shared.handle.is_of_cluster();
        let foreign = self.commands.take_foreign();
        let missed = if is_from_siblings { self.commands.take_missed() } else { HashMap::new() };
        let calls = if is_from_siblings { foreign.iter().filter(|command| command.is_call()).count() } else { 0 };
        self.execute_own_commands(now);
        for command in foreign {
            self.execute(command, now);
            self.execute_own_commands(now);
        }
        if calls > 0 {
            self.commands.end_calls_of_others(calls);
        }
        for (_, command) in missed {
            self.miss(command, now);
        }
    }

    /// Tells the members of a room that other loops have published more than this one has taken.
    fn miss(&mut self, command: Command, now: Instant) {
        let Command::Publish { room, message, .. } = command else { return };
        for id in self.shared.common.rooms.members(&room).collect::<Vec<_>>() {
            if let Some(key) = self.sessions.find(id) {
                self.take_turn(key, now, |turn, _| turn.miss(&message));
            }
        }
    }

    /// Executes the commands with which your code has interrupted the turn of the session `key`, and lets it go on.
    pub(super) fn resume(&mut self, key: usize, now: Instant) {
        for count in 1.. {
            self.execute_own_commands(now);
            let Some(entry) = self.sessions.get_mut(key) else { return };
            let is_enough = count > MAX_INTERRUPTIONS || self.commands.has_deferred();
            if is_enough && entry.may_go_on_later() {
                return;
            }
            entry.turn(&mut self.shared, self.life.intake(), now).resume();
            if !self.commands.has_own() {
                return;
            }
        }
    }

    pub(super) fn execute_own_commands(&mut self, now: Instant) {
        if !self.commands.has_own() {
            return;
        }
        let may_interrupt = mem::replace(&mut self.shared.may_interrupt, false);
        let count = if self.commands.has_deferred() { 0 } else { self.commands.own_len() + MAX_CAUSED };
        for _ in 0..count {
            let Some(command) = self.commands.pop_own() else { break };
            self.execute(command, now);
        }
        self.commands.defer_own();
        self.shared.may_interrupt = may_interrupt;
    }

    fn execute(&mut self, command: Command, now: Instant) {
        match command {
            Command::With(id, act) => {
                if self.find(id).is_some()
                    && let Some(act) = act.into_inner()
                {
                    self.lend(id, now, act);
                }
            }
            Command::ForEach { act, except } => self.lend_each(except, now, |view, handle| act.call(view, handle)),
            Command::Send(id, message) => self.send(id, now, |turn| turn.send(&message)),
            Command::Notify(id, event) => {
                if let Some(key) = self.find(id) {
                    self.take_turn(key, now, |turn, _| turn.notify(event));
                }
            }
            Command::Broadcast(ids, message) => {
                for id in ids {
                    self.send(id, now, |turn| turn.send_shared(&message));
                }
            }
            Command::Publish { room, message, except } => {
                let except = except.and_then(|id| id.local_to(self.shared.common.server));
                self.shared.common.rooms.publish(&room, &message, except);
            }
            Command::Close { id, code, reason } => {
                self.lend(id, now, |view, _| view.connection.ensure_closed(code, &reason));
            }
            Command::Adopt(stream, address) => self.adopt(stream, address, now),
            Command::Run(act) => {
                if let Some(act) = act.into_inner() {
                    self.lend_itself(act);
                }
            }
            Command::StopAccepting => self.accept_no_more(now),
            Command::Shutdown(shutdown) => self.shut_down(shutdown, now),
            Command::Stop => self.abort_all(now),
        }
    }

    /// Has each session send the messages that were published in its rooms before.
    pub(super) fn deliver_published(&mut self, now: Instant) {
        if !self.shared.common.rooms.has_waiting() {
            return;
        }
        let (sessions, last) = self.shared.common.rooms.waiting_sessions();
        for session in sessions {
            // A session that has acted in this turn has its messages.
            if let Some(id) = self.shared.common.rooms.turn_to(session)
                && let Some(key) = self.sessions.find(id)
            {
                self.take_turn(key, now, |turn, _| turn.deliver());
                self.relieve(now);
            }
        }
        self.shared.common.rooms.forget(last);
    }

    /// The key of the session `id`, if it is one of this server and has not ended.
    fn find(&self, id: SessionId) -> Option<usize> {
        id.local_to(self.shared.common.server).and_then(|id| self.sessions.find(id))
    }

    /// Has the session `id` send a message. Does nothing if it has ended.
    fn send(&mut self, id: SessionId, now: Instant, send: impl FnOnce(Turn<'_, Socket>)) {
        if let Some(key) = self.find(id) {
            self.take_turn(key, now, |turn, _| send(turn));
        }
    }

    /// Lends the session `id` to `act`. Does nothing if it has ended.
    fn lend(&mut self, id: SessionId, now: Instant, act: impl FnOnce(View<'_>, &Handle)) {
        if let Some(key) = self.find(id) {
            self.take_turn(key, now, |turn, _| turn.lend(act));
        }
    }

    /// Lends each session to `act`.
    pub(super) fn for_each_session(&mut self, now: Instant, mut act: impl FnMut(View<'_>)) {
        for key in self.sessions.keys() {
            self.take_turn(key, now, |turn, _| turn.lend(|view, _| act(view)));
        }
    }
}
