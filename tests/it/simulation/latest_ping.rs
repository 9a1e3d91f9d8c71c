//! An end that answers only the latest of the Pings that come together.

use super::wire::{Frame, first_frame};
use crate::support::head_len;

/// The bytes on their way from the socket to the connection. RFC 6455 section 5.5.3: "If an endpoint receives a Ping
/// frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the endpoint MAY elect to send a
/// Pong frame for only the most recently processed Ping frame."
#[derive(Debug, Default)]
pub(super) struct LatestPing {
    head: Vec<u8>,
    has_frames: bool,
    /// The beginning of a frame.
    waiting: Vec<u8>,
    /// The number of Pings that the connection does not see.
    pub(super) left_out: usize,
}

impl LatestPing {
    /// The bytes for the connection: whole frames, and of several Pings the last one.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        if !self.has_frames {
            return self.pass_head(bytes);
        }
        self.waiting.extend(bytes);
        let (mut frames, mut at) = (Vec::new(), 0);
        while let Some((frame, len)) = first_frame(&self.waiting[at..]) {
            frames.push((frame.opcode == Frame::PING, at..at + len));
            at += len;
        }
        let last = frames.iter().rposition(|(is_ping, _)| *is_ping);
        let mut passed = Vec::new();
        for (index, (is_ping, range)) in frames.into_iter().enumerate() {
            if is_ping && Some(index) != last {
                self.left_out += 1;
            } else {
                passed.extend(&self.waiting[range]);
            }
        }
        self.waiting.drain(..at);
        passed
    }

    fn pass_head(&mut self, bytes: &[u8]) -> Vec<u8> {
        let before = self.head.len();
        self.head.extend(bytes);
        // The body of a rejection has no frames.
        let has_frames = !self.head.starts_with(b"HTTP/") || self.head.starts_with(b"HTTP/1.1 101 ");
        let Some(len) = head_len(&self.head).filter(|_| has_frames) else { return bytes.to_vec() };
        self.has_frames = true;
        let (head, frames) = bytes.split_at(len - before);
        [head, &self.pass(frames)].concat()
    }

    /// The beginning of a frame that nothing follows.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }
}
