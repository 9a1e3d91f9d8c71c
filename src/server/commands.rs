//! Executing the commands of handles.

use super::{
    Server,
    handle::{Command, Handle},
    session_core::turn::Turn,
    session_id::SessionId,
    socket::Socket,
    view::View,
};
use std::time::Instant;

/// The most commands that one turn executes, so that a busy handle does not keep the sessions waiting.
const COMMANDS_PER_TURN: usize = 1024;

impl Server {
    /// Executes commands, within the budget of a turn.
    pub(super) fn execute_commands(&mut self, now: Instant) {
        self.has_commands = true;
        for _ in 0..COMMANDS_PER_TURN {
            let Ok(command) = self.life.next_command() else {
                self.has_commands = false;
                return;
            };
            self.execute(command, now);
        }
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
            Command::Send(id, message) => self.send(id, now, |turn| turn.send(&message)),
            Command::Broadcast(ids, message) => {
                for id in ids {
                    self.send(id, now, |turn| turn.send_shared(&message));
                }
            }
            Command::Close { id, code, reason } => {
                self.lend(id, now, |view, _| view.connection.ensure_closed(code, &reason));
            }
            Command::Shutdown { code, timeout } => self.shut_down(code, now.checked_add(timeout), now),
            Command::Stop => self.abort_all(now),
        }
    }

    /// The key of the session `id`, if it is one of this server and has not ended.
    fn find(&self, id: SessionId) -> Option<usize> {
        id.local_to(self.shared.server).and_then(|id| self.sessions.find(id))
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
