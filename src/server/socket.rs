//! The socket of a session, and what the system has reported about it.

use super::{report::Report, stream::ByteStream, transport::Transport};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

/// Whether the system reports readiness again after a read or write of fewer bytes than asked for. epoll and kqueue do,
/// since they report edges. Elsewhere mio reports again only after `WouldBlock`.
const SHORT_IS_LAST: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "redox",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    )
));

/// A non-blocking socket. It does not write while it knows that it is full. Ask [`ByteStream::is_readable`] before a
/// read.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Transport,
    /// The system has reported input, and no read has emptied the socket since.
    is_readable: bool,
    /// The system has reported the end of the peer's direction, or a failure.
    is_ending: bool,
    /// A write has filled the socket, and the system has reported nothing since.
    is_full: bool,
    is_closed: bool,
}

impl Socket {
    pub(super) const fn new(stream: Transport) -> Self {
        Self { stream, is_readable: false, is_ending: false, is_full: false, is_closed: false }
    }

    /// Takes over what the system reports.
    pub(super) const fn update(&mut self, report: Report) {
        self.is_ending |= report.is_ending;
        self.is_readable |= report.is_readable || self.is_ending;
        self.is_full = false;
    }

    /// Assumes that the socket can be read and written, whatever the system has reported.
    pub(super) const fn assume_ready(&mut self) {
        self.is_readable = true;
        self.is_full = false;
    }

    /// Calls `read`, which has `room` bytes of memory, and notes whether it has emptied the socket.
    fn read_by(&mut self, room: usize, read: impl FnOnce(&mut Transport) -> io::Result<usize>) -> io::Result<usize> {
        let result = read(&mut self.stream);
        match &result {
            Ok(0) => {}
            // The system does not report an end twice.
            Ok(count) => self.is_readable = *count == room || self.is_ending || !SHORT_IS_LAST,
            Err(error) => self.is_readable &= error.kind() != ErrorKind::WouldBlock,
        }
        result
    }

    /// Calls `write`, which has `len` bytes, unless the socket is full. Notes whether the write has filled it.
    fn write_by(&mut self, len: usize, write: impl FnOnce(&mut Transport) -> io::Result<usize>) -> io::Result<usize> {
        if self.is_full {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = write(&mut self.stream);
        self.is_full = match &result {
            Ok(written) => SHORT_IS_LAST && *written < len,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        result
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_by(buffer.len(), |stream| stream.read(buffer))
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = slices.iter().map(|slice| slice.len()).sum();
        self.read_by(room, |stream| stream.read_vectored(slices))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(bytes.len(), |stream| stream.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = slices.iter().map(|slice| slice.len()).sum();
        self.write_by(len, |stream| stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl ByteStream for Socket {
    fn is_readable(&self) -> bool {
        self.is_readable
    }

    fn is_ending(&self) -> bool {
        self.is_ending
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.stream.shut_down_writing()
    }

    fn close(&mut self) {
        self.is_closed = true;
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}
