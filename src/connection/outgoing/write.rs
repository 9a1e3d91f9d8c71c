//! Writing the queue, and a message straight behind it.

use super::{Kind, Outgoing};
use crate::{frame::encode::EncodedHeader, message::Message};
use std::io::{self, IoSlice};

/// The slices of one vectored write: enough for a broadcast and the messages around it.
const SLICES: usize = 16;

impl Outgoing {
    /// Writes a server's message once, behind the queued bytes, and queues the part that `writer` does not take.
    /// Returns the number of bytes written, those of the queue included.
    pub(crate) fn write_message(&mut self, message: Message<'_>, mut writer: impl io::Write) -> usize {
        let header = EncodedHeader::new(true, Kind::of(&message).opcode(), message.len(), None);
        // Nothing is queued before the write, so a writer that panics leaves no half frame.
        let written = self.write_behind_queue(&header, message.as_bytes(), &mut writer);
        let of_queue = written.min(self.output.len());
        let of_message = written - of_queue;
        self.output.advance(of_queue);
        if of_message < header.len() {
            self.output.extend(&header[of_message..]);
        }
        self.output.payload(message.into_bytes(), of_message.saturating_sub(header.len()));
        written
    }

    /// Writes the queued bytes and a frame behind them, in one call. The queue keeps its bytes.
    fn write_behind_queue(&self, header: &[u8], payload: &[u8], writer: &mut impl io::Write) -> usize {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.slices_into(&mut slices[..SLICES - 2]);
        let in_slices: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        if in_slices < self.output.len() {
            return 0;
        }
        (slices[count], slices[count + 1]) = (IoSlice::new(header), IoSlice::new(payload));
        writer.write_vectored(&slices[..count + 2]).unwrap_or(0)
    }

    /// Writes queued bytes in one call. The queue keeps its bytes until [`advance`](Self::advance).
    pub(crate) fn write_once(&self, writer: &mut impl io::Write) -> io::Result<usize> {
        let first = self.output.as_slice();
        if first.len() == self.output.len() {
            return writer.write(first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.slices_into(&mut slices);
        writer.write_vectored(&slices[..count])
    }
}
