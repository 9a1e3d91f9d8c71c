//! The bytes that wait to be written, in order.

use crate::frame::{self, MAX_CONTROL_PAYLOAD, MaskKey, OpCode};
use std::ops::Range;

/// A queue of bytes with a cursor at its head. It keeps no memory when it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Bytes already taken off the front.
    head: usize,
    /// How many Pongs have been queued since the queue was last empty.
    pongs: u8,
    /// Where the last of them lies, unless it had begun to leave when the queue was moved.
    last_pong: Option<Range<usize>>,
}

/// So many Pings that come faster than the Pongs leave are each answered, as Autobahn case 2.10 asks of ten; of those
/// beyond, the latest.
const MAX_PONGS: u8 = 16;

/// Behind this many taken bytes, those that wait are moved to the front once they are fewer.
const COMPACT: usize = 64 << 10;

impl Output {
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.head
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Takes `n` bytes off the front.
    pub(crate) fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "cannot advance by {n} bytes: {} wait", self.len());
        self.head += n;
        if self.is_empty() {
            *self = Self::default();
        } else if self.head >= COMPACT && self.head >= self.len() {
            self.bytes.drain(..self.head);
            let unsent = self.last_pong.take().filter(|pong| pong.start >= self.head);
            self.last_pong = unsent.map(|pong| pong.start - self.head..pong.end - self.head);
            self.head = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        frame::encode::encode(&mut self.bytes, is_final, opcode, payload, key);
    }

    /// Queues a Pong; in the place of the last one, if many wait and not a byte of that has left.
    ///
    /// RFC 6455 section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
    /// frame." So a peer that pings and never reads holds a bounded number of Pongs here. The work is linear too: the
    /// bytes behind the old Pong are moved once, since they are before the new one.
    pub(crate) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "a Pong echoes the payload of a Ping");
        if self.pongs < MAX_PONGS {
            self.pongs += 1;
        } else if let Some(unsent) = self.last_pong.take().filter(|pong| pong.start >= self.head) {
            self.bytes.drain(unsent);
        }
        let start = self.bytes.len();
        self.frame(true, OpCode::Pong, payload, key);
        self.last_pong = Some(start..self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_pongs(count: u8) -> Output {
        let mut output = Output::default();
        (0..count).for_each(|n| output.pong(&[n], None));
        output
    }

    #[test]
    fn f18_of_many_unsent_pongs_the_last_is_replaced() {
        let mut output = with_pongs(MAX_PONGS);
        let full = output.as_slice().to_vec();
        output.frame(true, OpCode::Text, b"between", None);
        output.pong(b"2", None);
        output.pong(b"3", None);
        let expected = [&full[..full.len() - 3], b"\x81\x07between\x8A\x013"].concat();
        assert_eq!(output.as_slice(), expected);
    }

    #[test]
    fn a_pong_that_has_begun_to_leave_stays_whole() {
        let mut output = with_pongs(MAX_PONGS);
        output.advance(output.len() - 2);
        output.pong(b"2", None);
        assert_eq!(output.as_slice(), b"\x01\x0F\x8A\x012");
    }

    #[test]
    fn the_last_pong_is_known_after_the_queue_moved() {
        for (left_of_pong, expected) in [(3, &b"\x8A\x012"[..]), (2, b"\x01\x0F\x8A\x012")] {
            let mut output = Output::default();
            output.extend(&vec![0; COMPACT]);
            (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
            output.advance(output.len() - left_of_pong);
            assert_eq!(output.bytes.len(), left_of_pong, "the taken bytes are gone");
            output.pong(b"2", None);
            assert_eq!(output.as_slice(), expected);
        }
    }

    #[test]
    fn an_empty_queue_keeps_no_memory() {
        let mut output = Output::default();
        output.extend(&[0; 1000]);
        output.advance(1000);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
