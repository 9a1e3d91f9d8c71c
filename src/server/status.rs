//! What a server tells of itself.

use super::{Server, handle::Handle, openings::Group, queue::HandleError, tally::Tally, turns::Turns};
use std::sync::{Arc, Mutex, PoisonError};

/// The state of a server at one moment, by [`Server::status`] or [`Handle::status`]. [`prometheus`](Self::prometheus)
/// has all of it as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Counts of the accepted connections, of the ended ones by cause, and of what they have carried.
    pub tally: Tally,
    /// The number of connections, in any phase. [`Tally::open`] has that of the open ones.
    pub connections: usize,
    /// The connections whose request has not come as a whole.
    pub handshakes: usize,
    /// The requests that wait for the answer of your code.
    pub waiting: usize,
    /// The bytes that all connections hold, as [`Limits::max_buffered_bytes`](super::Limits::max_buffered_bytes) counts
    /// them, per connection in units of 64 bytes. A message for several connections may count with each.
    pub held_bytes: usize,
    /// The commands that wait for the loop.
    pub queued_commands: usize,
    /// The turns of the loop.
    pub turns: Turns,
}

impl Status {
    /// Adds the status of another loop.
    fn add(&mut self, other: &Self) {
        let Self { tally, connections, handshakes, waiting, held_bytes, queued_commands, turns } = other;
        self.tally.add(tally);
        self.connections += connections;
        self.handshakes += handshakes;
        self.waiting += waiting;
        self.held_bytes += held_bytes;
        self.queued_commands += queued_commands;
        self.turns.add(*turns);
    }
}

impl Server {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            tally: self.tally().clone(),
            connections: self.connections(),
            handshakes: self.sessions.unfinished(Group::All),
            waiting: self.sessions.waiting(),
            held_bytes: self.sessions.held(),
            queued_commands: self.commands.len(),
            turns: self.turns,
        }
    }
}

/// # The status
impl Handle {
    /// Has the loop call `tell` with its status: for a page of metrics, or a supervisor. The loop waits for `tell`, so
    /// it should only send the status on. In a cluster the status is the sum over all loops, and `tell` is called by
    /// the last of them. [`Server::route_metrics`] is a page of metrics.
    ///
    /// ```
    /// use statesocket::{Config, server::Server};
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let server = Server::spawn("127.0.0.1:0", Config::default(), |_| Ok::<_, String>(()))?;
    /// let (sender, receiver) = mpsc::channel();
    /// server.handle().status(move |status| drop(sender.send(status)))?;
    /// let status = receiver.recv()?;
    /// assert_eq!((status.connections, status.tally.accepted), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`HandleError`].
    pub fn status(&self, tell: impl FnOnce(Status) + Send + 'static) -> Result<(), HandleError> {
        let loops: Vec<_> = self.loops().collect();
        let sum = Arc::new(Mutex::new((loops.len(), Status::default(), Some(tell))));
        for one in loops {
            let sum = Arc::clone(&sum);
            one.run(move |server| {
                // `tell` is called without the lock, and nothing else panics with it.
                let mut locked = sum.lock().unwrap_or_else(PoisonError::into_inner);
                let (left, status, tell) = &mut *locked;
                *left -= 1;
                status.add(&server.status());
                if *left == 0
                    && let Some(tell) = tell.take()
                {
                    let status = status.clone();
                    drop(locked);
                    tell(status);
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn status(times: usize) -> Status {
        let mut tally = Tally::default();
        tally.accepted = times as u64;
        let mut turns = Turns::default();
        (0..times).for_each(|_| turns.count(Duration::from_secs(1)));
        Status {
            tally,
            connections: 2 * times,
            handshakes: 3 * times,
            waiting: 4 * times,
            held_bytes: 5 * times,
            queued_commands: 6 * times,
            turns,
        }
    }

    #[test]
    fn the_sum_over_loops_has_every_field() {
        let mut sum = status(1);
        sum.add(&status(2));
        assert_eq!(sum, status(3));
    }
}
