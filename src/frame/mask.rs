//! Masking (section 5.3): "octet i of the transformed data is the XOR of octet i of the original data with octet at
//! index i modulo 4 of the masking key".

use super::MaskKey;
use multiversion::multiversion;

/// From this many bytes on it pays to ask which vectors the processor has.
const MIN_WIDE: usize = 256;

/// Masks or unmasks `bytes` in place.
#[inline(always)]
pub(crate) fn apply(bytes: &mut [u8], key: MaskKey) {
    // Small messages are what most are: not even a call for them.
    if let 16..=32 = bytes.len() { apply_to_ends::<16>(bytes, key) } else { apply_to_any(bytes, key) }
}

/// The key for what follows the first `len` bytes of a payload.
#[inline(always)]
pub(crate) const fn key_after(key: MaskKey, len: usize) -> MaskKey {
    u32::from_le_bytes(key).rotate_right(8 * (len as u32 % 4)).to_le_bytes()
}

#[inline(never)]
fn apply_to_any(bytes: &mut [u8], key: MaskKey) {
    match bytes.len() {
        0..4 => bytes.iter_mut().zip(key).for_each(|(byte, key_byte)| *byte ^= key_byte),
        4..8 => apply_to_ends::<4>(bytes, key),
        8..16 => apply_to_ends::<8>(bytes, key),
        16..MIN_WIDE => apply_to_lanes::<16>(bytes, key),
        MIN_WIDE.. => apply_wide(bytes, key),
    }
}

/// The lanes are aligned, all but the first and the last: one that straddles cache lines takes a third longer.
#[multiversion(targets("x86_64+avx2"))]
fn apply_wide(bytes: &mut [u8], key: MaskKey) {
    let first = masked_lane::<32>(bytes, key);
    let aligned_at = bytes.as_ptr().align_offset(32).min(32);
    apply_to_lanes::<32>(&mut bytes[aligned_at..], key_after(key, aligned_at));
    bytes[..32].copy_from_slice(&first);
}

/// At least `LEN` bytes, lane by lane. The last lane may overlap the one before it, so that nothing is left over; it is
/// taken before that one is changed.
#[inline(always)]
fn apply_to_lanes<const LEN: usize>(bytes: &mut [u8], key: MaskKey) {
    let last_at = bytes.len() - LEN;
    let last = masked_lane::<LEN>(&bytes[last_at..], key_after(key, last_at));
    for lane in bytes.as_chunks_mut::<LEN>().0 {
        *lane = masked_lane(lane, key);
    }
    bytes[last_at..].copy_from_slice(&last);
}

/// The same for at most two lanes.
#[inline(always)]
fn apply_to_ends<const LEN: usize>(bytes: &mut [u8], key: MaskKey) {
    let last_at = bytes.len() - LEN;
    let first = masked_lane::<LEN>(bytes, key);
    let last = masked_lane::<LEN>(&bytes[last_at..], key_after(key, last_at));
    bytes[..LEN].copy_from_slice(&first);
    bytes[last_at..].copy_from_slice(&last);
}

/// The first `LEN` of `bytes`, masked word by word, of which the compiler makes vectors.
#[inline(always)]
fn masked_lane<const LEN: usize>(bytes: &[u8], key: MaskKey) -> [u8; LEN] {
    let mut lane = *bytes.first_chunk().expect("a lane is taken where so many bytes are");
    for word in lane.as_chunks_mut::<4>().0 {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    lane
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
                apply(first, key);
                apply(second, key_after(key, split));
                assert_eq!(bytes, expected, "length {len}, split at {split}");
            }
        }
    }
}
