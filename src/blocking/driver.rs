//! Drives a connection over a blocking stream by the five steps: write, wait, read, react, pass the time.

use super::stream::Stream;
use crate::{
    connection::{Connection, SocketAction},
    event::{Disconnect, Event},
    inbox::Inbox,
};
use std::{
    io::ErrorKind,
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

/// How long a write may wait for room before the peer's bytes are read. A write that times out leaves a socket of
/// Windows unusable, so there it is as long as a peer may be dead.
const WRITE_WAIT: Duration = if cfg!(windows) { Duration::from_secs(60) } else { Duration::from_millis(10) };

/// The shortest wait for bytes of the peer. A read timeout of zero would mean none.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The most reads at a deadline. They empty the buffer that a system has for a socket.
const READS_AT_DEADLINE: usize = 128;

/// A connection, its stream, and what lies between them.
#[derive(Debug)]
pub(super) struct Driver<T> {
    pub(super) connection: Connection,
    pub(super) stream: T,
    /// Bytes that have been read and not taken.
    inbox: Inbox,
    /// The stream may hold back bytes that it has taken, as TLS does.
    needs_flush: bool,
    /// The reads since the deadline that is due.
    late_reads: usize,
}

impl<T: Stream> Driver<T> {
    pub(super) fn new(mut stream: T, mut connection: Connection) -> Self {
        if let Err(error) = stream.prepare(WRITE_WAIT) {
            connection.transport_failed_with(error.kind());
        }
        Self { connection, stream, inbox: Inbox::new(), needs_flush: false, late_reads: 0 }
    }

    /// How a connection ended that is finished.
    pub(super) fn end(&self) -> Disconnect {
        self.connection.disconnected().cloned().expect("a connection reports its end before it closes the socket")
    }

    /// The next event that has come, with bytes of its own.
    pub(super) fn take_event(&mut self) -> Option<Event<'static>> {
        self.inbox.next_event(&mut self.connection, now()).map(Event::into_owned)
    }

    /// Has `on_event` handle each event where it lies, until the stream is shut down.
    pub(super) fn drive(&mut self, mut on_event: impl FnMut(&mut Connection, Event<'_>)) {
        loop {
            while let Some(event) = self.inbox.next_event(&mut self.connection, now()) {
                on_event(&mut self.connection, event);
            }
            if !self.step(None) {
                return;
            }
        }
    }

    /// Waits until everything queued is written or dropped.
    pub(super) fn flush(&mut self) {
        if self.write() {
            return;
        }
        // Nothing is read before the end, so the peer cannot be late.
        let was_paused = self.connection.is_reading_paused();
        self.connection.pause_reading();
        while !self.write() {
            self.handle_timeout(now());
        }
        if !was_paused {
            self.connection.resume_reading();
        }
    }

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
    fn handle_timeout(&mut self, now: Instant) {
        if self.connection.gives_up_unread(now) {
            self.do_not_wait();
        }
        self.inbox.handle_timeout(&mut self.connection, &mut self.stream, now);
    }

    /// Writes as much as the stream takes. Returns whether nothing is left.
    fn write(&mut self) -> bool {
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

#[expect(clippy::disallowed_methods, reason = "a driver gives the time to its connection")]
pub(super) fn now() -> Instant {
    Instant::now()
}
