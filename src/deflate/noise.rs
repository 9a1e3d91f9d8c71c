//! Bytes that no code for single bytes makes shorter, such as images and encrypted text.

/// The bytes that are looked at together: enough to tell noise from text, and so few that text between noise is found.
const BLOCK: usize = 512;

/// How many blocks are looked at, evenly spaced. What lies between two is at most a part of 31.
const BLOCKS: usize = 32;

/// Whether `bytes`, at least [`BLOCK`] of them, look like noise to a compressor of this level, wherever they are looked
/// at. Text ends the look at its first block.
///
/// Bytes that repeat as they are, such as an image sent twice, look like noise too.
pub(super) fn looks_like_noise(bytes: &[u8], level: u8) -> bool {
    let last = bytes.len() - BLOCK;
    (0..BLOCKS).all(|n| is_noise(&bytes[last * n / (BLOCKS - 1)..][..BLOCK], level))
}

/// Whether a code for the single bytes of `block` saves less than a sixteenth.
///
/// Two bytes that are drawn from it are equal with the probability p, and such a code needs at least log2(1 / p) bits
/// per byte (the entropy of Rényi of order 2, which is at most that of Shannon). 7.5 bits save a sixteenth, and so p is
/// 1 / 181. Level 1 of the library has one code for all messages, which saves nothing. There Base64, with 6 bits per
/// byte, is noise too; other text has fewer than 5.5.
fn is_noise(block: &[u8], level: u8) -> bool {
    let mut counts = [0_u16; 256];
    for byte in block {
        counts[usize::from(*byte)] += 1;
    }
    // In noise each byte meets itself, and each other one with the probability p.
    let meetings: u32 = counts.iter().map(|count| u32::from(*count).pow(2)).sum();
    let len = block.len() as u32;
    meetings <= len + len * len / if level == 1 { 45 } else { 181 }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{noise, records},
        *,
    };

    #[test]
    fn noise_is_told_from_all_that_a_code_makes_shorter() {
        let of = |bits: u32, seed| noise(seed, BLOCK).iter().map(|byte| byte >> (8 - bits)).collect::<Vec<_>>();
        for seed in 0..1_000 {
            assert_eq!([8, 7, 6, 5].map(|bits| is_noise(&of(bits, seed), 1)), [true, true, true, false], "{seed}");
            for level in 2..=9 {
                assert_eq!([8, 7, 6].map(|bits| is_noise(&of(bits, seed), level)), [true, false, false], "{seed}");
            }
        }
        for level in [1, 6] {
            assert!(!is_noise(&[7; BLOCK], level) && !is_noise(&records(1, BLOCK), level));
            let alike: Vec<u8> = (0..BLOCK).map(|n| n as u8).collect();
            assert!(is_noise(&alike, level));
        }
    }

    #[test]
    fn text_anywhere_in_noise_is_found() {
        for len in [BLOCK, BLOCK + 1, 4_097, 50_000, 1 << 20] {
            assert!(looks_like_noise(&noise(7, len), 6));
            for part in 0..16 {
                let mut bytes = noise(7, len);
                bytes[len * part / 16..len * (part + 1) / 16].fill(b'-');
                assert!(!looks_like_noise(&bytes, 6), "part {part} of {len}");
            }
        }
    }
}
