//! Masking (RFC 6455 section 5.3): "Octet i of the transformed data [...] is the XOR of octet i of the original data
//! [...] with octet at index i modulo 4 of the masking key".
//!
//! # Why it is written like this
//!
//! The loop of the RFC is one line: `bytes[i] ^= key[i % 4]`. Everything here computes the same, in the shape that
//! gives the fastest code without `unsafe`:
//!
//! 1. **Lanes.** A lane is an array of 4, 8, 16 or 32 bytes. Its length is a constant and a multiple of the key, so
//!    the compiler turns the XOR of a lane into one vector instruction.
//! 2. **Overlap instead of a tail.** `n` bytes are masked as full lanes from the front and one lane that ends with the
//!    last byte. Where this lane overlaps the one before it, its bytes are computed from the original, before that lane
//!    is stored. So no byte is left over for a slow loop: any number of bytes from 16 to 32 is two lanes.
//! 3. **Aligned stores.** From [`MIN_WIDE`] bytes on, all lanes but the first and the last are aligned. A lane of 32
//!    bytes that straddles two cache lines costs a third more.
//! 4. **The widest vectors of the machine.** The same function is compiled twice, for the baseline and for AVX2, and
//!    `multiversion` picks one at run time. The choice costs a call, so short payloads do not ask.
//! 5. **One pass.** [`copy`] masks while it copies. [`copy_plain`] is the same loop with a key of zeros, because
//!    glibc's `memcpy` can be much slower for some KiB.
//!
//! The key is rotated where a piece begins at another index modulo 4 ([`key_after`]), so a payload may come in any
//! pieces. The test compares everything with the loop of the RFC, at every length up to a bound and every split.

use super::MaskKey;
use multiversion::multiversion;

/// From this length on, in bytes, the choice of vectors at run time pays.
const MIN_WIDE: usize = 256;

/// From this length on, in bytes, glibc's `memcpy` may use `rep movsb`; see [`copy_plain`].
const MIN_REP_MOVSB: usize = 4 << 10;

/// Masks or unmasks `bytes` in place.
#[inline(always)]
pub(crate) fn apply(bytes: &mut [u8], key: MaskKey) {
    // Most messages are small. For them a call would cost too much.
    if let 16..=32 = bytes.len() { apply_to_ends::<16>(bytes, key) } else { apply_to_any(bytes, key) }
}

/// Copies `from` to `to` and masks it. Both have the same length.
pub(crate) fn copy(to: &mut [u8], from: &[u8], key: MaskKey) {
    if from.len() < MIN_WIDE {
        to.copy_from_slice(from);
        apply(to, key);
    } else {
        copy_wide(to, from, key);
    }
}

/// `copy_from_slice`, without `rep movsb`. On Zen, `rep movsb` is several times slower if `to` begins a few bytes
/// behind `from` within their pages. The echo of a payload behind a shorter header is such a copy.
#[inline]
pub(crate) fn copy_plain(to: &mut [u8], from: &[u8]) {
    if from.len() < MIN_REP_MOVSB {
        to.copy_from_slice(from);
    } else {
        copy_wide(to, from, [0; 4]);
    }
}

/// The key for the bytes that follow the first `len` bytes of a payload.
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

/// Masks at least [`MIN_WIDE`] bytes in place, by aligned lanes.
#[multiversion(targets("x86_64+avx2"))]
fn apply_wide(bytes: &mut [u8], key: MaskKey) {
    let first = masked_lane::<32>(bytes, key);
    let aligned_at = bytes.as_ptr().align_offset(32).min(32);
    apply_to_lanes::<32>(&mut bytes[aligned_at..], key_after(key, aligned_at));
    bytes[..32].copy_from_slice(&first);
}

/// Like [`apply_wide`], from one place to another.
#[multiversion(targets("x86_64+avx2"))]
fn copy_wide(to: &mut [u8], from: &[u8], key: MaskKey) {
    assert_eq!(to.len(), from.len(), "a copy has the length of its source");
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

/// Masks at least `LEN` bytes, lane by lane. The last lane may overlap the one before it, so it is computed before that
/// one is stored.
#[inline(always)]
fn apply_to_lanes<const LEN: usize>(bytes: &mut [u8], key: MaskKey) {
    let last_at = bytes.len() - LEN;
    let last = masked_lane::<LEN>(&bytes[last_at..], key_after(key, last_at));
    for lane in bytes.as_chunks_mut::<LEN>().0 {
        *lane = masked_lane(lane, key);
    }
    bytes[last_at..].copy_from_slice(&last);
}

/// Masks `LEN` to `2 * LEN` bytes as two lanes, which may overlap.
#[inline(always)]
fn apply_to_ends<const LEN: usize>(bytes: &mut [u8], key: MaskKey) {
    let last_at = bytes.len() - LEN;
    let first = masked_lane::<LEN>(bytes, key);
    let last = masked_lane::<LEN>(&bytes[last_at..], key_after(key, last_at));
    bytes[..LEN].copy_from_slice(&first);
    bytes[last_at..].copy_from_slice(&last);
}

/// The first `LEN` bytes, masked. The compiler turns the loop over words into vector instructions.
#[inline(always)]
fn masked_lane<const LEN: usize>(bytes: &[u8], key: MaskKey) -> [u8; LEN] {
    let mut lane = *bytes.first_chunk().expect("a lane is taken from at least `LEN` bytes");
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
