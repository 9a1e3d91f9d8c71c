//! The system below a server: what waits for events and tells the time.

use super::{clock, descriptors::Allowance, queue::Wake, report::Report};
use mio::{
    Events, Interest, Poll, Token, Waker,
    net::{TcpListener, TcpStream},
};
use std::{
    io::{self, ErrorKind},
    time::{Duration, Instant},
};

/// The most events that one wait returns.
const EVENTS_PER_TURN: usize = 1024;

/// The system of a server. Nothing else in a server waits or asks for the time.
#[derive(Debug)]
pub(super) struct System {
    poll: Poll,
    events: Events,
}

impl System {
    pub(super) fn new() -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the event loop waits on sockets")]
        let poll = Poll::new()?;
        Ok(Self { poll, events: Events::with_capacity(EVENTS_PER_TURN) })
    }

    pub(super) fn now(&self) -> Instant {
        clock::now()
    }

    /// How many connections the system allows.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance::of_process()
    }

    /// Reports `token` when connections wait.
    ///
    /// # Errors
    /// The error of the system. So too in the next two methods.
    pub(super) fn watch_listener(&self, listener: &mut TcpListener, token: Token) -> io::Result<()> {
        self.poll.registry().register(listener, token, Interest::READABLE)
    }

    /// Reports `token` when the stream becomes readable or writable.
    pub(super) fn watch_stream(&self, stream: &mut TcpStream, token: Token) -> io::Result<()> {
        self.poll.registry().register(stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// What ends a wait from another thread, with a report of `token`.
    pub(super) fn waker(&self, token: Token) -> io::Result<Box<dyn Wake>> {
        Ok(Box::new(Waker::new(self.poll.registry(), token)?))
    }

    /// Waits for events, at most `timeout`. A signal may end the wait early.
    ///
    /// # Errors
    /// The system cannot wait any more.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Calls `take` with what the last wait has found.
    pub(super) fn for_each_report(&self, take: impl FnMut(Report)) {
        self.events.iter().map(Report::from).for_each(take);
    }
}

impl Wake for Waker {
    fn wake(&self) -> io::Result<()> {
        self.wake()
    }
}
