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

/// The most commands of your code on this thread that are executed in a row. Commands may cause commands for ever.
const MAX_CHAIN: usize = 1 << 16;

impl Server {
    /// Executes the commands that wait.
    pub(super) fn execute_commands(&mut self, now: Instant) {
        let foreign = self.commands.take_foreign();
        self.execute_own_commands(now);
        for command in foreign {
            self.execute(command, now);
        }
    }

    fn execute_own_commands(&mut self, now: Instant) {
        for _ in 0..MAX_CHAIN {
            let Some(command) = self.commands.pop_own() else { return };
            self.execute(command, now);
        }
        self.commands.defer_own();
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
