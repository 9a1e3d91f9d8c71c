//! What has become of all connections.

use crate::{Cause, Disconnect};
use std::{collections::BTreeMap, fmt};

/// How many connections have come, and how they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Connections taken from the listener.
    pub accepted: u64,
    /// Those of them that were dropped at once, because too many were being refused already.
    pub dropped: u64,
    /// Those that have ended, by what ended them: the name of the [`Cause`].
    pub ended: BTreeMap<&'static str, u64>,
    /// Those that ended with both parties' Close.
    pub clean: u64,
}

impl Tally {
    pub(super) fn count(&mut self, disconnect: &Disconnect) {
        *self.ended.entry(name(&disconnect.cause)).or_default() += 1;
        self.clean += u64::from(disconnect.is_clean);
    }

    /// All that have ended.
    #[must_use]
    pub fn total_ended(&self) -> u64 {
        self.ended.values().sum::<u64>() + self.dropped
    }
}

const fn name(cause: &Cause) -> &'static str {
    match cause {
        Cause::PeerClosed => "peer closed",
        Cause::LocalClosed => "local closed",
        Cause::Rejected(_) => "rejected",
        Cause::Handshake(_) => "handshake failed",
        Cause::Protocol(_) => "protocol violation",
        Cause::TransportLost => "transport lost",
        Cause::TimedOut(_) => "timed out",
        Cause::Aborted => "aborted",
    }
}

/// One line for a log.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted, {} ended, {} clean", self.accepted, self.total_ended(), self.clean)?;
        for (cause, count) in &self.ended {
            write!(f, ", {count} {cause}")?;
        }
        Ok(())
    }
}
