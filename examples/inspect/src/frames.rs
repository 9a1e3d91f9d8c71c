//! The headers of frames, for display. This decoder refuses nothing, since its user wants to see the frames that break
//! the rules.

/// The bytes of a payload that are kept to be shown. A control frame is shown whole.
pub const MAX_SHOWN: usize = 125;

/// The longest header, in bytes.
const MAX_HEADER: usize = 14;

/// A frame, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// The three reserved bits, RSV1 as 4, RSV2 as 2, RSV3 as 1.
    pub rsv: u8,
    /// The opcode, from 0 to 15.
    pub opcode: u8,
    /// Whether the payload is masked.
    pub is_masked: bool,
    /// The bytes of payload that the header announces.
    pub len: u64,
    /// The bytes of payload that have come.
    pub seen: u64,
    /// The beginning of the payload, unmasked; at most [`MAX_SHOWN`] bytes.
    pub start: Vec<u8>,
}

impl Frame {
    /// The name of the opcode.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.opcode {
            0x0 => "continuation",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "close",
            0x9 => "ping",
            0xA => "pong",
            _ => "unknown",
        }
    }

    /// Whether all of the payload has come.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.seen == self.len
    }

    /// Whether the frame has data of a message, which section 5.6 calls a data frame.
    #[must_use]
    pub const fn is_data(&self) -> bool {
        self.opcode <= 2
    }

    /// Whether RSV1 marks the message that begins here as compressed (RFC 7692 section 6).
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.rsv & 4 != 0
    }
}

/// Reads the frames of one direction.
#[derive(Debug, Default)]
pub struct FrameReader {
    header: [u8; MAX_HEADER],
    held: usize,
    frame: Option<Frame>,
    key: [u8; 4],
}

impl FrameReader {
    /// Takes bytes up to the end of the current frame. Returns their number, and the frame if it is whole.
    pub fn take(&mut self, bytes: &[u8]) -> (usize, Option<Frame>) {
        let mut taken = 0;
        if self.frame.is_none() {
            for byte in bytes {
                self.header[self.held] = *byte;
                self.held += 1;
                taken += 1;
                if self.begin_frame() {
                    break;
                }
            }
        }
        let Some(frame) = &mut self.frame else { return (taken, None) };
        let missing = usize::try_from(frame.len - frame.seen).unwrap_or(usize::MAX);
        let payload = &bytes[taken..];
        let payload = &payload[..payload.len().min(missing)];
        let shown = payload.len().min(MAX_SHOWN - frame.start.len());
        let at = frame.start.len();
        frame.start.extend(payload[..shown].iter().enumerate().map(|(i, byte)| byte ^ self.key[(at + i) % 4]));
        frame.seen += payload.len() as u64;
        let whole = if frame.is_whole() { self.frame.take() } else { None };
        (taken + payload.len(), whole)
    }

    /// The frame whose payload has not come whole, if its header has.
    #[must_use]
    pub const fn partial(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    /// Whether bytes of a frame have come, and not all of it.
    #[must_use]
    pub const fn is_mid_frame(&self) -> bool {
        self.held > 0 || self.frame.is_some()
    }

    /// Begins a frame if its header is complete.
    fn begin_frame(&mut self) -> bool {
        let header = &self.header[..self.held];
        let [first, second, ..] = *header else { return false };
        let is_masked = second & 0x80 != 0;
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key_at = 2 + extended;
        if header.len() < key_at + if is_masked { 4 } else { 0 } {
            return false;
        }
        let len = match extended {
            0 => u64::from(second & 0x7F),
            _ => header[2..key_at].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        self.key = header[key_at..].first_chunk().copied().unwrap_or_default();
        self.held = 0;
        self.frame = Some(Frame {
            is_final: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 0xF,
            is_masked,
            len,
            seen: 0,
            start: Vec::new(),
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*};

    fn all(bytes: &[u8], cuts: &[usize]) -> (Vec<Frame>, bool) {
        let (mut reader, mut frames, mut rest) = (FrameReader::default(), Vec::new(), bytes);
        let mut cuts = cuts.iter().copied();
        while !rest.is_empty() {
            let n = cuts.next().unwrap_or(rest.len()).clamp(1, rest.len());
            let (mut piece, after) = rest.split_at(n);
            while !piece.is_empty() {
                let (taken, frame) = reader.take(piece);
                frames.extend(frame);
                piece = &piece[taken..];
            }
            rest = after;
        }
        (frames, reader.is_mid_frame())
    }

    #[test]
    fn reads_each_form_of_a_header() {
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let (frames, is_mid_frame) = all(&masked, &[]);
        let [hello] = &frames[..] else { panic!("{frames:?}") };
        assert_eq!((hello.name(), hello.is_final, hello.rsv, hello.is_masked, hello.len), ("text", true, 0, true, 5));
        assert_eq!((&hello.start[..], is_mid_frame), (&b"Hello"[..], false));

        for (header, len) in [(vec![0x02, 126, 1, 0], 256), (vec![0x02, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65536)] {
            let (frames, _) = all(&[&header[..], &vec![7; len]].concat(), &[]);
            assert_eq!((frames[0].len, frames[0].start.len(), frames[0].is_final), (len as u64, MAX_SHOWN, false));
        }
        let (frames, _) = all(&[0xF3, 0], &[]);
        assert_eq!((frames[0].rsv, frames[0].opcode, frames[0].name()), (7, 3, "unknown"));
    }

    #[test]
    fn a_frame_in_part_shows_its_header() {
        let mut reader = FrameReader::default();
        assert_eq!(reader.take(&[0x81]), (1, None));
        assert!(reader.is_mid_frame() && reader.partial().is_none());
        reader.take(&[127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, b'a']);
        let partial = reader.partial().unwrap();
        assert_eq!((partial.len, partial.seen, &partial.start[..]), (u64::MAX, 1, &b"a"[..]));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_read_the_same(
            bytes in collection::vec(any::<u8>(), 0..300),
            cuts in collection::vec(1_usize..20, 0..40),
        ) {
            prop_assert_eq!(all(&bytes, &cuts), all(&bytes, &[]));
        }
    }
}
