//! The byte stream that carries a session.

use std::io;

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

    /// Ends our direction; reading goes on.
    ///
    /// # Errors
    /// The stream has failed.
    fn shut_down_writing(&mut self) -> io::Result<()>;

    /// Marks both directions as ended. The owner drops the stream after the turn.
    fn close(&mut self);

    /// Whether [`close`](Self::close) has been called.
    fn is_closed(&self) -> bool;
}
