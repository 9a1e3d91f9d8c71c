//! The byte stream that carries a session.

use super::tally::Tally;
use std::io::{self, IoSlice};

/// The byte stream that carries a session: a socket, a layer over one, or memory.
///
/// A read or write never blocks; it returns [`WouldBlock`](io::ErrorKind::WouldBlock) instead. A read of 0 bytes is the
/// end of the stream. `read_vectored` must fill all slices, since the first one may be short.
///
/// `flush` is never called. A stream that buffers written bytes must send them by itself, before it ends its direction
/// or closes.
pub(super) trait ByteStream: io::Read + io::Write + Send + Sync + 'static {
    /// Whether a read may return anything but `WouldBlock`.
    fn is_readable(&self) -> bool;

    /// Whether the system has reported the end of the peer's direction, or a failure. Bytes may come before it.
    fn is_ending(&self) -> bool;

    /// No bytes follow those of the next writes: they may leave together with the end of our direction.
    fn expect_end(&mut self) {}

    /// Ends our direction; reading goes on.
    ///
    /// # Errors
    /// The stream has failed.
    fn shut_down_writing(&mut self) -> io::Result<()>;

    /// Marks both directions as ended. The owner drops the stream after the turn.
    fn close(&mut self);

    /// Whether [`close`](Self::close) has been called.
    fn is_closed(&self) -> bool;

    /// The memory, in bytes, of what the stream keeps: a part of a record of TLS, or records that have not left.
    fn held(&self) -> usize {
        0
    }

    /// Drops what the stream keeps of the peer's bytes, and from now on all of them up to their end.
    fn discard_input(&mut self) {}

    /// How many bytes the stream has encrypted that no write has reported as written. The next write must begin with
    /// them.
    #[cfg(feature = "tls")]
    fn encrypted(&self) -> usize {
        0
    }

    /// `Some` if the peer has sent something, since the last call, of which no read has returned a byte: whether the
    /// stream keeps a part of something whose rest has not come.
    fn take_heard(&mut self) -> Option<bool> {
        None
    }
}

/// A stream whose written bytes are counted.
pub(super) struct Metered<'l, S: ?Sized> {
    stream: &'l mut S,
    tally: &'l mut Tally,
}

impl<'l, S: ByteStream + ?Sized> Metered<'l, S> {
    pub(super) const fn new(stream: &'l mut S, tally: &'l mut Tally) -> Self {
        Self { stream, tally }
    }

    #[inline]
    fn count(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        if let Ok(count) = result {
            self.tally.bytes_sent += count as u64;
        }
        result
    }
}

impl<S: ByteStream + ?Sized> io::Write for Metered<'_, S> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.stream.write(bytes);
        self.count(result)
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.stream.write_vectored(slices);
        self.count(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
