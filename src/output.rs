//! The bytes that wait to be written, in order.

use crate::frame::{self, MAX_CONTROL_PAYLOAD, MaskKey, OpCode};
use bytes::{Buf, Bytes};
use std::{collections::VecDeque, io::IoSlice, ops::Range};

/// A queue of bytes with a cursor at its head. What is large and shared lies beside the rest, and is not copied. It
/// keeps no memory when it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Bytes already taken off the front.
    head: usize,
    /// What is to be written between two of `bytes`; boxed, because most connections never have any.
    shared: Option<Box<Shared>>,
    /// How many Pongs have been queued since the queue was last empty.
    pongs: u8,
    /// Where the last of them lies in `bytes`, unless it had begun to leave when the queue was moved.
    last_pong: Option<Range<usize>>,
}

#[derive(Clone, Debug, Default)]
struct Shared {
    /// Each is to be written before the byte of that index.
    pieces: VecDeque<(usize, Bytes)>,
    len: usize,
}

/// So many Pings that come faster than the Pongs leave are each answered, as Autobahn case 2.10 asks of ten; of those
/// beyond, the latest.
const MAX_PONGS: u8 = 16;

/// Behind this many taken bytes, those that wait are moved to the front once they are fewer.
const COMPACT: usize = 64 << 10;

/// Shared bytes shorter than this are copied: that costs less than another slice to write.
const MIN_SHARED: usize = 1 << 10;

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.head + self.shared.as_ref().map_or(0, |shared| shared.len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that are next, as many as lie together.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self.shared {
            None => &self.bytes[self.head..],
            Some(_) => self.slices().next().unwrap_or_default(),
        }
    }

    /// Fills `slices` from the front. Returns how many there are.
    pub(crate) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        slices.iter_mut().zip(self.slices()).map(|(slot, slice)| *slot = IoSlice::new(slice)).count()
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut pieces = self.shared.iter().flat_map(|shared| &shared.pieces).peekable();
        let mut at = self.head;
        std::iter::from_fn(move || {
            if let Some((_, bytes)) = pieces.next_if(|(before, _)| *before == at) {
                return Some(bytes.as_ref());
            }
            let end = pieces.peek().map_or(self.bytes.len(), |(before, _)| *before);
            let slice = &self.bytes[at..end];
            at = end;
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// Takes `n` bytes off the front.
    pub(crate) fn advance(&mut self, mut n: usize) {
        assert!(n <= self.len(), "cannot advance by {n} bytes: {} wait", self.len());
        while n > 0 {
            n -= self.advance_within_slice(n);
        }
        if self.is_empty() {
            *self = Self::default();
        } else if self.head >= COMPACT && self.head >= self.bytes.len() - self.head {
            self.compact();
        }
    }

    /// Takes at most `n` bytes off the first slice. Returns how many.
    fn advance_within_slice(&mut self, n: usize) -> usize {
        let Some(shared) = &mut self.shared else {
            self.head += n;
            return n;
        };
        match shared.pieces.front_mut() {
            Some((before, bytes)) if *before == self.head => {
                let taken = n.min(bytes.len());
                bytes.advance(taken);
                shared.len -= taken;
                if bytes.is_empty() {
                    shared.pieces.pop_front();
                }
                taken
            }
            front => {
                let end = front.map_or(self.bytes.len(), |(before, _)| *before);
                let taken = n.min(end - self.head);
                self.head += taken;
                taken
            }
        }
    }

    /// Gives the room of the bytes that are gone to those that wait.
    fn compact(&mut self) {
        self.bytes.drain(..self.head);
        let unsent = self.last_pong.take().filter(|pong| pong.start >= self.head);
        self.last_pong = unsent.map(|pong| pong.start - self.head..pong.end - self.head);
        for (before, _) in self.shared.iter_mut().flat_map(|shared| &mut shared.pieces) {
            *before -= self.head;
        }
        self.head = 0;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Queues bytes that others hold too; they are not copied if they are many.
    pub(crate) fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < MIN_SHARED {
            return self.extend(bytes);
        }
        let shared = self.shared.get_or_insert_default();
        shared.len += bytes.len();
        shared.pieces.push_back((self.bytes.len(), bytes.clone()));
    }

    #[inline(always)]
    pub(crate) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        frame::encode::encode(&mut self.bytes, is_final, opcode, payload, key);
    }

    pub(crate) fn control(&mut self, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "section 5.5 allows control frames no more");
        self.frame(true, opcode, payload, key);
    }

    /// Queues a Pong; in the place of the last one, if many wait and not a byte of that has left.
    ///
    /// RFC 6455 section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
    /// frame." So a peer that pings and never reads holds a bounded number of Pongs here. The work is linear too: the
    /// bytes behind the old Pong are moved once, since they are before the new one.
    pub(crate) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        if self.pongs < MAX_PONGS {
            self.pongs += 1;
        } else if let Some(unsent) = self.last_pong.take().filter(|pong| pong.start >= self.head) {
            self.remove(unsent);
        }
        let start = self.bytes.len();
        self.control(OpCode::Pong, payload, key);
        self.last_pong = Some(start..self.bytes.len());
    }

    fn remove(&mut self, range: Range<usize>) {
        let pieces = self.shared.iter_mut().flat_map(|shared| shared.pieces.iter_mut().rev());
        for (before, _) in pieces.take_while(|(before, _)| *before >= range.end) {
            *before -= range.len();
        }
        self.bytes.drain(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_pongs(count: u8) -> Output {
        let mut output = Output::default();
        (0..count).for_each(|n| output.pong(&[n], None));
        output
    }

    #[test]
    fn f18_of_many_unsent_pongs_the_last_is_replaced() {
        let mut output = with_pongs(MAX_PONGS);
        let full = output.as_slice().to_vec();
        output.frame(true, OpCode::Text, b"between", None);
        output.pong(b"2", None);
        output.pong(b"3", None);
        let expected = [&full[..full.len() - 3], b"\x81\x07between\x8A\x013"].concat();
        assert_eq!(output.as_slice(), expected);
    }

    #[test]
    fn a_pong_that_has_begun_to_leave_stays_whole() {
        let mut output = with_pongs(MAX_PONGS);
        output.advance(output.len() - 2);
        output.pong(b"2", None);
        assert_eq!(output.as_slice(), b"\x01\x0F\x8A\x012");
    }

    #[test]
    fn the_last_pong_is_known_after_the_queue_moved() {
        for (left_of_pong, expected) in [(3, &b"\x8A\x012"[..]), (2, b"\x01\x0F\x8A\x012")] {
            let mut output = Output::default();
            output.extend(&vec![0; COMPACT]);
            (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
            output.advance(output.len() - left_of_pong);
            assert_eq!(output.bytes.len(), left_of_pong, "the taken bytes are gone");
            output.pong(b"2", None);
            assert_eq!(output.as_slice(), expected);
        }
    }

    #[test]
    fn a_queue_is_moved_only_when_much_is_gone_and_less_is_left() {
        for (queued, gone, kept) in [
            (10, 9, 10),
            (65_536, 65_535, 65_536),
            (131_072, 65_536, 65_536),
            (131_073, 65_536, 131_073),
            (200_000, 150_000, 50_000),
        ] {
            let mut output = Output::default();
            output.extend(&vec![0; queued]);
            output.advance(gone);
            assert_eq!((output.bytes.len(), output.len()), (kept, queued - gone), "{gone} of {queued} are gone");
        }
    }

    #[test]
    fn what_is_shared_keeps_its_place_when_the_queue_moves() {
        let shared = Bytes::from(vec![7; MIN_SHARED]);
        let mut output = Output::default();
        output.extend(&vec![0; COMPACT + 5]);
        output.share(&shared);
        output.extend(&[1; 3]);
        output.share(&shared);
        output.advance(COMPACT);
        assert_eq!(output.head, 0, "the queue has moved");
        let slices: Vec<&[u8]> = output.slices().collect();
        assert_eq!(slices, [&[0; 5], shared.as_ref(), &[1; 3], &shared]);
    }

    #[test]
    fn what_is_shared_keeps_its_place_when_a_pong_before_it_is_replaced() {
        let shared = Bytes::from(vec![7; MIN_SHARED]);
        let mut output = Output::default();
        output.extend(b"first");
        output.share(&shared);
        (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
        let pongs = output.bytes[5..].to_vec();
        output.share(&shared);
        output.extend(b"between");
        output.share(&shared);
        output.pong(b"2", None);
        let slices: Vec<&[u8]> = output.slices().collect();
        assert_eq!(
            slices,
            [b"first", &shared[..], &pongs[..pongs.len() - 3], &shared, b"between", &shared, b"\x8A\x012"]
        );
    }

    #[test]
    fn an_empty_queue_keeps_no_memory() {
        let mut output = Output::default();
        output.extend(&[0; 1000]);
        output.share(&Bytes::from_static(&[1; MIN_SHARED]));
        output.advance(1000 + MIN_SHARED);
        assert_eq!(output.bytes.capacity(), 0);
        assert!(output.shared.is_none());
    }

    #[test]
    fn what_is_shared_is_copied_only_if_it_is_short() {
        for (len, is_copied) in [(1, true), (1023, true), (1024, false), (100_000, false)] {
            let bytes = Bytes::from(vec![1; len]);
            let mut output = Output::default();
            output.share(&bytes);
            assert_eq!(output.as_slice().as_ptr() != bytes.as_ptr(), is_copied, "{len} bytes");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Copy(usize),
        Share(usize),
        Pong,
        Advance(usize),
    }

    proptest! {
        /// Against one plain vector, in which a Pong is never replaced because there are few.
        #[test]
        fn bytes_leave_in_the_order_in_which_they_came(steps in proptest::collection::vec(prop_oneof![
            (0..40_000usize).prop_map(Step::Copy),
            (0..3 * MIN_SHARED).prop_map(Step::Share),
            Just(Step::Pong),
            (0..60_000usize).prop_map(Step::Advance),
        ], 0..12)) {
            let (mut output, mut expected, mut left) = (Output::default(), Vec::new(), Vec::new());
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Copy(len) => {
                        output.extend(&vec![n as u8; len]);
                        expected.extend(vec![n as u8; len]);
                    }
                    Step::Share(len) => {
                        output.share(&Bytes::from(vec![n as u8; len]));
                        expected.extend(vec![n as u8; len]);
                    }
                    Step::Pong => {
                        output.pong(b"x", None);
                        expected.extend(b"\x8A\x01x");
                    }
                    Step::Advance(len) => {
                        let len = len.min(output.len());
                        left.extend(output.slices().flatten().take(len));
                        output.advance(len);
                    }
                }
                prop_assert_eq!(output.len(), expected.len() - left.len());
                let mut slices = [IoSlice::new(&[]); 32];
                let count = output.fill(&mut slices);
                let waiting: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                prop_assert_eq!(&[&left[..], &waiting].concat(), &expected);
            }
        }
    }
}
