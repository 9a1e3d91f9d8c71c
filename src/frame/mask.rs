//! Masking (section 5.3): "octet i of the transformed data is the XOR of octet i of the original data with octet at
//! index i modulo 4 of the masking key".

use super::MaskKey;
use multiversion::multiversion;

/// From this many bytes on it pays to ask which vectors the processor has.
const MIN_WIDE: usize = 256;

/// Masks or unmasks `bytes` in place. Returns the key for the bytes that follow in the same frame.
pub(crate) fn apply(bytes: &mut [u8], key: MaskKey) -> MaskKey {
    if bytes.len() < MIN_WIDE { apply_short(bytes, key) } else { apply_long(bytes, key) }
}

#[inline(never)]
fn apply_long(bytes: &mut [u8], key: MaskKey) -> MaskKey {
    // A whole number of keys: the rest begins with the same one.
    let rest = apply_wide(bytes, key);
    apply_short(rest, key)
}

/// Does as much as is a whole number of lanes. Returns the rest.
#[multiversion(targets("x86_64+avx2"))]
fn apply_wide(bytes: &mut [u8], key: MaskKey) -> &mut [u8] {
    let (lanes, rest) = bytes.as_chunks_mut::<32>();
    lanes.iter_mut().for_each(|lane| apply_to_lane(lane, key));
    rest
}

#[inline(always)]
fn apply_short(bytes: &mut [u8], key: MaskKey) -> MaskKey {
    // Of 16 bytes the compiler makes one vector, and of eight vectors a turn of the loop.
    let (lanes, rest) = bytes.as_chunks_mut::<16>();
    lanes.iter_mut().for_each(|lane| apply_to_lane(lane, key));
    let (lanes, rest) = rest.as_chunks_mut::<4>();
    lanes.iter_mut().for_each(|lane| apply_to_lane(lane, key));
    for (byte, key_byte) in rest.iter_mut().zip(key) {
        *byte ^= key_byte;
    }
    let bits_used = 8 * (bytes.len() as u32 % 4);
    u32::from_le_bytes(key).rotate_right(bits_used).to_le_bytes()
}

#[inline(always)]
fn apply_to_lane<const LEN: usize>(lane: &mut [u8; LEN], key: MaskKey) {
    for (i, byte) in lane.iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f9_mask_is_xor_by_index_modulo_four_at_every_length_and_split() {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        for len in (0..140).chain(MIN_WIDE - 1..MIN_WIDE + 70) {
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
