//! What waits, while something does.

use super::buffer::Buffer;
use crate::{
    frame::{MAX_CONTROL_PAYLOAD, MaskKey, OpCode, encode::EncodedHeader, mask},
    spare::Spare,
};
use bytes::{Buf, Bytes};
use std::{collections::VecDeque, mem, num::NonZero};

/// Bytes with a cursor at their head, and what is to be written between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) bytes: Buffer,
    /// Bytes already taken off the front.
    head: usize,
    /// What is large, and shared or handed over, is not copied to the bytes; each is to be written before the byte of that index.
    pieces: VecDeque<(usize, Piece)>,
    /// How many bytes wait.
    pub(super) len: usize,
    /// How many Pongs have been queued since the queue was last empty.
    pongs: u8,
    /// Where the last of them lies in `bytes`, unless it had begun to leave when the queue was moved.
    last_pong: Option<Pong>,
    /// Where the memory of pieces goes; there while something is lent.
    pub(super) spare: Option<Box<Spare>>,
    /// Whether it is to be given back.
    pub(super) is_lent: bool,
}

/// Bytes that were not copied.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Others hold them too.
    Shared(Bytes),
    /// They were handed over; so many of them have been taken.
    Own(Vec<u8>, usize),
}

impl Piece {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes, taken) => &bytes[*taken..],
        }
    }

    fn advance(&mut self, n: usize) {
        match self {
            Self::Shared(bytes) => bytes.advance(n),
            Self::Own(_, taken) => *taken += n,
        }
    }

    fn recycle(self, spare: &mut Option<Box<Spare>>) {
        if let (Self::Own(memory, _), Some(spare)) = (self, spare) {
            spare.put(memory);
        }
    }
}

/// Where a Pong lies in the bytes of the queue. Its length is never 0, which is where `Option` keeps its `None`.
#[derive(Clone, Copy, Debug)]
struct Pong {
    start: usize,
    len: NonZero<u8>,
}

/// So many Pings that come faster than the Pongs leave are each answered, as Autobahn case 2.10 asks of ten; of those
/// beyond, the latest.
pub(super) const MAX_PONGS: u8 = 16;

/// Behind this many taken bytes, those that wait are moved to the front once they are fewer.
pub(super) const COMPACT: usize = 64 << 10;

impl Queue {
    /// The bytes that are next, as many as lie together.
    pub(super) fn as_slice(&self) -> &[u8] {
        if self.pieces.is_empty() {
            return &self.bytes.as_slice()[self.head..];
        }
        self.slices().next().unwrap_or_default()
    }

    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut pieces = self.pieces.iter().peekable();
        let mut at = self.head;
        std::iter::from_fn(move || {
            if let Some((_, piece)) = pieces.next_if(|(before, _)| *before == at) {
                return Some(piece.as_slice());
            }
            let end = pieces.peek().map_or(self.bytes.len(), |(before, _)| *before);
            let slice = &self.bytes.as_slice()[at..end];
            at = end;
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// Takes `n` bytes, fewer than wait, off the front.
    pub(super) fn advance(&mut self, mut n: usize) {
        self.len -= n;
        while n > 0 {
            n -= self.advance_within_slice(n);
        }
        if self.head >= COMPACT && self.head >= self.bytes.len() - self.head {
            self.compact();
        }
    }

    /// Takes at most `n` bytes off the first slice. Returns how many.
    fn advance_within_slice(&mut self, n: usize) -> usize {
        match self.pieces.front_mut() {
            Some((before, piece)) if *before == self.head => {
                let len = piece.as_slice().len();
                if n < len {
                    piece.advance(n);
                } else if let Some((_, piece)) = self.pieces.pop_front() {
                    piece.recycle(&mut self.spare);
                }
                n.min(len)
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
        self.bytes.remove(0..self.head);
        let unsent = self.last_pong.take().filter(|pong| pong.start >= self.head);
        self.last_pong = unsent.map(|pong| Pong { start: pong.start - self.head, ..pong });
        for (before, _) in &mut self.pieces {
            *before -= self.head;
        }
        self.head = 0;
    }

    /// Forgets everything; the memory stays, here or with what is spare.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        while let Some((_, piece)) = self.pieces.pop_front() {
            piece.recycle(&mut self.spare);
        }
        (self.head, self.len, self.pongs, self.last_pong) = (0, 0, 0, None);
    }

    /// Keeps no more memory than `len` bytes of each kind.
    pub(super) fn shrink_to(&mut self, len: usize) {
        self.bytes.shrink_to(len);
        self.pieces.shrink_to(len / size_of::<(usize, Piece)>());
    }

    /// What waits, in memory of its own, which is just enough. Nothing waits here any more.
    pub(super) fn move_out(&mut self) -> Self {
        if self.head > 0 {
            self.compact();
        }
        let own = Self {
            bytes: self.bytes.copy(),
            head: 0,
            pieces: mem::take(&mut self.pieces),
            len: self.len,
            pongs: self.pongs,
            last_pong: self.last_pong,
            spare: None,
            is_lent: false,
        };
        self.clear();
        own
    }

    /// Queues what `write` appends.
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = self.bytes.append(write);
        self.len += self.bytes.len() - before;
        result
    }

    /// Queues `bytes`. Returns where they are.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> &mut [u8] {
        self.len += bytes.len();
        self.bytes.extend(bytes)
    }

    /// Queues bytes that are not copied.
    pub(super) fn push_piece(&mut self, piece: Piece) {
        self.len += piece.as_slice().len();
        self.pieces.push_back((self.bytes.len(), piece));
    }

    pub(super) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        let header = EncodedHeader::new(is_final, opcode, payload.len(), key);
        self.bytes.reserve(header.len() + payload.len());
        self.extend(&header);
        self.len += payload.len();
        match (key, self.bytes.append_in_room(payload.len())) {
            (Some(key), Some(room)) => mask::copy(room, payload, key),
            (None, Some(room)) => mask::copy_plain(room, payload),
            (Some(key), None) => mask::apply(self.bytes.extend(payload), key),
            (None, None) => {
                self.bytes.extend(payload);
            }
        }
    }

    /// Queues a Pong; in the place of the last one, if many wait and not a byte of that has left.
    ///
    /// RFC 6455 section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
    /// frame." So a peer that pings and never reads holds a bounded number of Pongs here. The work is linear too: the
    /// bytes behind the old Pong are moved once, since they are before the new one.
    pub(super) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        debug_assert!(payload.len() <= MAX_CONTROL_PAYLOAD, "a Pong echoes the payload of a Ping");
        let mut start = self.bytes.len();
        self.frame(true, OpCode::Pong, payload, key);
        let len = self.bytes.len() - start;
        if self.pongs < MAX_PONGS {
            self.pongs += 1;
        } else if let Some(unsent) = self.last_pong.filter(|pong| pong.start >= self.head) {
            self.remove(unsent);
            start -= usize::from(unsent.len.get());
        }
        self.last_pong = NonZero::new(len as u8).map(|len| Pong { start, len });
    }

    fn remove(&mut self, pong: Pong) {
        let range = pong.start..pong.start + usize::from(pong.len.get());
        for (before, _) in self.pieces.iter_mut().rev().take_while(|(before, _)| *before >= range.end) {
            *before -= range.len();
        }
        self.len -= range.len();
        self.bytes.remove(range);
    }

    /// Bytes that are there for pieces.
    #[cfg(test)]
    pub(super) fn pieces_capacity(&self) -> usize {
        self.pieces.capacity() * size_of::<(usize, Piece)>()
    }
}
