//! Counting connections, their ends, and what they carry.

use crate::{Cause, CauseKind, CloseCode, Disconnect, Timer};
use http::StatusCode;
use std::{collections::BTreeMap, fmt};

/// The classes of close codes that [`Tally::closed`] counts: a client can send these codes, and 1006 stands for none.
pub(super) const CLOSE_CLASSES: [&str; 16] = [
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014",
    "3xxx", "4xxx",
];

/// Counts of the connections of a server, since it was made: the accepted ones, the ended ones by cause, and what they
/// have carried.
///
/// An end counts once, when it is reached: it has been handed out, and the last byte has been written or dropped. The
/// log has one line at info for it. [`Status::prometheus`](super::Status::prometheus) has all counts as text.
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
    /// How often a connection could not be accepted, because no descriptor or memory was left.
    pub accept_errors: u64,
    /// The connections whose request had not come and that ended to make room for others. They also count as ended by
    /// [`CauseKind::Aborted`].
    pub evicted: u64,
    /// The connections whose request for a WebSocket was accepted.
    pub opened: u64,
    /// The messages of clients that were handed out. One in chunks counts with its last chunk.
    pub messages_received: u64,
    /// The messages for clients that were queued. One in fragments counts with its last fragment.
    pub messages_sent: u64,
    /// The bytes of clients that were read: heads of requests and frames, without TLS.
    pub bytes_received: u64,
    /// The bytes for clients that the system has taken: responses and frames, without TLS.
    pub bytes_sent: u64,
    /// The messages of handles and rooms that could not be queued. [`on_unsent`](super::Handler::on_unsent) has
    /// decided what became of each.
    pub unsent: u64,
    /// How often the output of a connection has risen above [`Config::high_water`](crate::Config::high_water), as far
    /// as a write has met it there.
    pub high_outputs: u64,
    /// The connections that ended with the Close of both parties: that of the client has come, and ours has been
    /// written. An end that the transport or a timer cuts short before that is not clean, whatever was handed out.
    pub clean: u64,
    /// The ended connections, in the order of [`CauseKind::ALL`].
    ended: [u64; CauseKind::ALL.len()],
    /// Those of them that a timer has ended, in the order of [`Timer::ALL`].
    timed_out: [u64; Timer::ALL.len()],
    /// Those of them that had been open, in the order of [`CLOSE_CLASSES`].
    closed: [u64; CLOSE_CLASSES.len()],
    /// The answers other than 101, by status.
    answered: BTreeMap<u16, u64>,
}

impl Tally {
    /// Counts an end, and whether the connection had been open, or the answer to its request.
    pub(super) fn count(&mut self, end: &Disconnect, has_been_open: bool, answer: Option<StatusCode>) {
        self.ended[end.cause.kind() as usize] += 1;
        self.clean += u64::from(end.is_clean);
        if let Cause::TimedOut(timer) = end.cause {
            self.timed_out[timer as usize] += 1;
        }
        if has_been_open {
            self.closed[class(end.code)] += 1;
        }
        if let Some(status) = answer {
            self.count_answer(status);
        }
    }

    /// Counts an answer other than 101.
    pub(super) fn count_answer(&mut self, status: StatusCode) {
        *self.answered.entry(status.as_u16()).or_default() += 1;
    }

    /// Adds the counts of another loop.
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            accepted,
            dropped,
            accept_errors,
            evicted,
            opened,
            messages_received,
            messages_sent,
            bytes_received,
            bytes_sent,
            unsent,
            high_outputs,
            clean,
            ended,
            timed_out,
            closed,
            answered,
        } = other;
        self.accepted += accepted;
        self.dropped += dropped;
        self.accept_errors += accept_errors;
        self.evicted += evicted;
        self.opened += opened;
        self.messages_received += messages_received;
        self.messages_sent += messages_sent;
        self.bytes_received += bytes_received;
        self.bytes_sent += bytes_sent;
        self.unsent += unsent;
        self.high_outputs += high_outputs;
        self.clean += clean;
        add_each(&mut self.ended, ended);
        add_each(&mut self.timed_out, timed_out);
        add_each(&mut self.closed, closed);
        for (status, count) in answered {
            *self.answered.entry(*status).or_default() += count;
        }
    }

    /// The connections that ended by a cause of this kind.
    #[must_use]
    pub const fn ended(&self, kind: CauseKind) -> u64 {
        self.ended[kind as usize]
    }

    /// The connections that this timer has ended. They also count as ended by [`CauseKind::TimedOut`].
    #[must_use]
    pub const fn timed_out(&self, timer: Timer) -> u64 {
        self.timed_out[timer as usize]
    }

    /// The connections that had been open and that ended with this code, as their
    /// [`Disconnect`](crate::Disconnect::code) has it. The codes from 3000 to 3999 count together, and so do those from
    /// 4000 to 4999.
    ///
    /// ```
    /// use statesocket::{Message, server::{Handler, Session}, testing::TestServer};
    ///
    /// struct Polite;
    /// impl Handler for Polite {
    ///     fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
    ///         session.ensure_closed(4001, "bye");
    ///     }
    /// }
    ///
    /// let mut server = TestServer::new(Default::default())?;
    /// server.route("/", || Polite)?;
    /// let mut client = server.connect("/");
    /// client.send("hello");
    /// server.settle();
    /// assert_eq!((server.tally().opened, server.tally().closed(4001.into()), server.tally().open()), (1, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn closed(&self, code: CloseCode) -> u64 {
        self.closed[class(code)]
    }

    /// The connections that have been opened and have not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.opened - self.closed.iter().sum::<u64>()
    }

    /// The requests that were answered with this status, and not with 101: by your code, by a route, or by the server.
    #[must_use]
    pub fn answered(&self, status: StatusCode) -> u64 {
        self.answered.get(&status.as_u16()).copied().unwrap_or_default()
    }

    /// The statuses of all answers, with their numbers.
    pub(super) fn answers(&self) -> impl Iterator<Item = (u16, u64)> {
        self.answered.iter().map(|(status, count)| (*status, *count))
    }

    /// The classes of close codes, with their numbers.
    pub(super) fn closes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CLOSE_CLASSES.into_iter().zip(self.closed)
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

/// The place of a code in [`CLOSE_CLASSES`]. No other code comes from a client.
const fn class(code: CloseCode) -> usize {
    match code.as_u16() {
        code @ 1000..=1003 => code as usize - 1000,
        code @ 1005..=1014 => code as usize - 1001,
        3000..=3999 => 14,
        4000..=4999 => 15,
        // 1006, which stands for none.
        _ => 5,
    }
}

fn add_each(sums: &mut [u64], counts: &[u64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use std::array;

    /// No count is 0, and no two are equal.
    fn counts(times: u64) -> Tally {
        Tally {
            accepted: times,
            dropped: 2 * times,
            accept_errors: 3 * times,
            evicted: 4 * times,
            opened: 5 * times,
            messages_received: 6 * times,
            messages_sent: 7 * times,
            bytes_received: 8 * times,
            bytes_sent: 9 * times,
            unsent: 10 * times,
            high_outputs: 11 * times,
            clean: 12 * times,
            ended: array::from_fn(|place| (100 + place as u64) * times),
            timed_out: array::from_fn(|place| (200 + place as u64) * times),
            closed: array::from_fn(|place| (300 + place as u64) * times),
            answered: [(403, 400 * times), (503, 401 * times)].into(),
        }
    }

    #[test]
    fn the_sum_over_loops_has_every_count() {
        let mut sum = counts(1);
        sum.add(&counts(2));
        assert_eq!(sum, counts(3));
        let mut others = Tally { answered: [(404, 1)].into(), ..Tally::default() };
        others.add(&Tally { answered: [(403, 1)].into(), ..Tally::default() });
        assert_eq!(others.answers().collect::<Vec<_>>(), [(403, 1), (404, 1)]);
    }

    #[test]
    fn each_getter_has_its_count() {
        let tally = counts(1);
        assert_eq!((tally.ended(CauseKind::ALL[1]), tally.timed_out(Timer::ALL[1])), (101, 201));
        assert_eq!((tally.closed(CloseCode::NORMAL_CLOSURE), tally.closed(CloseCode::new(4321))), (300, 315));
        assert_eq!((tally.answered(StatusCode::FORBIDDEN), tally.answered(StatusCode::NOT_FOUND)), (400, 0));
    }

    #[test]
    fn each_kind_has_the_place_of_its_number() {
        for (place, kind) in CauseKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind}");
        }
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place, "{timer}");
        }
    }

    #[test]
    fn each_code_that_a_client_may_send_has_its_class() {
        for code in (0..=u16::MAX).map(CloseCode::new) {
            let name = match code.as_u16() {
                3000.. => format!("{}xxx", code.as_u16() / 1000),
                code => code.to_string(),
            };
            let is_known = code.is_sendable_by(Role::Client) || code == CloseCode::NO_STATUS_RECEIVED;
            assert_eq!(CLOSE_CLASSES[class(code)], if is_known { name.as_str() } else { "1006" });
        }
    }
}
