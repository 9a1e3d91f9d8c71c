//! The queue behind a non-empty output.

mod pongs;

use super::{
    buffer::Buffer,
    piece::Piece,
    pong::Pong,
    waste::{KEPT, is_wasteful, is_wasteful_for_piece},
};
use crate::{
    frame::{MaskKey, OpCode, encode::EncodedHeader, fast, mask},
    spare::Spare,
};
use std::{collections::VecDeque, mem};

/// Bytes with a read position, and large pieces between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    bytes: Buffer,
    /// The read position: the bytes before it have been written.
    head: usize,
    /// Pieces that were not copied, each with the index in `bytes` before which it is written.
    pieces: VecDeque<(usize, Piece)>,
    /// The number of queued bytes, those of the pieces included.
    len: usize,
    /// The number of those that other connections may hold too.
    shared: usize,
    /// The bytes that the connection has queued by itself since a command has queued any.
    automatic: Automatic,
    /// The number of Pongs queued since the queue was last empty.
    pongs: u8,
    /// The last Pong in `bytes`, unless a part of it had been written when the bytes were moved.
    last_pong: Option<Pong>,
    /// Takes the memory of written pieces, while a buffer is lent.
    spare: Option<Box<Spare>>,
    /// The queue belongs to a lent buffer.
    is_lent: bool,
}

/// The last bytes that the connection has queued by itself, as far as no command has queued any between them. Frames of
/// commands need not tell: they are behind the end.
#[derive(Clone, Copy, Debug, Default)]
struct Automatic {
    /// Their number, those that are written included.
    len: usize,
    /// The number of queued bytes up to their end.
    end: usize,
}

/// The fewest written bytes, in front of the queued ones, that are dropped from the memory. They must also be at least
/// as many as the queued ones, which move to the front, so that all moves together cost linear time.
pub(super) const MIN_COMPACTED: usize = 64 << 10;

impl Queue {
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The memory for the queued bytes, in bytes. That of a piece counts without what has been written of it, and lent
    /// memory without what is unused.
    #[inline]
    pub(super) fn buffered(&self) -> usize {
        if self.is_lent {
            return self.len;
        }
        let in_pieces = self.len - (self.bytes.len() - self.head);
        self.bytes.capacity() + in_pieces + self.pieces.len() * size_of::<(usize, Piece)>()
    }

    /// How many of the queued bytes other connections may hold too, and the end of the last of them.
    #[cfg(feature = "server")]
    pub(super) fn shared(&self) -> Option<(usize, *const u8)> {
        let (_, last) = self.pieces.iter().rev().find(|(_, piece)| piece.shared_len() > 0)?;
        Some((self.shared, last.as_slice().as_ptr_range().end))
    }

    /// The number of queued bytes up to the last one that a command has queued.
    pub(super) const fn backlog(&self) -> usize {
        if self.automatic.end < self.len { self.len } else { self.len.saturating_sub(self.automatic.len) }
    }

    /// Notes that the connection has queued the last `len` bytes by itself.
    pub(super) const fn note_automatic(&mut self, len: usize) {
        let before = if self.automatic.end < self.len - len { 0 } else { self.automatic.len };
        self.automatic = Automatic { len: before + len, end: self.len };
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the queue belongs to a lent buffer.
    pub(super) const fn is_lent(&self) -> bool {
        self.is_lent
    }

    pub(super) fn set_lent(&mut self) {
        self.is_lent = true;
        self.spare.get_or_insert_default();
    }

    /// The recycled memory, while a buffer is lent.
    pub(super) fn spare(&mut self) -> Option<&mut Spare> {
        self.spare.as_deref_mut()
    }

    /// The place of the recycled memory.
    pub(super) const fn spare_mut(&mut self) -> &mut Option<Box<Spare>> {
        &mut self.spare
    }

    pub(super) const fn has_spare(&self) -> bool {
        self.spare.is_some()
    }

    pub(super) fn take_spare(&mut self) -> Option<Box<Spare>> {
        self.spare.take()
    }

    /// Uses `spare`, or an empty one.
    pub(super) fn set_spare(&mut self, spare: Option<Box<Spare>>) {
        self.spare = Some(spare.unwrap_or_default());
    }

    /// The first bytes, as many as are contiguous.
    pub(super) fn as_slice(&self) -> &[u8] {
        if self.pieces.is_empty() {
            return &self.bytes.as_slice()[self.head..];
        }
        self.slices().next().unwrap_or_default()
    }

    /// All bytes, in order.
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

    /// Removes the first `n` bytes, which are not all.
    pub(super) fn advance(&mut self, mut n: usize) {
        self.len -= n;
        self.automatic.end = self.automatic.end.saturating_sub(n);
        while n > 0 {
            n -= self.advance_within_slice(n);
        }
        if self.head >= MIN_COMPACTED && self.head >= self.bytes.len() - self.head {
            self.compact();
        }
        // Memory that is to be recycled is not given back in between.
        if self.spare.is_none() {
            self.trim(is_wasteful, &mut None);
        }
    }

    /// Gives back the memory that is too large for the rest, as `is_wasteful` says. That of a piece goes to `spare`, if
    /// there is one.
    pub(super) fn trim(&mut self, is_wasteful: fn(usize, usize) -> bool, spare: &mut Option<Box<Spare>>) {
        let needed = self.bytes.len() - self.head;
        let held = self.bytes.capacity();
        if is_wasteful(held, needed) {
            self.compact();
            self.bytes.shrink_to(needed);
        }
        if let Some((_, piece)) = self.pieces.front_mut() {
            self.shared -= piece.shared_len();
            piece.trim(is_wasteful, spare);
            self.shared += piece.shared_len();
        }
        if self.pieces.capacity() > KEPT / size_of::<(usize, Piece)>() && self.pieces.capacity() / 4 > self.pieces.len()
        {
            self.pieces.shrink_to_fit();
        }
    }

    /// Removes at most `n` bytes of the first slice. Returns their number.
    fn advance_within_slice(&mut self, n: usize) -> usize {
        match self.pieces.front_mut() {
            Some((before, piece)) if *before == self.head => {
                let len = piece.as_slice().len();
                self.shared -= piece.shared_len().min(n);
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

    /// Moves the queued bytes to the front of the memory.
    fn compact(&mut self) {
        self.bytes.remove(0..self.head);
        self.last_pong = self.last_pong.take().and_then(|pong| pong.after_dropping(self.head));
        for (before, _) in &mut self.pieces {
            *before -= self.head;
        }
        self.head = 0;
    }

    /// Removes everything. The memory stays, here or in `spare`.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        while let Some((_, piece)) = self.pieces.pop_front() {
            piece.recycle(&mut self.spare);
        }
        (self.head, self.len, self.shared, self.pongs, self.last_pong) = (0, 0, 0, 0, None);
        self.automatic.end = 0;
    }

    /// Keeps at most `len` bytes of memory for the bytes, and as many for the pieces.
    pub(super) fn shrink_to(&mut self, len: usize) {
        self.bytes.shrink_to(len);
        let pieces = len / size_of::<(usize, Piece)>();
        if self.pieces.capacity() > pieces {
            self.pieces.shrink_to(pieces);
        }
    }

    /// Moves the queued bytes to a queue of their own, whose memory they fill unless the system has none for a copy.
    pub(super) fn move_out(&mut self) -> Self {
        if self.head > 0 {
            self.compact();
        }
        let own = Self {
            bytes: self.bytes.move_out(),
            head: 0,
            pieces: mem::take(&mut self.pieces),
            len: self.len,
            shared: self.shared,
            automatic: self.automatic,
            pongs: self.pongs,
            last_pong: self.last_pong,
            spare: None,
            is_lent: false,
        };
        self.clear();
        own
    }

    /// Queues the bytes that `write` appends.
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = self.bytes.append(write);
        self.len += self.bytes.len() - before;
        result
    }

    /// Queues `bytes`.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.bytes.extend(bytes);
    }

    /// Queues bytes without copying them, unless their memory is far too large for them: the limit of the output counts
    /// bytes and not memory.
    pub(super) fn push_piece(&mut self, mut piece: Piece) {
        piece.trim(is_wasteful_for_piece, &mut self.spare);
        self.len += piece.as_slice().len();
        self.shared += piece.shared_len();
        self.pieces.push_back((self.bytes.len(), piece));
    }

    /// Queues a frame.
    pub(super) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        let header = EncodedHeader::new(is_final, opcode, payload.len(), key);
        self.bytes.reserve(header.len() + payload.len());
        self.extend(&header);
        self.extend_masked(payload, key);
    }

    /// Queues a payload, masked if there is a key.
    #[inline(always)]
    pub(super) fn extend_masked(&mut self, payload: &[u8], key: Option<MaskKey>) {
        self.len += payload.len();
        match (key, self.bytes.try_append(payload.len())) {
            (Some(key), Some(room)) => mask::copy(room, payload, key),
            (None, Some(room)) => mask::copy_plain(room, payload),
            (Some(key), None) => mask::apply(self.bytes.extend(payload), key),
            (None, None) => {
                self.bytes.extend(payload);
            }
        }
    }

    /// Fast path of [`frame`](Self::frame) for a server's whole message. Queues it if it fits the memory. Returns
    /// whether it did.
    #[inline(always)]
    pub(super) fn try_message(&mut self, opcode: OpCode, payload: &[u8]) -> bool {
        let Some(len) = fast::encode(opcode, payload, |len| self.bytes.try_append(len)) else { return false };
        self.len += len;
        true
    }

    /// The bytes in memory, written ones included.
    #[cfg(test)]
    pub(super) const fn memory_len(&self) -> usize {
        self.bytes.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes of memory for pieces.
    #[cfg(test)]
    pub(super) fn pieces_capacity(&self) -> usize {
        self.pieces.capacity() * size_of::<(usize, Piece)>()
    }
}
