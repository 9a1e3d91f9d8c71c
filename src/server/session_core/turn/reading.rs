//! Reading: in a turn, before a deadline, and for the last time.

use super::{
    super::super::{
        budget::{LATE_READS, MAX_LATE_TURNS, READS_PER_TURN},
        logging::LOG,
        stream::ByteStream,
    },
    Turn,
};
use crate::BytesRead;
use std::io::ErrorKind;

/// How a read ended.
enum ReadOutcome {
    HandedOut,
    WouldBlock,
    EndOfStream,
    Failed(ErrorKind),
}

impl<S: ByteStream> Turn<'_, S> {
    pub(super) fn may_read(&self) -> bool {
        self.may_go_on() && !self.stream.is_closed() && self.session.may_read(self.stream)
    }

    /// Reads once, and hands out the events.
    pub(super) fn read(&mut self) {
        match self.read_and_hand_out() {
            ReadOutcome::HandedOut => return,
            ReadOutcome::WouldBlock => {}
            ReadOutcome::EndOfStream => self.session.connection.receive_eof(),
            ReadOutcome::Failed(error) => self.session.connection.transport_failed_with(error),
        }
        self.hand_out_pending();
    }

    /// Reads what came before a deadline that has come, while it `is_late`: input may postpone a deadline. Returns
    /// false if the session cannot read all of it in this turn, or the budget of all sessions is spent: then the
    /// deadline waits for a later turn.
    pub(super) fn read_late(&mut self, is_late: fn(&mut Self) -> bool) -> bool {
        let has_read_all = self.read_while(is_late);
        // A peer that always sends must not postpone a deadline for ever.
        let may_wait = !has_read_all && self.session.late_turns < MAX_LATE_TURNS;
        self.session.late_turns = if may_wait { self.session.late_turns + 1 } else { 0 };
        !may_wait
    }

    fn read_while(&mut self, is_late: fn(&mut Self) -> bool) -> bool {
        for _ in 0..LATE_READS {
            if !self.may_go_on() || self.session.may_deliver() {
                return false;
            }
            if !self.may_read() || !is_late(self) {
                return true;
            }
            let Some(left) = self.shared.late_reads.checked_sub(1) else { return false };
            self.shared.late_reads = left;
            self.read();
            self.flush();
        }
        true
    }

    /// Reads up to the end that the system has reported, although your code has paused reading. The bytes before the
    /// end are kept: no more than the system had for the stream.
    pub(super) fn look_for_the_end(&mut self) {
        for _ in 0..READS_PER_TURN {
            if self.stream.is_closed() || !self.session.must_look_for_the_end(self.stream) {
                return;
            }
            self.read();
            self.flush();
        }
    }

    /// Reads a last time after a failed write: the peer may have sent a Close before, and the Close has the real code.
    /// Then ends the connection, which drops the queued bytes.
    pub(super) fn receive_last(&mut self, error: ErrorKind) {
        self.read_last();
        self.session.connection.transport_failed_with(error);
        let may_interrupt = std::mem::replace(&mut self.shared.may_interrupt, false);
        // Nothing holds these bytes any more. What is too much for this turn comes in the next ones.
        self.hand_out_rest();
        self.hand_out_pending();
        self.shared.may_interrupt = may_interrupt;
    }

    /// Reads what the peer has sent before the end. What the connection holds back is kept: no more than the system had
    /// for the stream.
    pub(super) fn read_last(&mut self) {
        // The stream ends after this, whatever your code commands.
        let may_interrupt = std::mem::replace(&mut self.shared.may_interrupt, false);
        for _ in 0..LATE_READS {
            match self.read_and_hand_out() {
                ReadOutcome::HandedOut => {}
                ReadOutcome::WouldBlock | ReadOutcome::EndOfStream | ReadOutcome::Failed(_) => break,
            }
        }
        self.shared.may_interrupt = may_interrupt;
    }

    fn read_and_hand_out(&mut self) -> ReadOutcome {
        let mut buffer = std::mem::take(&mut self.shared.read_buffer);
        let result = loop {
            match self.session.connection.read_from(&mut *self.stream, &mut buffer, self.now) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let outcome = match result {
            Ok(BytesRead { total: 0, .. }) => ReadOutcome::EndOfStream,
            Ok(read) => {
                self.shared.common.tally.bytes_received += read.total as u64;
                let mut bytes = &mut buffer[..read.in_buffer];
                // After a failed write there may be a rest, which these bytes must not overtake.
                if self.session.rest.is_empty() {
                    self.hand_out(&mut bytes);
                }
                if self.session.rest.try_push(bytes).is_err() {
                    self.session.connection.fail_without_memory(bytes.len());
                }
                ReadOutcome::HandedOut
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Some(is_part) = self.stream.take_heard() {
                    self.session.connection.hear(is_part, self.now);
                }
                ReadOutcome::WouldBlock
            }
            Err(error) => {
                log::debug!(target: LOG, "{} {}: cannot be read: {error}", self.session.id, self.session.address);
                ReadOutcome::Failed(error.kind())
            }
        };
        self.shared.read_buffer = buffer;
        outcome
    }
}
