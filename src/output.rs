//! The bytes that wait to be written, in order.

#[cfg(test)]
mod tests;

use crate::frame::{MAX_CONTROL_PAYLOAD, MaskKey, OpCode, encode::encode};
use bytes::{Buf, Bytes};
use std::{collections::VecDeque, io::IoSlice, mem, ops::Range};

/// A queue of bytes with a cursor at its head. What is large and shared lies beside the rest, and is not copied. It
/// keeps no memory of its own when it is empty.
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
    /// Whether `bytes` is to be given back.
    is_lent: bool,
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

/// The most memory that a lent buffer may have when it is given back: more than a buffer of reads, so that what answers
/// one fits.
const MAX_LENT: usize = 256 << 10;

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
            self.clear();
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
        if self.is_lent {
            self.bytes.clear();
        } else {
            self.bytes = Vec::new();
        }
        (self.head, self.shared, self.pongs, self.last_pong) = (0, None, 0, None);
    }

    /// Uses `buffer` from now on, unless something waits.
    pub(crate) fn lend(&mut self, buffer: &mut Vec<u8>) {
        if self.is_empty() && !self.is_lent {
            buffer.clear();
            mem::swap(&mut self.bytes, buffer);
            self.is_lent = true;
        }
    }

    /// Gives back what was lent. What waits in it moves to memory of its own, which is just enough.
    pub(crate) fn reclaim(&mut self, buffer: &mut Vec<u8>) {
        if mem::take(&mut self.is_lent) {
            if self.head > 0 {
                self.compact();
            }
            let own = self.bytes.clone();
            *buffer = mem::replace(&mut self.bytes, own);
            buffer.clear();
            buffer.shrink_to(MAX_LENT);
        }
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

    pub(crate) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        encode(&mut self.bytes, is_final, opcode, payload, key);
    }

    /// Queues what a server sends most, with nothing left to decide.
    #[inline(always)]
    pub(crate) fn message(&mut self, opcode: OpCode, payload: &[u8]) {
        encode(&mut self.bytes, true, opcode, payload, None);
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
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "a Pong echoes the payload of a Ping");
        self.frame(true, OpCode::Pong, payload, key);
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
