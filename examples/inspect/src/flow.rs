//! The bytes of one direction of a TCP connection, in order.

use std::collections::BTreeMap;

/// The memory of a segment that waits, besides its bytes; an estimate.
const OVERHEAD: usize = 64;

/// Puts the segments of one direction in order: repeated bytes are dropped, and those that come early wait.
///
/// ```
/// use statesocket_inspect::flow::Half;
///
/// let mut half = Half::default();
/// half.open(u32::MAX - 1);
/// half.push(2, b"socket", false);
/// assert_eq!((half.pop(), half.missing()), (None, Some(3)));
/// half.push(u32::MAX, b"web", false);
/// assert_eq!(half.pop().as_deref(), Some(&b"web"[..]));
/// assert_eq!(half.pop().as_deref(), Some(&b"socket"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Half {
    /// The sequence number of the byte at position 0.
    start: Option<u32>,
    /// The number of bytes that have been handed out.
    position: i64,
    /// Segments that have not been handed out, by their position.
    early: BTreeMap<i64, Vec<u8>>,
    held: usize,
    /// The position of the FIN.
    end: Option<i64>,
}

impl Half {
    /// The direction begins with a SYN of this sequence number. Without one it begins with its first segment.
    pub const fn open(&mut self, sequence: u32) {
        if self.start.is_none() {
            self.start = Some(sequence.wrapping_add(1));
        }
    }

    /// Whether a SYN of this sequence number is that of another connection between the same addresses.
    #[must_use]
    pub fn is_other(&self, sequence: u32) -> bool {
        self.start.is_some_and(|start| start != sequence.wrapping_add(1))
    }

    /// Takes a segment. `is_last` says that it has a FIN.
    pub fn push(&mut self, sequence: u32, payload: &[u8], is_last: bool) {
        let start = *self.start.get_or_insert(sequence);
        // Positions wrap around after 4 GiB on the wire, and do not here. A segment is less than 2 GiB away.
        let expected = start.wrapping_add(self.position as u32);
        let at = self.position + i64::from(sequence.wrapping_sub(expected) as i32);
        if is_last && self.end.is_none() {
            self.end = Some(at + payload.len() as i64);
        }
        let known = usize::try_from(self.position - at).unwrap_or(0).min(payload.len());
        let (at, payload) = (at + known as i64, &payload[known..]);
        let is_longer = self.early.get(&at).is_none_or(|held| held.len() < payload.len());
        if payload.is_empty() || !is_longer {
            return;
        }
        self.held += payload.len() + OVERHEAD;
        if let Some(shorter) = self.early.insert(at, payload.to_vec()) {
            self.held -= shorter.len() + OVERHEAD;
        }
    }

    /// The next bytes in order; `None` if they have not come.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        loop {
            let segment = self.early.first_entry().filter(|segment| *segment.key() <= self.position)?;
            let (at, mut bytes) = segment.remove_entry();
            self.held -= bytes.len() + OVERHEAD;
            let known = usize::try_from(self.position - at).unwrap_or(usize::MAX);
            if known < bytes.len() {
                bytes.drain(..known);
                self.position += bytes.len() as i64;
                return Some(bytes);
            }
        }
    }

    /// Drops the segments that wait.
    pub fn drop_early(&mut self) {
        self.early.clear();
        self.held = 0;
    }

    /// Whether the FIN has come, and all bytes before it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| end <= self.position)
    }

    /// The bytes missing before those that wait, or before the FIN.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        let next = self.early.keys().next().copied().or(self.end)?;
        u64::try_from(next - self.position).ok().filter(|missing| *missing > 0)
    }

    /// The memory of the segments that wait, in bytes.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*, sample::Index};

    fn read(half: &mut Half) -> Vec<u8> {
        std::iter::from_fn(|| half.pop()).flatten().collect()
    }

    #[test]
    fn a_keepalive_of_tcp_brings_nothing() {
        let mut half = Half::default();
        half.open(9);
        half.push(10, b"ab", false);
        assert_eq!(read(&mut half), b"ab");
        half.push(11, b"?", false);
        assert_eq!((read(&mut half), half.held(), half.missing()), (vec![], 0, None));
    }

    #[test]
    fn a_repetition_may_bring_more_than_the_first_segment() {
        let mut half = Half::default();
        half.push(5, b"", false);
        half.push(7, b"c", false);
        half.push(7, b"cde", false);
        half.push(5, b"abcd", false);
        assert_eq!((read(&mut half), half.held()), (b"abcde".to_vec(), 0));
    }

    #[test]
    fn a_gap_is_named_and_the_end_waits_for_it() {
        let mut half = Half::default();
        half.open(0);
        half.push(1, b"ab", false);
        half.push(6, b"f", true);
        assert_eq!((read(&mut half), half.missing(), half.has_ended()), (b"ab".to_vec(), Some(3), false));
        half.push(3, b"cde", false);
        assert_eq!((read(&mut half), half.missing(), half.has_ended()), (b"cdef".to_vec(), None, true));

        let mut half = Half::default();
        half.open(0);
        half.push(3, b"", true);
        assert_eq!((half.missing(), half.has_ended()), (Some(2), false));
    }

    #[test]
    fn a_syn_of_another_number_begins_another_connection() {
        let mut half = Half::default();
        assert!(!half.is_other(7));
        half.open(7);
        assert!(!half.is_other(7) && half.is_other(8));
    }

    proptest! {
        #[test]
        fn any_cutting_repetition_and_order_gives_the_same_bytes(
            len in 0_usize..300,
            first in any::<u32>(),
            pieces in collection::vec((any::<Index>(), 1_usize..40), 0..60),
            step in 1_usize..30,
            order in any::<[u8; 8]>(),
        ) {
            let sent: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut segments: Vec<(usize, usize)> = (0..len).step_by(step).map(|at| (at, step)).collect();
            segments.extend(pieces.into_iter().map(|(at, size)| (at.index(len + 1), size)));
            segments.sort_by_key(|(at, size)| {
                let n = (*at * 31 + *size * 7) as u64;
                n.wrapping_mul(u64::from_le_bytes(order) | 1)
            });
            let mut half = Half::default();
            half.open(first.wrapping_sub(1));
            let mut received = Vec::new();
            for (at, size) in segments {
                let end = (at + size).min(len);
                half.push(first.wrapping_add(at as u32), &sent[at..end], end == len);
                received.extend(read(&mut half));
            }
            prop_assert_eq!((received, half.held(), half.missing()), (sent, 0, None));
            prop_assert!(len == 0 || half.has_ended());
        }

        #[test]
        fn any_segments_leave_a_right_account(
            segments in collection::vec((any::<u32>(), collection::vec(any::<u8>(), 0..20), any::<bool>()), 0..40),
        ) {
            let mut half = Half::default();
            for (sequence, payload, is_last) in segments {
                half.push(sequence, &payload, is_last);
                while half.pop().is_some() {}
                let held: usize = half.early.values().map(|bytes| bytes.len() + OVERHEAD).sum();
                prop_assert_eq!(half.held(), held);
            }
        }
    }
}
