//! The output of a connection: a queue of bytes.

mod buffer;
mod piece;
mod pong;
mod queue;
#[cfg(test)]
mod tests;
mod waste;

#[cfg(feature = "deflate")]
use crate::frame::{RSV1, encode::EncodedHeader, mask};
use crate::{
    frame::{MaskKey, OpCode},
    spare::Spare,
};
use bytes::Bytes;
use piece::Piece;
use queue::Queue;
use std::{borrow::Cow, io::IoSlice};
use waste::is_wasteful_to_recycle;

/// Queued bytes. An empty output holds no memory of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    queue: Option<Box<Queue>>,
    /// The queue has become empty or non-empty since [`set_edge`](Self::set_edge).
    has_edge: bool,
}

/// Memory that a loop [lends](crate::Connection::lend_buffer) to one connection after another: to queue output in, and
/// to recycle the memory of large messages.
#[derive(Clone, Debug, Default)]
pub struct OutputBuffer(Option<Box<Queue>>);

/// The most memory that a lent buffer keeps, in bytes: more than a read buffer, so that the echo of one read fits.
const MAX_LENT: usize = 256 << 10;

/// The shortest piece that is not copied, in bytes. Copying a shorter one costs less than one more slice in a write.
const MIN_SHARED: usize = 1 << 10;

/// An output of this length belongs to a peer that lags. Further bytes for many connections are not copied from
/// [`MIN_SHARED_BEHIND`] on: a thousand lagging members of a room would hold a thousand copies, and the entry of a
/// piece takes 56 bytes.
const BEHIND: usize = 64 << 10;

/// The shortest piece that is not copied for a peer that lags, in bytes.
const MIN_SHARED_BEHIND: usize = 128;

impl Output {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// The memory for the queued bytes, in bytes.
    #[inline]
    pub(crate) fn buffered(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.buffered())
    }

    /// How many of the queued bytes other connections may hold too, and the end of the last of them.
    #[cfg(feature = "server")]
    pub(crate) fn shared(&self) -> Option<(usize, *const u8)> {
        self.queue.as_ref()?.shared()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the queue has become empty or non-empty since [`set_edge`](Self::set_edge), or that has said so.
    #[inline]
    pub(crate) const fn has_edge(&self) -> bool {
        self.has_edge
    }

    pub(crate) const fn set_edge(&mut self, has_edge: bool) {
        self.has_edge = has_edge;
    }

    /// The first bytes, as many as are contiguous.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.queue.as_ref().map_or(&[], |queue| queue.as_slice())
    }

    /// Fills `slices` with the queued bytes, from the front. Returns the number of slices filled.
    pub(crate) fn slices_into<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let queued = self.queue.iter().flat_map(|queue| queue.slices());
        slices.iter_mut().zip(queued).map(|(slot, slice)| *slot = IoSlice::new(slice)).count()
    }

    /// Removes the first `n` bytes.
    ///
    /// # Panics
    /// If fewer than `n` bytes are queued.
    pub(crate) fn advance(&mut self, n: usize) {
        let len = self.len();
        assert!(n <= len, "cannot advance by {n} bytes: {len} are queued");
        match &mut self.queue {
            Some(queue) if n < len => queue.advance(n),
            Some(_) | None => self.clear(),
        }
    }

    /// Removes all bytes.
    pub(crate) fn clear(&mut self) {
        self.has_edge |= !self.is_empty();
        if let Some(queue) = &mut self.queue {
            queue.clear();
            if !queue.has_spare() {
                self.queue = None;
            }
        }
    }

    /// Queues in `buffer` from now on, unless bytes are queued already. Takes the recycled memory in any case.
    pub(crate) fn lend(&mut self, OutputBuffer(buffer): &mut OutputBuffer) {
        match &mut self.queue {
            None => self.queue.insert(buffer.take().unwrap_or_default()).set_lent(),
            Some(own) if !own.has_spare() => own.set_spare(buffer.get_or_insert_default().take_spare()),
            Some(_) => {}
        }
    }

    /// Gives the lent memory back to `buffer`. Bytes that are still queued move to new memory.
    pub(crate) fn reclaim(&mut self, OutputBuffer(buffer): &mut OutputBuffer) {
        if let Some(mut lent) = self.queue.take_if(|queue| queue.is_lent()) {
            if !lent.is_empty() {
                let own = self.queue.insert(Box::new(lent.move_out()));
                own.trim(is_wasteful_to_recycle, lent.spare_mut());
            }
            lent.shrink_to(MAX_LENT);
            *buffer = Some(lent);
        } else if let Some(own) = &mut self.queue
            && let Some(spare) = own.take_spare()
        {
            let lender = buffer.get_or_insert_default();
            lender.set_spare(Some(spare));
            own.trim(is_wasteful_to_recycle, lender.spare_mut());
            self.queue.take_if(|own| own.is_empty());
        }
    }

    /// The recycled memory for large messages, if a buffer is lent.
    pub(crate) fn spare(&mut self) -> Option<&mut Spare> {
        self.queue.as_mut()?.spare()
    }

    /// The queue, which is about to get bytes.
    #[inline]
    fn queue_mut(&mut self) -> &mut Queue {
        self.has_edge |= self.is_empty();
        self.queue.get_or_insert_default()
    }

    /// Queues `bytes`.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.queue_mut().extend(bytes);
    }

    /// Queues the bytes that `write` appends, such as those of a head. It may append none.
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let was_empty = self.is_empty();
        let queue = self.queue.get_or_insert_default();
        let result = queue.write(write);
        self.has_edge |= was_empty && !queue.is_empty();
        if queue.is_empty() {
            self.clear();
        }
        result
    }

    /// Queues bytes that other connections queue too. [`MIN_SHARED`] bytes and more are not copied; for a peer that
    /// lags, [`MIN_SHARED_BEHIND`].
    pub(crate) fn share(&mut self, bytes: &Bytes) {
        let min_shared = if self.len() < BEHIND { MIN_SHARED } else { MIN_SHARED_BEHIND };
        if bytes.len() < min_shared {
            return self.extend(bytes);
        }
        self.queue_mut().push_piece(Piece::shared(bytes.clone()));
    }

    /// Queues a payload, which is masked already if it must be, without its first `skipped` bytes. One of
    /// [`MIN_SHARED`] bytes or more that owns its bytes is not copied.
    pub(crate) fn payload(&mut self, payload: Cow<'_, [u8]>, skipped: usize) {
        let len = payload.len() - skipped;
        match payload {
            Cow::Owned(memory) if len >= MIN_SHARED => self.queue_mut().push_piece(Piece::Own(memory, skipped)),
            Cow::Owned(memory) if len == 0 => {
                if let Some(spare) = self.spare() {
                    spare.put(memory);
                }
            }
            Cow::Borrowed(_) if len == 0 => {}
            Cow::Owned(_) | Cow::Borrowed(_) => self.extend(&payload[skipped..]),
        }
    }

    /// Queues a frame.
    pub(crate) fn frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8], key: Option<MaskKey>) {
        self.queue_mut().frame(is_final, opcode, payload, key);
    }

    /// Queues the first frame of a compressed message.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed_frame(
        &mut self,
        is_final: bool,
        opcode: OpCode,
        payload: Cow<'_, [u8]>,
        key: Option<MaskKey>,
    ) {
        let header = EncodedHeader::new(is_final, opcode, payload.len(), key).with_reserved(RSV1);
        let queue = self.queue_mut();
        queue.extend(&header);
        match (payload, key) {
            (Cow::Borrowed(bytes), key) => queue.extend_masked(bytes, key),
            (Cow::Owned(bytes), None) => self.payload(Cow::Owned(bytes), 0),
            (Cow::Owned(mut bytes), Some(key)) => {
                mask::apply(&mut bytes, key);
                self.payload(Cow::Owned(bytes), 0);
            }
        }
    }

    /// Fast path of [`frame`](Self::frame) for a server's whole message. Queues it if it fits the memory of the queue.
    /// Returns whether it did.
    #[inline(always)]
    pub(crate) fn try_message(&mut self, opcode: OpCode, payload: &[u8]) -> bool {
        let Some(queue) = &mut self.queue else { return false };
        let was_empty = queue.is_empty();
        let is_queued = queue.try_message(opcode, payload);
        self.has_edge |= was_empty && is_queued;
        is_queued
    }

    /// The number of queued bytes up to the last one that a command has queued. Behind it are only bytes that the
    /// connection has queued by itself.
    pub(crate) fn backlog(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.backlog())
    }

    /// Notes that the connection has queued the last `len` bytes by itself. A [`pong`](Self::pong) says so without
    /// this.
    pub(crate) fn note_automatic(&mut self, len: usize) {
        if let Some(queue) = &mut self.queue {
            queue.note_automatic(len);
        }
    }

    /// Keeps the queued Pongs: no later one replaces them.
    pub(crate) fn fix_pongs(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.fix_pongs();
        }
    }

    /// Keeps the Pongs among the first `n` queued bytes.
    #[cfg(feature = "tls")]
    pub(crate) fn keep(&mut self, n: usize) {
        if let Some(queue) = &mut self.queue {
            queue.keep(n);
        }
    }

    /// Queues a Pong.
    pub(crate) fn pong(&mut self, payload: &[u8], key: Option<MaskKey>) {
        self.queue_mut().pong(payload, key);
    }
}
