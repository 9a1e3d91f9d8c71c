//! Frames to bytes.

use super::{FIN, MAX_HEADER, MaskKey, OpCode, mask};
use std::ops::Deref;

/// Appends a frame to `output`, masked if there is a key.
pub(crate) fn encode(output: &mut Vec<u8>, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
    output.reserve(max_encoded_len(payload.len()));
    output.extend_from_slice(&EncodedHeader::new(is_final, opcode, payload.len(), key));
    let start = output.len();
    output.extend_from_slice(payload);
    if let Some(key) = key {
        mask::apply(&mut output[start..], key);
    }
}

/// The bytes of a header.
#[derive(Clone, Debug)]
pub(crate) struct EncodedHeader {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl EncodedHeader {
    /// The header of a payload of `payload_len` bytes.
    pub(crate) fn new(is_final: bool, opcode: OpCode, payload_len: usize, key: Option<MaskKey>) -> Self {
        let mut header = Self { bytes: [0; MAX_HEADER], len: 0 };
        let first = if is_final { FIN } else { 0 } | opcode.bits();
        let mask_bit = u8::from(key.is_some()) << 7;
        match payload_len {
            0..=125 => header.push([first, mask_bit | payload_len as u8]),
            126..=0xFFFF => {
                let [high, low] = (payload_len as u16).to_be_bytes();
                header.push([first, mask_bit | 126, high, low]);
            }
            _ => {
                header.push([first, mask_bit | 127]);
                header.push((payload_len as u64).to_be_bytes());
            }
        }
        if let Some(key) = key {
            header.push(key);
        }
        header
    }

    /// The same header with `reserved` bits, which an extension defines.
    #[cfg(feature = "deflate")]
    pub(crate) const fn with_reserved(mut self, reserved: u8) -> Self {
        self.bytes[0] |= reserved;
        self
    }

    fn push<const LEN: usize>(&mut self, bytes: [u8; LEN]) {
        self.bytes[self.len..self.len + LEN].copy_from_slice(&bytes);
        self.len += LEN;
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// An upper bound for the number of bytes that [`encode`] appends for a payload of `len` bytes.
pub(crate) const fn max_encoded_len(len: usize) -> usize {
    len.saturating_add(MAX_HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::{FrameHeader, coding};

    #[test]
    fn equals_tungstenite_at_every_length_form() {
        for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 0x1_0001] {
            for key in [None, Some([1, 2, 3, 4])] {
                let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let mut ours = Vec::new();
                encode(&mut ours, true, OpCode::Binary, &payload, key);

                let header =
                    FrameHeader { mask: key, opcode: coding::OpCode::Data(coding::Data::Binary), ..Default::default() };
                let mut theirs = Vec::new();
                header.format(len as u64, &mut theirs).unwrap();
                let key = key.unwrap_or_default();
                theirs.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
                assert_eq!(ours, theirs, "length {len}");
                assert!(ours.len() <= max_encoded_len(len));
            }
        }
    }
}
