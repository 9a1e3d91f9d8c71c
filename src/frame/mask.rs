//! Masking (section 5.3): "octet i of the transformed data is the XOR of octet i of the original data with octet at
//! index i modulo 4 of the masking key".

use super::MaskKey;
use multiversion::multiversion;

/// From this many bytes on it pays to ask which vectors the processor has.
const MIN_WIDE: usize = 256;

/// From some KiB on, and with some vectors later than with others, `memcpy` is no loop of vectors.
const MIN_REP_MOVSB: usize = 4 << 10;

/// Masks or unmasks `bytes` in place.
#[inline(always)]
pub(crate) fn apply(bytes: &mut [u8], key: MaskKey) {
    // Small messages are what most are: not even a call for them.
    if let 16..=32 = bytes.len() { apply_to_ends::<16>(bytes, key) } else { apply_to_any(bytes, key) }
}

/// Copies `from`, masked, to `to`, which is as long, in one pass if it is long.
pub(crate) fn copy(to: &mut [u8], from: &[u8], key: MaskKey) {
    if from.len() < MIN_WIDE {
        to.copy_from_slice(from);
        apply(to, key);
    } else {
        copy_wide(to, from, key);
    }
}

/// `copy_from_slice`, but what is long is masked with nothing: `memcpy` of glibc takes `rep movsb` for that, which on Zen
/// is many times slower if `to` begins a few bytes behind `from` in their pages, as a payload does that is sent back
/// behind another header.
#[inline]
pub(crate) fn copy_plain(to: &mut [u8], from: &[u8]) {
    if from.len() < MIN_REP_MOVSB {
        to.copy_from_slice(from);
    } else {
        copy_wide(to, from, [0; 4]);
    }
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

/// As [`apply_wide`], from one place to another.
#[multiversion(targets("x86_64+avx2"))]
fn copy_wide(to: &mut [u8], from: &[u8], key: MaskKey) {
    assert_eq!(to.len(), from.len(), "what is copied fills its place");
    let first = masked_lane::<32>(from, key);
    let aligned_at = to.as_ptr().align_offset(32).min(32);
    let (last_at, key_there) = (from.len() - 32, key_after(key, aligned_at));
    let last = masked_lane::<32>(&from[last_at..], key_after(key, last_at));
    for (to, from) in to[aligned_at..].as_chunks_mut::<32>().0.iter_mut().zip(from[aligned_at..].as_chunks::<32>().0) {
        *to = masked_lane(from, key_there);
    }
    to[..32].copy_from_slice(&first);
    to[last_at..].copy_from_slice(&last);
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

                let mut copied = vec![0xEE; len];
                copy(&mut copied[..split], &plain[..split], key);
                copy(&mut copied[split..], &plain[split..], key_after(key, split));
                assert_eq!(copied, expected, "copied, length {len}, split at {split}");
            }
        }
        for len in MIN_REP_MOVSB - 40..MIN_REP_MOVSB + 40 {
            let plain: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
            let mut copied = vec![0xEE; len];
            copy_plain(&mut copied, &plain);
            assert_eq!(copied, plain, "copied as it is, length {len}");
        }
    }
}
