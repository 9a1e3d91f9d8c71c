//! Group B: what comes from the clock.

use super::{Connection, Stage, transmit::Ending};
use crate::{
    event::Cause,
    handshake::Response,
    state::{Action, Phase},
    timer::Timer,
};
use http::StatusCode;
use std::time::Instant;

impl Connection {
    /// The earliest deadline and what it is for; `None` if nothing is waited for. Call
    /// [`handle_timeout`](Self::handle_timeout) when it has come.
    ///
    /// Methods of group C know no time: a deadline that they begin runs from the `now` of the call that follows, which
    /// is usually this one.
    #[must_use]
    pub fn poll_timeout(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.timers_are_stale {
            self.set_timers(now);
        }
        self.timers.next()
    }

    /// Does what the deadlines up to `now` demand. Take the events that follow with [`poll_event`](Self::poll_event).
    /// Calls that come too early or again do nothing.
    ///
    /// | timer | what happens when it runs out |
    /// |---|---|
    /// | [`Opening`](Timer::Opening) | a server answers 408 if a request had begun; a client leaves |
    /// | [`Closing`](Timer::Closing) | the socket is to be closed; if the peer's Close has not come the code is 1006 |
    /// | [`Linger`](Timer::Linger) | the socket is to be closed; the `Disconnect` has been handed out before |
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, timer)) = self.poll_timeout(now).filter(|(deadline, _)| *deadline <= now) {
            self.timers.set(timer, None);
            match timer {
                Timer::Opening => self.opening_timed_out(),
                Timer::Closing if self.can(Action::Abort) => {
                    self.break_off(self.local_party(), Cause::TimedOut(timer), None);
                }
                Timer::Closing | Timer::Linger => self.close_socket(),
            }
        }
    }

    fn opening_timed_out(&mut self) {
        let cause = Cause::TimedOut(Timer::Opening);
        let local = self.local_party();
        let request_has_begun = matches!(&self.stage, Stage::Request(reader) if reader.has_begun());
        if request_has_begun {
            let response = Response::new(StatusCode::REQUEST_TIMEOUT);
            self.output.extend(&response.encode().expect("a plain 408 can be written"));
            self.transition(local, Action::Abort);
            self.end(cause, None, Ending::Drain);
        } else {
            self.break_off(local, cause, None);
        }
    }

    /// Which deadlines run follows from the phase and from whether the last bytes have left: those that have begun stay, those that are over go.
    pub(super) fn set_timers(&mut self, now: Instant) {
        let waits_for_handshake = matches!(self.stage, Stage::Request(_) | Stage::Response(_));
        let sent_close = match self.phase {
            Phase::Idle | Phase::Requested | Phase::Open | Phase::Closed => false,
            Phase::ClientClosed | Phase::ApplicationClosed => !self.can(Action::Close),
        };
        let is_over = self.phase == Phase::Closed && !self.is_socket_done();
        let last_bytes_wait = is_over && !self.output.is_empty();
        for (timer, runs, timeout) in [
            (Timer::Opening, waits_for_handshake, self.config.opening_timeout),
            (Timer::Closing, sent_close || last_bytes_wait, self.config.closing_timeout),
            (Timer::Linger, is_over && !last_bytes_wait, self.config.linger_timeout),
        ] {
            let begun = self.timers.get(timer);
            let deadline = || begun.or_else(|| now.checked_add(timeout?));
            self.timers.set(timer, runs.then(deadline).flatten());
        }
        self.timers_are_stale = false;
    }
}
