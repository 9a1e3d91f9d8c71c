//! The socket of a session, what the system has reported about it, and the TLS on it.

#[cfg(feature = "tls")]
use super::tls::Layer;
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

/// The socket of a session, with TLS or without. Ask [`ByteStream::is_readable`] before a read.
#[derive(Debug)]
pub(super) struct Socket {
    raw: RawSocket,
    /// In a box, since most servers have none.
    #[cfg(feature = "tls")]
    tls: Option<Box<Layer>>,
    /// Our direction ends as soon as everything has left.
    #[cfg(feature = "tls")]
    is_shutting_down: bool,
    is_closed: bool,
}

/// A non-blocking socket. It does not write while it knows that it is full.
#[derive(Debug)]
struct RawSocket {
    stream: Transport,
    /// The system has reported input, and no read has emptied the socket since.
    is_readable: bool,
    /// The system has reported the end of the peer's direction, or a failure.
    is_ending: bool,
    /// A write has filled the socket, and the system has reported nothing since.
    is_full: bool,
    /// The next writes are the last ones.
    is_last: bool,
}

impl Socket {
    pub(super) const fn new(stream: Transport) -> Self {
        Self {
            raw: RawSocket { stream, is_readable: false, is_ending: false, is_full: false, is_last: false },
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            is_shutting_down: false,
            is_closed: false,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn with_tls(stream: Transport, layer: Layer) -> Self {
        Self { tls: Some(Box::new(layer)), ..Self::new(stream) }
    }

    pub(super) const fn transport_mut(&mut self) -> &mut Transport {
        &mut self.raw.stream
    }

    /// Whether the handshake of TLS is not complete.
    #[cfg(feature = "tls")]
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Takes over what the system reports.
    pub(super) fn update(&mut self, report: Report) {
        self.raw.is_ending |= report.is_ending;
        self.raw.is_readable |= report.is_readable || self.raw.is_ending;
        self.raw.is_full = false;
        #[cfg(feature = "tls")]
        self.send_unsent();
    }

    /// Assumes that the socket can be read and written, whatever the system has reported.
    pub(super) fn assume_ready(&mut self) {
        self.raw.is_readable = true;
        self.raw.is_full = false;
        #[cfg(feature = "tls")]
        self.send_unsent();
    }

    /// Writes what TLS has left. The session may have no bytes of its own to write.
    #[cfg(feature = "tls")]
    fn send_unsent(&mut self) {
        if let Some(tls) = &mut self.tls
            && tls.has_unsent()
        {
            // The next write reports a failure, or the next read finds the end.
            let _ = tls.flush(&mut self.raw);
            if self.is_shutting_down && !tls.has_unsent() {
                let _ = self.raw.stream.shut_down_writing();
            }
        }
    }
}

impl RawSocket {
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

impl Read for RawSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_by(buffer.len(), |stream| stream.read(buffer))
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = slices.iter().map(|slice| slice.len()).sum();
        self.read_by(room, |stream| stream.read_vectored(slices))
    }
}

impl Write for RawSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_last {
            return self.write_vectored(&[IoSlice::new(bytes)]);
        }
        self.write_by(bytes.len(), |stream| stream.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let (len, is_last) = (slices.iter().map(|slice| slice.len()).sum(), self.is_last);
        self.write_by(len, |stream| if is_last { stream.write_last(slices) } else { stream.write_vectored(slices) })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.raw, &mut [IoSliceMut::new(buffer)]);
        }
        self.raw.read(buffer)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.raw, slices);
        }
        self.raw.read_vectored(slices)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.raw, &[IoSlice::new(bytes)]);
        }
        self.raw.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.raw, slices);
        }
        self.raw.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.raw.flush()
    }
}

#[cfg(not(feature = "tls"))]
impl ByteStream for Socket {
    fn is_readable(&self) -> bool {
        self.raw.is_readable
    }

    fn is_ending(&self) -> bool {
        self.raw.is_ending
    }

    fn expect_end(&mut self) {
        self.raw.is_last = true;
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.raw.stream.shut_down_writing()
    }

    fn close(&mut self) {
        self.is_closed = true;
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

#[cfg(feature = "tls")]
impl ByteStream for Socket {
    fn is_readable(&self) -> bool {
        self.raw.is_readable || self.tls.as_ref().is_some_and(|tls| tls.has_ended())
    }

    fn is_ending(&self) -> bool {
        self.raw.is_ending || self.tls.as_ref().is_some_and(|tls| tls.has_ended())
    }

    fn expect_end(&mut self) {
        self.raw.is_last = true;
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.end_output(&mut self.raw)?;
            self.is_shutting_down = true;
            if tls.has_unsent() {
                return Ok(());
            }
        }
        self.raw.stream.shut_down_writing()
    }

    fn close(&mut self) {
        self.is_closed = true;
        // Without a part of a record before it, the client sees that nothing is missing.
        if let Some(tls) = self.tls.as_mut().filter(|tls| !tls.has_unsent()) {
            let _ = tls.end_output(&mut self.raw);
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn held(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.held())
    }

    fn discard_input(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.discard_input();
        }
    }

    fn encrypted(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.encrypted())
    }

    fn take_heard(&mut self) -> Option<bool> {
        self.tls.as_mut().and_then(|tls| tls.take_heard())
    }
}
