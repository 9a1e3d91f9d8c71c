//! A socket, and what the system has said of it.

use crate::BytesRead;
use mio::{event::Event, net::TcpStream};
use std::{
    io::{self, ErrorKind, IoSlice, Write},
    net::Shutdown,
};

/// Whether a read, or a write, that does less than it was asked for has emptied, or filled, the socket, so that the
/// system will say when to go on. That is how epoll and kqueue tell of edges; elsewhere mio tells again only after
/// `WouldBlock`.
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

#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// There may be something to read: it has not been read empty since the system said that there was.
    is_readable: bool,
    /// The system has said that the peer's direction has ended, or that the connection has failed.
    is_ending: bool,
    /// The last write was cut short: the next one waits for the system to say that it may go on.
    is_blocked: bool,
    /// It is to be closed, and the connection forgotten.
    is_closed: bool,
}

/// What reading has come to.
pub(super) enum ReadOutcome {
    Some(BytesRead),
    WouldBlock,
    Eof,
    Failed,
}

impl Socket {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, is_readable: false, is_ending: false, is_blocked: false, is_closed: false }
    }

    pub(super) const fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// The system tells of it.
    pub(super) fn note(&mut self, event: &Event) {
        self.is_ending |= event.is_read_closed() || event.is_error();
        self.is_readable |= event.is_readable() || self.is_ending;
        self.is_blocked = false;
    }

    /// It is to be read and written whatever the system has said.
    pub(super) const fn try_all(&mut self) {
        self.is_readable = true;
        self.is_blocked = false;
    }

    /// Has `read` read once.
    pub(super) fn read_with(&mut self, mut read: impl FnMut(&mut TcpStream) -> io::Result<BytesRead>) -> ReadOutcome {
        loop {
            return match read(&mut self.stream) {
                Ok(BytesRead { total: 0, .. }) => ReadOutcome::Eof,
                Ok(read) => {
                    // An end that the system has told of is not told of again.
                    self.is_readable = !read.is_short || self.is_ending || !SHORT_IS_LAST;
                    ReadOutcome::Some(read)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    ReadOutcome::WouldBlock
                }
                Err(_) => ReadOutcome::Failed,
            };
        }
    }

    pub(super) fn shut_down_writing(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn write_with(&mut self, len: usize, write: impl FnOnce(&mut TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        if self.is_blocked {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = write(&mut self.stream);
        self.is_blocked = match &result {
            Ok(written) => SHORT_IS_LAST && *written < len,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        result
    }
}

/// Once it is full it would block, until the system has told of room.
impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(bytes.len(), |stream| stream.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = slices.iter().map(|slice| slice.len()).sum();
        self.write_with(len, |stream| stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
