//! The steps of the loop: write, wait, read, pass the time.

use super::{WRITE_WAIT, WebSocket, now, stream::Stream};
use crate::connection::SocketAction;
use std::{
    io::ErrorKind,
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

/// The shortest wait for bytes of the peer. A read timeout of zero would mean none.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The most reads at a deadline. They empty the buffer that a system has for a socket.
const READS_AT_DEADLINE: usize = 128;

impl<T: Stream> WebSocket<T> {
    /// Writes, waits, reads, and passes the time if nothing was read. Does not wait longer than `until`. Returns false
    /// once the stream is shut down.
    pub(super) fn step(&mut self, until: Option<Instant>) -> bool {
        let was_held = self.connection.held_by().is_some();
        let is_written = self.write();
        match self.connection.poll_socket() {
            // The owner may keep the stream, and the peer waits for its end. Both calls fail only if the peer is gone.
            Some(SocketAction::Close) => self.stream.shut_down(Shutdown::Both).unwrap_or_default(),
            Some(SocketAction::ShutdownWrite) => self.stream.shut_down(Shutdown::Write).unwrap_or_default(),
            None => {}
        }
        if self.connection.is_finished() {
            return false;
        }
        self.connection.resume_reading();
        if was_held && self.connection.held_by().is_none() {
            return true;
        }
        let before_wait = now();
        let deadline = self.connection.poll_timeout(before_wait).map(|(deadline, _)| deadline);
        let first = deadline.into_iter().chain(until).min();
        let wait = first.map(|time| time.saturating_duration_since(before_wait).max(MIN_WAIT));
        let is_due = self.connection.is_due(before_wait);
        self.late_reads = if is_due { self.late_reads + 1 } else { 0 };
        if self.late_reads <= READS_AT_DEADLINE && self.inbox.wants_read(&self.connection) {
            // What is queued must not wait for the peer.
            if self.read_once(if is_written { wait } else { Some(MIN_WAIT) }) {
                return true;
            }
        } else if is_written && !is_due {
            sleep(wait.unwrap_or(WRITE_WAIT));
        }
        self.late_reads = 0;
        // What came before that time has been read.
        self.handle_timeout(before_wait);
        true
    }

    /// Passes the time. Before the output ends the connection, reads what was held back.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.connection.gives_up_unread(now) {
            self.do_not_wait();
        }
        self.inbox.handle_timeout(&mut self.connection, &mut self.stream, now);
    }

    /// Writes as much as the stream takes. Returns whether nothing is left.
    pub(super) fn write(&mut self) -> bool {
        self.needs_flush |= self.connection.output_len() > 0;
        let mut written = self.connection.write_to(&mut self.stream).map(|_| ());
        if written.is_ok() && self.needs_flush {
            written = self.stream.flush();
        }
        match written {
            Ok(()) => self.needs_flush = false,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => self.fail(error.kind()),
        }
        self.connection.output_len() == 0 && !self.needs_flush
    }

    /// Returns whether there is something new: bytes, or the end of the stream.
    fn read_once(&mut self, wait: Option<Duration>) -> bool {
        if let Err(error) = self.stream.set_read_timeout(wait) {
            self.fail(error.kind());
            return true;
        }
        match self.inbox.read_from(&mut self.connection, &mut self.stream, now()) {
            Ok(_) => true,
            Err(error) if is_no_failure(error.kind()) => false,
            Err(error) => {
                self.connection.transport_failed_with(error.kind());
                true
            }
        }
    }

    /// Ends the connection because the stream has failed, behind what the peer has sent before it left.
    fn fail(&mut self, error: ErrorKind) {
        self.connection.transport_failed_with(error);
        self.needs_flush = false;
        self.do_not_wait();
        self.inbox.write_failed(&mut self.connection, &mut self.stream);
    }

    /// Has the last reads not wait. If that cannot be set, the stream is gone, and they do not.
    fn do_not_wait(&mut self) {
        let _ = self.stream.set_read_timeout(Some(MIN_WAIT));
    }
}

/// Whether a read ended without bytes because its time was over, or because of a signal.
const fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[expect(clippy::disallowed_methods, reason = "a driver waits")]
pub(super) fn sleep(time: Duration) {
    thread::sleep(time);
}
