//! The byte stream of a session, as the system gives it.

#[cfg(feature = "testing")]
use super::memory;
use mio::net::TcpStream;
use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::Shutdown,
};

/// A non-blocking stream.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    #[cfg(feature = "testing")]
    Memory(memory::End),
}

impl Transport {
    /// Has small messages leave at once.
    ///
    /// # Errors
    /// The error of the system. So too in the next method.
    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nodelay(true),
            #[cfg(feature = "testing")]
            Self::Memory(_) => Ok(()),
        }
    }

    /// As `write_vectored`, and the last bytes may wait for the end of our direction: both then leave in one packet.
    pub(super) fn write_last(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => send_last(stream, slices),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.write_vectored(slices),
        }
    }

    /// Ends our direction.
    pub(super) fn shut_down_writing(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(feature = "testing")]
            Self::Memory(end) => {
                end.shut_down_writing();
                Ok(())
            }
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.read(buffer),
        }
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_vectored(slices),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.read_vectored(slices),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(feature = "testing")]
            Self::Memory(end) => end.flush(),
        }
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn send_last(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    // From linux/socket.h. A broken pipe is an error, and no signal.
    const MSG_MORE: i32 = 0x8000;
    const MSG_NOSIGNAL: i32 = 0x4000;
    socket2::SockRef::from(stream).send_vectored_with_flags(slices, MSG_MORE | MSG_NOSIGNAL)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn send_last(mut stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    stream.write_vectored(slices)
}
