//! The bytes on the wire, read without the code under test.

use crate::support::{RawHeader, head_len};

/// A complete frame. Of data only the length is kept, because there is much of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) is_final: bool,
    pub(super) is_masked: bool,
    /// The frame is of a compressed message.
    pub(super) is_compressed: bool,
    pub(super) len: usize,
    /// The unmasked payload of a control frame.
    pub(super) control: Vec<u8>,
}

impl Frame {
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// The bytes behind the head, if there is a complete one.
pub(super) fn behind_head(bytes: &[u8]) -> Option<&[u8]> {
    head_len(bytes).map(|len| &bytes[len..])
}

/// The complete frames, and the number of bytes of another one behind them.
pub(super) fn frames(mut bytes: &[u8]) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut is_compressed = false;
    while let Some((mut frame, len)) = first_frame(bytes) {
        match frame.opcode {
            0 => frame.is_compressed = is_compressed,
            Frame::CLOSE.. => {}
            _ => is_compressed = frame.is_compressed,
        }
        frames.push(frame);
        bytes = &bytes[len..];
    }
    (frames, bytes.len())
}

/// The first frame, if it is complete, and its length on the wire.
pub(super) fn first_frame(bytes: &[u8]) -> Option<(Frame, usize)> {
    let header = RawHeader::parse(bytes)?;
    let payload = bytes[header.at..].get(..header.len)?;
    let opcode = header.first & 0x0F;
    let control = if opcode < Frame::CLOSE { Vec::new() } else { header.unmasked(payload) };
    let [is_final, is_compressed] = [0x80, 0x40].map(|bit| header.first & bit != 0);
    let frame = Frame { opcode, is_final, is_masked: header.key.is_some(), is_compressed, len: header.len, control };
    Some((frame, header.at + header.len))
}
