//! The bytes that wait to be written, in order.

use crate::frame::{self, MAX_CONTROL_PAYLOAD, MaskKey, OpCode};
use std::ops::Range;

/// A queue of bytes with a cursor at its head. It keeps no memory when it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Bytes already taken off the front.
    head: usize,
    /// Where the last Pong lies, as long as it is the one that a newer Pong replaces.
    pong: Option<Range<usize>>,
}

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
            self.pong = self.pong.take().and_then(|at| Some(at.start.checked_sub(self.head)?..at.end - self.head));
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

    /// Queues a Pong in the place of the last one, if not a byte of that has left.
    ///
    /// RFC 6455 section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
    /// frame." So a peer that pings and never reads holds one Pong here. The work is linear too: the bytes behind the
    /// old Pong are moved once, since they are before the new one.
    pub(crate) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "a Pong echoes the payload of a Ping");
        if let Some(old) = self.pong.take().filter(|old| old.start >= self.head) {
            self.bytes.drain(old);
        }
        let start = self.bytes.len();
        self.frame(true, OpCode::Pong, payload, key);
        self.pong = Some(start..self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f18_only_the_latest_unsent_pong_is_kept() {
        let mut output = Output::default();
        output.pong(b"1", None);
        output.frame(true, OpCode::Text, b"between", None);
        output.pong(b"2", None);
        output.pong(b"3", None);
        assert_eq!(output.as_slice(), b"\x81\x07between\x8A\x013");
    }

    #[test]
    fn a_pong_that_has_begun_to_leave_stays_whole() {
        let mut output = Output::default();
        output.pong(b"1", None);
        output.advance(1);
        output.pong(b"2", None);
        assert_eq!(output.as_slice(), b"\x011\x8A\x012");
    }

    #[test]
    fn an_unsent_pong_is_found_again_after_the_queue_moved() {
        let mut output = Output::default();
        output.extend(&vec![0; COMPACT + 10]);
        output.pong(b"1", None);
        output.advance(COMPACT + 5);
        assert_eq!(output.bytes.len(), 8, "the taken bytes are gone");
        output.pong(b"2", None);
        assert_eq!(output.as_slice(), b"\0\0\0\0\0\x8A\x012");
    }

    #[test]
    fn an_empty_queue_keeps_no_memory() {
        let mut output = Output::default();
        output.extend(&[0; 1000]);
        output.advance(1000);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
