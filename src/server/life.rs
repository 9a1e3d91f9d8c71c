//! The life of a server: running, finishing, stopping, stopped.

use super::{accept::Acceptor, farewell::Farewell, intake::Intake, session_id::LocalId};
use crate::CloseFrame;
use std::{mem, time::Instant};

/// The life of a server. It only moves down this list.
#[derive(Debug)]
pub(super) enum Life {
    /// The server accepts connections.
    Running(Acceptor),
    /// The acceptor is gone, once it has accepted the backlog. The server serves its sessions until they end.
    Finishing,
    /// The acceptor is gone, once it has accepted the backlog. The server refuses requests, closes its sessions, waits
    /// for them to end, and aborts those left at `cut_off`.
    Stopping { farewell: Option<Farewell>, cut_off: Option<Instant> },
    /// Every session has ended.
    Stopped,
}

impl Life {
    pub(super) const fn acceptor_mut(&mut self) -> Option<&mut Acceptor> {
        match self {
            Self::Running(acceptor) => Some(acceptor),
            Self::Finishing | Self::Stopping { .. } | Self::Stopped => None,
        }
    }

    pub(super) const fn acceptor(&self) -> Option<&Acceptor> {
        match self {
            Self::Running(acceptor) => Some(acceptor),
            Self::Finishing | Self::Stopping { .. } | Self::Stopped => None,
        }
    }

    pub(super) const fn intake(&self) -> Intake {
        match self {
            Self::Running(_) | Self::Finishing => Intake::Normal,
            Self::Stopping { .. } | Self::Stopped => Intake::RefuseAll,
        }
    }

    /// Begins to stop. Returns the acceptor if there is one: the caller may accept a last time.
    pub(super) fn begin_stop(&mut self) -> Option<Acceptor> {
        match mem::replace(self, Self::Stopping { farewell: None, cut_off: None }) {
            Self::Running(acceptor) => Some(acceptor),
            Self::Finishing => None,
            other @ (Self::Stopping { .. } | Self::Stopped) => {
                *self = other;
                None
            }
        }
    }

    /// Gives up the acceptor. The caller may accept a last time.
    pub(super) fn take_acceptor(&mut self) -> Option<Acceptor> {
        match mem::replace(self, Self::Finishing) {
            Self::Running(acceptor) => Some(acceptor),
            other @ (Self::Finishing | Self::Stopping { .. } | Self::Stopped) => {
                *self = other;
                None
            }
        }
    }

    /// Sets how a stopping server closes its sessions, and when it aborts those that are left.
    pub(super) fn say_goodbye(&mut self, new: Farewell, at: Option<Instant>) {
        if let Self::Stopping { farewell, cut_off } = self {
            (*farewell, *cut_off) = (Some(new), at);
        }
    }

    /// The time of the next step of a stopping server.
    pub(super) fn next_step(&self) -> Option<Instant> {
        match self {
            Self::Stopping { farewell, cut_off } => {
                [farewell.as_ref().and_then(Farewell::next), *cut_off].into_iter().flatten().min()
            }
            Self::Running(_) | Self::Finishing | Self::Stopped => None,
        }
    }

    /// A session that is to be closed now, and its Close.
    pub(super) fn take_goodbye(&mut self, now: Instant) -> Option<(LocalId, CloseFrame)> {
        match self {
            Self::Stopping { farewell, .. } => farewell.as_mut()?.take_due(now),
            Self::Running(_) | Self::Finishing | Self::Stopped => None,
        }
    }

    /// Whether the remaining sessions are to be aborted. True once.
    pub(super) fn take_cut_off(&mut self, now: Instant) -> bool {
        match self {
            Self::Stopping { cut_off, .. } => cut_off.take_if(|at| *at <= now).is_some(),
            Self::Running(_) | Self::Finishing | Self::Stopped => false,
        }
    }

    /// Ends the life of a server that accepts nothing more and whose last session has ended. Does nothing while the
    /// server is running.
    pub(super) fn end(&mut self) {
        if matches!(self, Self::Finishing | Self::Stopping { .. }) {
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
        let mut life = Life::Stopping { farewell: None, cut_off: None };
        assert_eq!((life.intake(), life.begin_stop().is_none()), (Intake::RefuseAll, true));
        let now = Instant::now();
        let later = now + Duration::from_secs(9);
        let farewell = || Farewell::new(CloseFrame::new(1001, ""), vec![LocalId::new(0, 1)], Duration::ZERO, later);
        life.say_goodbye(farewell(), Some(now));
        assert_eq!((life.next_step(), life.take_goodbye(now)), (Some(now), None));
        life.say_goodbye(farewell(), None);
        assert_eq!(life.next_step(), Some(later));
        assert!(life.take_goodbye(later).is_some() && life.next_step().is_none());
        life.say_goodbye(farewell(), Some(now));
        assert!(!life.take_cut_off(now - Duration::from_nanos(1)), "not before its time");
        assert!(life.take_cut_off(now) && !life.take_cut_off(now));
        assert!(!life.is_stopped());
        life.end();
        assert!(life.is_stopped());
        assert!(life.begin_stop().is_none() && life.take_acceptor().is_none() && life.is_stopped());
    }

    #[test]
    fn s15_a_finishing_server_serves_until_it_ends_or_begins_to_stop() {
        let mut life = Life::Finishing;
        assert!(life.take_acceptor().is_none() && matches!(life, Life::Finishing));
        assert_eq!((life.intake(), life.next_step(), life.is_stopped()), (Intake::Normal, None, false));
        assert!(life.begin_stop().is_none() && matches!(life, Life::Stopping { farewell: None, cut_off: None }));
        assert!(life.take_acceptor().is_none() && matches!(life, Life::Stopping { .. }), "it does not move up");
        let mut life = Life::Finishing;
        life.end();
        assert!(life.is_stopped());
    }
}
