//! Headers to bytes.

use super::{MaskKey, OpCode, mask};

/// Appends a frame to `output`; masked if there is a key.
#[inline(always)]
pub(crate) fn encode(output: &mut Vec<u8>, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
    output.reserve(max_encoded_len(payload.len()));
    output.push(u8::from(is_final) << 7 | opcode.bits());
    let mask_bit = u8::from(key.is_some()) << 7;
    match payload.len() {
        len @ 0..=125 => output.push(mask_bit | len as u8),
        len @ 126..=0xFFFF => {
            let [high, low] = (len as u16).to_be_bytes();
            output.push(mask_bit | 126);
            output.push(high);
            output.push(low);
        }
        len => {
            output.push(mask_bit | 127);
            output.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    match key {
        None => output.extend_from_slice(payload),
        Some(key) => {
            output.extend_from_slice(&key);
            let start = output.len();
            output.extend_from_slice(payload);
            mask::apply(&mut output[start..], key);
        }
    }
}

/// The most bytes that [`encode`] writes for a payload of `len` bytes.
pub(crate) const fn max_encoded_len(len: usize) -> usize {
    len.saturating_add(super::MAX_HEADER)
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
