//! Pongs in the queue, the last of which may be replaced.

use super::{
    super::pong::{MAX_PONGS, Pong},
    Queue,
};
use crate::frame::{MAX_CONTROL_PAYLOAD, MaskKey, OpCode};
use std::num::NonZero;

impl Queue {
    /// Queues a Pong. It replaces the last one if [`MAX_PONGS`] are queued and no byte of the last one has been
    /// written.
    ///
    /// RFC 6455 section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
    /// frame." So a peer that pings and never reads makes us hold a bounded number of Pongs. The work is linear: the
    /// bytes behind the old Pong are moved once, since afterwards they are before the new one.
    pub(in crate::output) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "a Pong echoes the payload of a Ping");
        let mut start = self.bytes.len();
        self.frame(true, OpCode::Pong, payload, key);
        let len = self.bytes.len() - start;
        if self.pongs < MAX_PONGS {
            self.pongs += 1;
        } else if let Some(unsent) = self.last_pong.filter(|pong| pong.start >= self.head) {
            self.remove(unsent);
            start -= usize::from(unsent.len.get());
        }
        self.note_automatic(len);
        self.last_pong = NonZero::new(len as u8).map(|len| Pong { start, len });
    }

    /// Keeps the queued Pongs: no later one replaces them.
    pub(in crate::output) const fn fix_pongs(&mut self) {
        self.last_pong = None;
    }

    /// Keeps the Pongs among the first `n` queued bytes.
    #[cfg(feature = "tls")]
    pub(in crate::output) fn keep(&mut self, n: usize) {
        self.last_pong.take_if(|pong| {
            let pieces = self.pieces.iter().take_while(|(before, _)| *before <= pong.start);
            let in_pieces = pieces.map(|(_, piece)| piece.as_slice().len()).sum::<usize>();
            pong.start.saturating_sub(self.head) + in_pieces < n
        });
    }

    fn remove(&mut self, pong: Pong) {
        let range = pong.start..pong.start + usize::from(pong.len.get());
        for (before, _) in self.pieces.iter_mut().rev().take_while(|(before, _)| *before >= range.end) {
            *before -= range.len();
        }
        self.len -= range.len();
        // The Pong is one of them, even if a command has queued bytes behind it.
        self.automatic.len -= range.len();
        self.automatic.end -= range.len();
        self.bytes.remove(range);
    }
}
