//! The life of a server: running, stopping, stopped.

use super::{accept::Acceptor, intake::Intake};
use std::{mem, time::Instant};

/// The life of a server. It only moves down this list.
#[derive(Debug)]
pub(super) enum Life {
    /// The server accepts connections.
    Running(Acceptor),
    /// The acceptor is gone, once it has accepted the backlog. The server refuses requests, waits for its sessions to
    /// end, and aborts those left at `cut_off`.
    Stopping { cut_off: Option<Instant> },
    /// Every session has ended.
    Stopped,
}

impl Life {
    pub(super) const fn acceptor_mut(&mut self) -> Option<&mut Acceptor> {
        match self {
            Self::Running(acceptor) => Some(acceptor),
            Self::Stopping { .. } | Self::Stopped => None,
        }
    }

    pub(super) const fn acceptor(&self) -> Option<&Acceptor> {
        match self {
            Self::Running(acceptor) => Some(acceptor),
            Self::Stopping { .. } | Self::Stopped => None,
        }
    }

    pub(super) const fn intake(&self) -> Intake {
        match self {
            Self::Running(_) => Intake::Normal,
            Self::Stopping { .. } | Self::Stopped => Intake::RefuseAll,
        }
    }

    /// Begins to stop. Returns the acceptor if the server was running: the caller may accept a last time.
    pub(super) fn stop_accepting(&mut self) -> Option<Acceptor> {
        match mem::replace(self, Self::Stopped) {
            Self::Running(acceptor) => {
                *self = Self::Stopping { cut_off: None };
                Some(acceptor)
            }
            other @ (Self::Stopping { .. } | Self::Stopped) => {
                *self = other;
                None
            }
        }
    }

    /// Sets the time at which the remaining sessions of a stopping server are aborted.
    pub(super) fn set_cut_off(&mut self, at: Option<Instant>) {
        if let Self::Stopping { cut_off } = self {
            *cut_off = at;
        }
    }

    pub(super) const fn cut_off(&self) -> Option<Instant> {
        match self {
            Self::Stopping { cut_off } => *cut_off,
            Self::Running(_) | Self::Stopped => None,
        }
    }

    /// Whether the remaining sessions are to be aborted. True once.
    pub(super) fn take_cut_off(&mut self, now: Instant) -> bool {
        match self {
            Self::Stopping { cut_off } => cut_off.take_if(|at| *at <= now).is_some(),
            Self::Running(_) | Self::Stopped => false,
        }
    }

    /// Ends the life of a stopping server whose last session has ended. Does nothing while the server is running.
    pub(super) fn end(&mut self) {
        if matches!(self, Self::Stopping { .. }) {
            *self = Self::Stopped;
        }
    }

    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made by asking for one")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stopping_server_refuses_is_cut_off_once_and_ends() {
        let mut life = Life::Stopping { cut_off: None };
        assert_eq!((life.intake(), life.stop_accepting().is_none()), (Intake::RefuseAll, true));
        let now = Instant::now();
        life.set_cut_off(Some(now));
        assert_eq!(life.cut_off(), Some(now));
        assert!(!life.take_cut_off(now - Duration::from_nanos(1)), "not before its time");
        assert!(life.take_cut_off(now) && !life.take_cut_off(now));
        assert!(!life.is_stopped());
        life.end();
        assert!(life.is_stopped());
    }
}
