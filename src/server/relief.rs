//! Ending the sessions that hold most, when all together hold too much.

use super::Server;
use std::time::Instant;

impl Server {
    /// Keeps the bytes that all sessions hold within the limit.
    #[inline(always)]
    pub(super) fn relieve(&mut self, now: Instant) {
        if self.sessions.is_look_due(now) {
            self.look_at_sessions(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_at_sessions(&mut self, now: Instant) {
        while self.sessions.is_look_due(now) {
            let largest = self.sessions.look(now);
            if largest.is_empty() {
                return;
            }
            for key in largest {
                self.take_turn(key, now, |turn, _| turn.end_overloaded());
            }
        }
    }
}
