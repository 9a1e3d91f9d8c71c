//! Masking (section 5.3): "octet i of the transformed data is the XOR of octet i of the original data with octet at
//! index i modulo 4 of the masking key".

use super::MaskKey;

/// Masks or unmasks `bytes` in place. Returns the key for the bytes that follow in the same frame.
pub(crate) fn apply(bytes: &mut [u8], key: MaskKey) -> MaskKey {
    // Whole lanes of 32 bytes, which the compiler turns into vector instructions.
    let lane: [u8; 32] = std::array::from_fn(|i| key[i % 4]);
    let (lanes, tail) = bytes.as_chunks_mut::<32>();
    for chunk in lanes {
        for (byte, key_byte) in chunk.iter_mut().zip(lane) {
            *byte ^= key_byte;
        }
    }
    for (byte, key_byte) in tail.iter_mut().zip(lane) {
        *byte ^= key_byte;
    }
    let mut next = key;
    next.rotate_left(bytes.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f9_mask_is_xor_by_index_modulo_four_at_every_length_and_split() {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        for len in 0..140 {
            let plain: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let expected: Vec<u8> = plain.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            for split in 0..=len {
                let mut bytes = plain.clone();
                let (first, second) = bytes.split_at_mut(split);
                let next = apply(first, key);
                apply(second, next);
                assert_eq!(bytes, expected, "length {len}, split at {split}");
            }
        }
    }
}
