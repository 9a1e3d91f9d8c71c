//! What lies on the wire, read without the code under test.

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) is_final: bool,
    pub(super) is_masked: bool,
    pub(super) len: usize,
    /// The payload of a control frame, without its mask.
    pub(super) control: Vec<u8>,
}

impl Frame {
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// What is behind the head, if there is a whole one.
pub(super) fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    Some(bytes.split_at(end))
}

/// The whole frames, and how many bytes of another lie behind them.
pub(super) fn frames(mut bytes: &[u8]) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    while let Some((frame, len)) = first_frame(bytes) {
        frames.push(frame);
        bytes = &bytes[len..];
    }
    (frames, bytes.len())
}

fn first_frame(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let form = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let extended = rest.get(..form)?.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    let len = if form == 0 { usize::from(second & 0x7F) } else { extended };
    let is_masked = second & 0x80 != 0;
    let (key, payload) = rest[form..].split_at_checked(if is_masked { 4 } else { 0 })?;
    let payload = payload.get(..len)?;
    let opcode = first & 0x0F;
    let control = if opcode < Frame::CLOSE {
        Vec::new()
    } else {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key.get(i % 4).unwrap_or(&0)).collect()
    };
    let frame = Frame { opcode, is_final: first & 0x80 != 0, is_masked, len, control };
    Some((frame, 2 + form + key.len() + len))
}
