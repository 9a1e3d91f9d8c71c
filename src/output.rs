//! The bytes that wait to be written, in order.

mod buffer;
mod queue;
#[cfg(test)]
mod tests;

use crate::{
    frame::{
        MaskKey, OpCode,
        encode::{EncodedHeader, encode_message},
    },
    spare::Spare,
};
use bytes::Bytes;
use queue::{Piece, Queue};
use std::{borrow::Cow, io::IoSlice};

/// A queue of bytes, which keeps no memory of its own when it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    queue: Option<Box<Queue>>,
    /// It has become empty, or has ceased to be, since this was last [taken](Self::take_news).
    has_news: bool,
}

/// Memory that a loop [lends](crate::Connection::lend_buffer) to one connection after the other: to queue output in, and
/// for large messages, whose memory goes round.
#[derive(Clone, Debug, Default)]
pub struct OutputBuffer(Option<Box<Queue>>);

/// The most memory that a lent buffer may have when it is given back: more than a buffer of reads, so that what answers
/// one fits.
const MAX_LENT: usize = 256 << 10;

/// What is shared or handed over is copied if it is shorter than this: that costs less than another slice to write.
const MIN_SHARED: usize = 1 << 10;

impl Output {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has become empty, or has ceased to be, since this was last [taken](Self::take_news).
    #[inline]
    pub(crate) const fn has_news(&self) -> bool {
        self.has_news
    }

    pub(crate) const fn take_news(&mut self) {
        self.has_news = false;
    }

    /// The bytes that are next, as many as lie together.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.queue.as_ref().map_or(&[], |queue| queue.as_slice())
    }

    /// Fills `slices` from the front. Returns how many there are.
    pub(crate) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let waiting = self.queue.iter().flat_map(|queue| queue.slices());
        slices.iter_mut().zip(waiting).map(|(slot, slice)| *slot = IoSlice::new(slice)).count()
    }

    /// Takes `n` bytes off the front.
    pub(crate) fn advance(&mut self, n: usize) {
        let len = self.len();
        assert!(n <= len, "cannot advance by {n} bytes: {len} wait");
        match &mut self.queue {
            Some(queue) if n < len => queue.advance(n),
            Some(_) | None => self.clear(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.has_news |= !self.is_empty();
        if let Some(queue) = &mut self.queue {
            queue.clear();
            if queue.spare.is_none() {
                self.queue = None;
            }
        }
    }

    /// Uses `buffer` from now on: to queue in, unless something waits, and what is spare.
    pub(crate) fn lend(&mut self, OutputBuffer(buffer): &mut OutputBuffer) {
        match &mut self.queue {
            None => {
                let lent = self.queue.insert(buffer.take().unwrap_or_default());
                lent.is_lent = true;
                lent.spare.get_or_insert_default();
            }
            Some(own) if own.spare.is_none() => {
                own.spare = Some(buffer.get_or_insert_default().spare.take().unwrap_or_default());
            }
            Some(_) => {}
        }
    }

    /// Memory for large messages, if some was lent.
    pub(crate) fn spare(&mut self) -> Option<&mut Spare> {
        self.queue.as_mut()?.spare.as_deref_mut()
    }

    /// Gives back what was lent. What waits in it moves to memory of its own, which is just enough.
    pub(crate) fn reclaim(&mut self, OutputBuffer(buffer): &mut OutputBuffer) {
        if let Some(mut lent) = self.queue.take_if(|queue| queue.is_lent) {
            if lent.len > 0 {
                self.queue = Some(Box::new(lent.move_out()));
            }
            lent.shrink_to(MAX_LENT);
            *buffer = Some(lent);
        } else if let Some(own) = &mut self.queue
            && own.spare.is_some()
        {
            buffer.get_or_insert_default().spare = own.spare.take();
            self.queue.take_if(|own| own.len == 0);
        }
    }

    /// The queue, to which something is to be added.
    #[inline]
    fn filling(&mut self) -> &mut Queue {
        self.has_news |= self.is_empty();
        self.queue.get_or_insert_default()
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.filling().extend(bytes);
    }

    /// Queues what `write` appends piece by piece, such as a head.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let was_empty = self.is_empty();
        let queue = self.queue.get_or_insert_default();
        let result = queue.write(write);
        self.has_news |= was_empty && queue.len > 0;
        if queue.len == 0 {
            self.clear();
        }
        result
    }

    /// Queues bytes that others hold too; they are not copied if they are many.
    pub(crate) fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < MIN_SHARED {
            return self.extend(bytes);
        }
        self.filling().push_piece(Piece::Shared(bytes.clone()));
    }

    /// Queues the header of a whole message of `len` bytes; its [payload](Self::payload) has to follow.
    pub(crate) fn header(&mut self, opcode: OpCode, len: usize, key: Option<MaskKey>) {
        self.extend(&EncodedHeader::new(true, opcode, len, key));
    }

    /// Queues a payload that has been masked, but for the first `taken` bytes. What is handed over is not copied if it is
    /// large.
    pub(crate) fn payload(&mut self, payload: Cow<'_, [u8]>, taken: usize) {
        let left = payload.len() - taken;
        match payload {
            Cow::Owned(memory) if left >= MIN_SHARED => self.filling().push_piece(Piece::Own(memory, taken)),
            Cow::Owned(memory) if left == 0 => {
                if let Some(spare) = self.spare() {
                    spare.put(memory);
                }
            }
            Cow::Borrowed(_) if left == 0 => {}
            Cow::Owned(_) | Cow::Borrowed(_) => self.extend(&payload[taken..]),
        }
    }

    pub(crate) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        self.filling().frame(is_final, opcode, payload, key);
    }

    /// Queues a whole message of a server if there is room for it without growing: the short way for what most frames
    /// are. `None` if there is not.
    #[inline(always)]
    pub(crate) fn message_in_room(&mut self, opcode: OpCode, payload: &[u8]) -> Option<()> {
        let queue = self.queue.as_mut()?;
        let len = encode_message(opcode, payload, |len| queue.bytes.append_in_room(len))?;
        self.has_news |= queue.len == 0;
        queue.len += len;
        Some(())
    }

    /// Queues a Pong.
    pub(crate) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        self.filling().pong(payload, key);
    }
}
