//! Counting connections and their ends.

use crate::{CauseKind, Disconnect};
use std::fmt;

/// Counts of the connections of a server: the accepted ones, and the ended ones by cause.
///
/// An end counts once, when it is reached: it has been handed out, and the last byte has been written or dropped. The
/// log has one line at info for it.
///
/// ```
/// use statesocket::{CauseKind, Config, server::Server};
///
/// let server = Server::bind("127.0.0.1:0", Config::default())?;
/// let tally = server.tally();
/// assert_eq!((tally.accepted, tally.ended(CauseKind::PeerClosed), tally.total_ended()), (0, 0, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// The connections taken from the listener.
    pub accepted: u64,
    /// The accepted connections that got no session. When no descriptor was left, or your code stopped the server at
    /// that moment, they were answered with 503. When too many refused ones were open, or the loop could not wait for
    /// the socket, they were closed.
    pub dropped: u64,
    /// The connections whose request had not come and that ended to make room for others. They also count as ended by
    /// [`CauseKind::Aborted`].
    pub evicted: u64,
    /// The messages of handles and rooms that could not be queued. [`on_unsent`](super::Handler::on_unsent) has
    /// decided what became of each.
    pub unsent: u64,
    /// The connections that ended with the Close of both parties: that of the client has come, and ours has been
    /// written. An end that the transport or a timer cuts short before that is not clean, whatever was handed out.
    pub clean: u64,
    /// The ended connections, in the order of [`CauseKind::ALL`].
    ended: [u64; CauseKind::ALL.len()],
}

impl Tally {
    pub(super) fn count(&mut self, disconnect: &Disconnect) {
        self.ended[disconnect.cause.kind() as usize] += 1;
        self.clean += u64::from(disconnect.is_clean);
    }

    /// Adds the counts of another loop.
    pub(super) fn add(&mut self, other: &Self) {
        let Self { accepted, dropped, evicted, unsent, clean, ended } = other;
        self.accepted += accepted;
        self.dropped += dropped;
        self.evicted += evicted;
        self.unsent += unsent;
        self.clean += clean;
        for (sum, count) in self.ended.iter_mut().zip(ended) {
            *sum += count;
        }
    }

    /// The connections that ended by a cause of this kind.
    #[must_use]
    pub const fn ended(&self, kind: CauseKind) -> u64 {
        self.ended[kind as usize]
    }

    /// All connections that have ended, dropped ones included.
    #[must_use]
    pub fn total_ended(&self) -> u64 {
        self.ended.iter().sum::<u64>() + self.dropped
    }
}

/// One line for a log. It omits the causes that have not occurred.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted, {} ended, {} clean", self.accepted, self.total_ended(), self.clean)?;
        for kind in CauseKind::ALL {
            let count = self.ended(kind);
            if count > 0 {
                write!(f, ", {count} {kind}")?;
            }
        }
        if self.unsent > 0 {
            write!(f, ", {} messages unsent", self.unsent)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_place_of_its_number() {
        for (place, kind) in CauseKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind}");
        }
    }
}
