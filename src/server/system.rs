//! The system below a server: what waits for events and tells the time.

#[cfg(feature = "testing")]
use super::memory;
use super::{clock, descriptors::Allowance, listener::Listener, queue::Wake, report::Report, transport::Transport};
use mio::{Events, Interest, Poll, Token, Waker};
use std::{
    io::{self, ErrorKind},
    time::{Duration, Instant, SystemTime},
};

/// The most events that one wait returns.
const EVENTS_PER_TURN: usize = 1024;

/// The system of a server. Nothing else in a server waits or asks for the time.
#[derive(Debug)]
pub(super) enum System {
    Os {
        poll: Poll,
        events: Events,
    },
    /// With what the last wait has found.
    #[cfg(feature = "testing")]
    Memory {
        net: memory::Net,
        reports: Vec<Report>,
    },
}

impl System {
    /// The operating system.
    ///
    /// # Errors
    /// Its error.
    pub(super) fn new() -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the event loop waits on sockets")]
        let poll = Poll::new()?;
        Ok(Self::Os { poll, events: Events::with_capacity(EVENTS_PER_TURN) })
    }

    pub(super) fn now(&self) -> Instant {
        match self {
            Self::Os { .. } => clock::now(),
            #[cfg(feature = "testing")]
            Self::Memory { net, .. } => net.now(),
        }
    }

    /// The clock for the `Date` of responses.
    pub(super) fn date(&self) -> fn() -> SystemTime {
        match self {
            Self::Os { .. } => clock::date,
            #[cfg(feature = "testing")]
            Self::Memory { .. } => memory::date,
        }
    }

    /// How many connections the system allows.
    pub(super) fn allowance(&self) -> Allowance {
        match self {
            Self::Os { .. } => Allowance::of_process(),
            #[cfg(feature = "testing")]
            Self::Memory { .. } => Allowance::UNLIMITED,
        }
    }

    /// Reports `token` when connections wait. The listener is one of this system.
    ///
    /// # Errors
    /// The error of the system. So too in the next two methods.
    pub(super) fn watch_listener(&self, listener: &mut Listener, token: Token) -> io::Result<()> {
        match (self, listener) {
            (_, Listener::None) => Ok(()),
            (Self::Os { poll, .. }, Listener::Tcp(listener)) => {
                poll.registry().register(listener, token, Interest::READABLE)
            }
            #[cfg(feature = "testing")]
            (Self::Memory { net, .. }, Listener::Memory(_)) => {
                net.watch_listener(token);
                Ok(())
            }
            #[cfg(feature = "testing")]
            (Self::Os { .. }, Listener::Memory(_)) | (Self::Memory { .. }, Listener::Tcp(_)) => Err(foreign()),
        }
    }

    /// Reports `token` when the stream becomes readable or writable. The stream is one of this system.
    pub(super) fn watch_stream(&self, stream: &mut Transport, token: Token) -> io::Result<()> {
        match (self, stream) {
            (Self::Os { poll, .. }, Transport::Tcp(stream)) => {
                poll.registry().register(stream, token, Interest::READABLE | Interest::WRITABLE)
            }
            #[cfg(feature = "testing")]
            (Self::Memory { .. }, Transport::Memory(end)) => {
                end.watch(token);
                Ok(())
            }
            #[cfg(feature = "testing")]
            (Self::Os { .. }, Transport::Memory(_)) | (Self::Memory { .. }, Transport::Tcp(_)) => Err(foreign()),
        }
    }

    /// What ends a wait from another thread, with a report of `token`.
    pub(super) fn waker(&self, token: Token) -> io::Result<Box<dyn Wake>> {
        match self {
            Self::Os { poll, .. } => Ok(Box::new(Waker::new(poll.registry(), token)?)),
            #[cfg(feature = "testing")]
            Self::Memory { .. } => Ok(Box::new(NeverAsleep)),
        }
    }

    /// Waits for events, at most `timeout`. A signal may end the wait early.
    ///
    /// # Errors
    /// The system cannot wait any more.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Os { poll, events } => match poll.poll(events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
            #[cfg(feature = "testing")]
            Self::Memory { net, reports } => {
                *reports = net.wait(timeout)?;
                Ok(())
            }
        }
    }

    /// Calls `take` with what the last wait has found.
    pub(super) fn for_each_report(&self, take: impl FnMut(Report)) {
        match self {
            Self::Os { events, .. } => events.iter().map(Report::from).for_each(take),
            #[cfg(feature = "testing")]
            Self::Memory { reports, .. } => reports.iter().copied().for_each(take),
        }
    }
}

impl Wake for Waker {
    fn wake(&self) -> io::Result<()> {
        self.wake()
    }
}

/// No wait of a network in memory lasts, so none must be ended.
#[cfg(feature = "testing")]
struct NeverAsleep;

#[cfg(feature = "testing")]
impl Wake for NeverAsleep {
    fn wake(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "testing")]
fn foreign() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "a stream of another system cannot be watched")
}
