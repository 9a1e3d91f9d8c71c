//! Takes the place of a socket: the same bytes for every implementation, without a kernel.

use bytes::BufMut;
use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The function that callgrind does not count: it copies in the place of the kernel.
pub const KERNEL: &str = "*copy_as_the_kernel*";

/// A socket whose peer has sent `wire`, and takes everything that is written.
pub struct Socket {
    wire: Vec<u8>,
    /// Bytes that arrive at a time.
    arrival: usize,
    arrived: Cell<usize>,
    read: Cell<usize>,
    is_watched: Cell<bool>,
    seen: RefCell<Seen>,
}

/// The records of a watched socket.
#[derive(Default)]
pub struct Seen {
    /// Whether each is text, and its payload.
    pub messages: Vec<(bool, Vec<u8>)>,
    pub output: Vec<u8>,
    pub writes: usize,
}

impl Socket {
    pub fn new(wire: Vec<u8>, arrival: usize) -> Rc<Self> {
        Rc::new(Self {
            wire,
            arrival,
            arrived: Cell::new(0),
            read: Cell::new(0),
            is_watched: Cell::new(false),
            seen: RefCell::default(),
        })
    }

    /// Makes all of `wire` arrive again.
    pub fn rewind(&self) {
        self.arrived.set(0);
        self.read.set(0);
    }

    /// Makes more bytes arrive. Returns whether there are any.
    pub fn wake(&self) -> bool {
        debug_assert_eq!(self.read.get(), self.arrived.get(), "everything that has arrived is read");
        let before = self.arrived.get();
        self.arrived.set((before + self.arrival).min(self.wire.len()));
        self.arrived.get() > before
    }

    /// Records messages and writes during `work`.
    pub fn watch<R>(&self, work: impl FnOnce() -> R) -> (R, Seen) {
        self.is_watched.set(true);
        let result = work();
        self.is_watched.set(false);
        (result, self.seen.take())
    }

    /// Bytes that have arrived and are not read.
    pub fn readable(&self) -> usize {
        self.arrived.get() - self.read.get()
    }

    /// Reads as much as has arrived and fits into `buffer`.
    pub fn read(&self, buffer: &mut impl BufMut) -> usize {
        let len = self.readable().min(buffer.remaining_mut());
        let from = self.read.get();
        let bytes = &self.wire[from..from + len];
        if self.is_watched.get() {
            buffer.put_slice(bytes);
        } else {
            copy_as_the_kernel(bytes, buffer);
        }
        self.read.set(from + len);
        len
    }

    #[inline]
    pub fn write(&self, bytes: &[u8]) {
        if self.is_watched.get() {
            let mut seen = self.seen.borrow_mut();
            seen.output.extend(bytes);
            seen.writes += 1;
        } else {
            black_box(bytes);
        }
    }

    /// Writes `output`, and empties it.
    #[inline]
    pub fn drain(&self, output: &mut Vec<u8>) {
        self.write(output);
        output.clear();
    }

    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> usize {
        if self.is_watched.get() {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.write(&bytes);
        } else {
            black_box(slices);
        }
        slices.iter().map(|slice| slice.len()).sum()
    }

    /// Takes a message in the place of the program.
    #[inline(always)]
    pub fn deliver(&self, is_text: bool, payload: &[u8]) {
        if self.is_watched.get() {
            self.record(is_text, payload);
        } else {
            black_box((is_text, payload));
        }
    }

    #[cold]
    fn record(&self, is_text: bool, payload: &[u8]) {
        self.seen.borrow_mut().messages.push((is_text, payload.to_vec()));
    }
}

#[inline(never)]
fn copy_as_the_kernel(bytes: &[u8], buffer: &mut impl BufMut) {
    buffer.put_slice(bytes);
}

/// A socket with the traits of std and of tokio. Nothing ever wakes a task.
pub struct Stream(pub Rc<Socket>);

impl io::Read for Stream {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(&mut buffer) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.0.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0.read(buffer) {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.0.write_vectored(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
