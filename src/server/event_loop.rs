//! The event loop. A turn waits for events, handles them, and delivers the messages that they have published.

#[cfg(doc)]
use super::Handle;
#[cfg(feature = "tls")]
use super::budget::MAX_HANDSHAKES_PER_TURN;
use super::{
    LISTENER, Server, WAKER,
    accept::Acceptor,
    budget::{MAX_DUE_PER_TURN, late_reads},
};
use mio::Token;
use std::{
    io,
    time::{Duration, Instant},
};

/// The longest wait. Older versions of mio pass on only 32 bits of the milliseconds.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// # The event loop
impl Server {
    /// Runs until [`Handle::shutdown`], [`Handle::stop`] or [`Handle::stop_accepting`] has stopped the server and every
    /// connection has ended.
    ///
    /// # Errors
    /// The error of the operating system, if it cannot wait for events any more. An error of one connection ends only
    /// that connection.
    pub fn run(&mut self) -> io::Result<()> {
        let mut now = self.system.now();
        while !self.is_stopped() {
            now = self.turn_from(now, None)?;
        }
        Ok(())
    }

    /// Whether the server has been stopped and every connection has ended.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.life.is_stopped()
    }

    /// Runs one turn: waits for events, for at most `max_wait` and at most a day, and handles them. `None` waits until
    /// there is work, or a day is over. For programs with a loop of their own. Returns at once if the server has
    /// [stopped](Self::is_stopped).
    ///
    /// # Errors
    /// As [`run`](Self::run). [`ResourceBusy`](io::ErrorKind::ResourceBusy) in a closure of [`Handle::run`].
    pub fn turn(&mut self, max_wait: Option<Duration>) -> io::Result<()> {
        if !self.is_stopped() {
            self.turn_from(self.system.now(), max_wait)?;
        }
        Ok(())
    }

    /// Runs one turn, which begins to wait at the time `begin`. Returns the time of its end.
    fn turn_from(&mut self, begin: Instant, max_wait: Option<Duration>) -> io::Result<Instant> {
        if self.is_lent {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "a command cannot run its own server"));
        }
        let timeout = self.timeout(max_wait, begin);
        self.system.wait(timeout)?;
        let now = self.system.now();
        self.take_events();
        self.execute_commands(now);
        self.accept(now);
        self.shared.late_reads = late_reads(self.sessions.ready_count());
        #[cfg(feature = "tls")]
        let mut handshakes = MAX_HANDSHAKES_PER_TURN;
        // A session that has more to do is ready again afterwards, for the next turn.
        for _ in 0..self.sessions.ready_count() {
            if let Some(key) = self.sessions.take_ready() {
                #[cfg(feature = "tls")]
                if self.tls.is_some() && self.sessions.postpone_handshake(key, &mut handshakes) {
                    continue;
                }
                self.drive(key, now);
                self.limit_published(now);
                self.relieve(now);
            }
        }
        for key in self.sessions.take_due(now, MAX_DUE_PER_TURN) {
            self.drive(key, now);
            self.limit_published(now);
        }
        self.call_timers(now);
        self.deliver_published(now);
        self.say_goodbye(now);
        self.relieve(now);
        if self.life.take_cut_off(now) {
            self.for_each_session(now, |mut view| view.cut());
        }
        self.end_if_empty();
        let end = self.system.now();
        self.turns.count(end.saturating_duration_since(now));
        Ok(end)
    }

    fn take_events(&mut self) {
        self.system.for_each_report(|report| match report.token {
            LISTENER => self.life.acceptor_mut().into_iter().for_each(Acceptor::set_ready),
            // Every turn executes commands.
            WAKER => {}
            Token(key) => self.sessions.set_ready(key, report),
        });
    }

    /// How long to wait: not at all if there is work, else until the next deadline, and at most `max_wait`.
    fn timeout(&self, max_wait: Option<Duration>, now: Instant) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        let until_deadline = self.next_deadline().map(|deadline| deadline.saturating_duration_since(now));
        [max_wait, until_deadline].into_iter().flatten().min().map(|wait| wait.min(MAX_WAIT))
    }

    /// Whether the next turn has work, whatever the system reports.
    pub(crate) fn has_work(&self) -> bool {
        let may_accept = self.life.acceptor().is_some_and(Acceptor::has_work) && self.may_admit();
        let has_commands =
            self.commands.has_own() || self.commands.has_foreign() || self.shared.common.rooms.has_waiting();
        has_commands || self.sessions.ready_count() > 0 || may_accept
    }

    /// The next time at which there is work, whatever the system reports.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let accept = self.life.acceptor().and_then(Acceptor::paused_until);
        let (deadline, timer) = (self.sessions.next_deadline(), self.shared.common.timers.next());
        let (step, look) = (self.life.next_step(), self.sessions.next_look());
        [deadline, timer, accept, step, look].into_iter().flatten().min()
    }
}
