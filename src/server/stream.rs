//! The byte stream that carries a session.

use std::io;

/// The byte stream that carries a session: a socket, a layer over one, or memory.
///
/// Reads and writes never block. One that cannot do anything returns [`WouldBlock`](io::ErrorKind::WouldBlock). A read
/// of 0 bytes is the end of the stream. `read_vectored` fills the later slices, too: the first may have few bytes.
///
/// `flush` is never called. A stream that holds written bytes back sends them by itself, and ends its direction or
/// closes only after them.
pub(super) trait ByteStream: io::Read + io::Write + Send + Sync + 'static {
    /// Whether a read may return anything but `WouldBlock`.
    fn is_readable(&self) -> bool;

    /// Ends our direction; reading goes on.
    ///
    /// # Errors
    /// The stream has failed.
    fn shut_down_writing(&mut self) -> io::Result<()>;

    /// Ends both directions. The owner of the stream closes it when the session has returned.
    fn close(&mut self);

    /// Whether [`close`](Self::close) has been called.
    fn is_closed(&self) -> bool;
}
