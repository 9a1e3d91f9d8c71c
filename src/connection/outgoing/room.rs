//! The room for further frames, and the level of the output, which follows from its length.

use super::{Full, Level, Marks, Outgoing};
use crate::frame::encode::max_encoded_len;

impl Outgoing {
    /// Removes the first `n` bytes.
    #[inline]
    pub(in crate::connection) fn advance(&mut self, n: usize, marks: impl FnOnce() -> Marks) {
        if self.is_settled() {
            self.output.advance(n);
        } else {
            self.advance_and_settle(n, marks());
        }
    }

    #[cold]
    fn advance_and_settle(&mut self, n: usize, marks: Marks) {
        // A level that the output had since the last look counts.
        self.settle(marks);
        self.output.advance(n);
        self.settle(marks);
    }

    /// Whether the level is low, and [`settle`](Self::settle) would change nothing.
    #[inline]
    pub(in crate::connection) const fn is_settled(&self) -> bool {
        matches!(self.level, Level::Low) && !self.may_have_risen
    }

    /// Brings the level up to date.
    pub(in crate::connection) fn settle(&mut self, marks: Marks) {
        self.level = self.level_now(marks);
        self.may_have_risen = false;
        self.ceiling = ceiling(self.level, marks);
    }

    /// The level at the last [`settle`](Self::settle).
    pub(in crate::connection) const fn level(&self) -> Level {
        self.level
    }

    /// The level that [`settle`](Self::settle) would find.
    pub(in crate::connection) fn level_now(&self, marks: Marks) -> Level {
        self.level.at(self.len(), marks)
    }

    /// Notes that bytes without a [check](Self::check_room) may have raised the level.
    #[inline]
    pub(super) fn note_growth(&mut self) {
        if self.len() > self.ceiling as usize {
            self.may_have_risen = true;
            self.output.set_edge(true);
        }
    }

    /// Checks that a frame fits under the limit, or that no other of a command is queued. The caller queues it then.
    ///
    /// # Errors
    /// [`Full`] if it does not.
    #[inline]
    pub(in crate::connection) fn check_room(
        &mut self,
        payload_len: usize,
        marks: impl FnOnce() -> Marks,
    ) -> Result<(), Full> {
        let with_frame = self.len().saturating_add(max_encoded_len(payload_len));
        if with_frame <= self.ceiling as usize { Ok(()) } else { self.check_room_above(with_frame, marks()) }
    }

    #[cold]
    fn check_room_above(&mut self, with_frame: usize, marks: Marks) -> Result<(), Full> {
        let queued = self.len();
        if self.backlog() > 0 && with_frame > marks.limit {
            return Err(Full { queued, limit: marks.limit });
        }
        self.may_have_risen = true;
        self.ceiling = ceiling(self.level.at(with_frame, marks), marks);
        self.output.set_edge(true);
        Ok(())
    }
}

fn ceiling(level: Level, marks: Marks) -> u32 {
    u32::try_from(level.ceiling(marks)).unwrap_or(u32::MAX)
}
