//! Encrypted bytes that the stream has not taken.

use std::io::{self, ErrorKind, Write};

/// Encrypted bytes that the stream has not taken, and the output that they hold.
///
/// Bytes of the output count as written in proportion to the encrypted ones, and the last of them only when all
/// encrypted ones have been taken. So whoever queues the output sees how fast it leaves, and whether it has left.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// The bytes before it have been taken.
    start: usize,
    batch: Batch,
}

/// The last output that was encrypted.
#[derive(Debug, Default)]
struct Batch {
    /// The number of its encrypted bytes.
    encrypted: usize,
    /// How many of them have been taken.
    taken: usize,
    /// The number of bytes before encryption.
    len: usize,
    /// How many of them have been reported as written.
    reported: usize,
}

impl Unsent {
    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// The number of bytes of the output that are encrypted and not reported as written.
    pub(super) const fn unreported(&self) -> usize {
        self.batch.len - self.batch.reported
    }

    /// The memory, in bytes.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends `len` bytes, which hold no output, for the caller to fill.
    pub(super) fn grow(&mut self, len: usize) -> &mut [u8] {
        let end = self.bytes.len();
        self.bytes.resize(end + len, 0);
        &mut self.bytes[end..]
    }

    /// Keeps what the stream has not `taken` of `encrypted`, which holds `len` bytes of output. Nothing else is left.
    pub(super) fn keep(&mut self, encrypted: &[u8], taken: usize, len: usize) {
        debug_assert!(self.is_empty() && self.unreported() == 0, "what came before has left");
        self.bytes.extend_from_slice(&encrypted[taken..]);
        self.batch = Batch { encrypted: encrypted.len(), taken, len, reported: 0 };
    }

    /// Writes as far as the stream takes the bytes.
    ///
    /// # Errors
    /// The error of the stream, but for `WouldBlock` and `Interrupted`.
    pub(super) fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while !self.is_empty() {
            match stream.write(&self.bytes[self.start..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.start += count;
                    self.batch.taken = self.batch.encrypted.min(self.batch.taken + count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        (self.bytes, self.start) = (Vec::new(), 0);
        Ok(())
    }

    /// The number of bytes of the output that count as written since the last call.
    pub(super) fn take_written(&mut self) -> usize {
        let Batch { encrypted, taken, len, reported } = self.batch;
        // A product of two lengths may need more bits than a length.
        let written = if taken == encrypted { len } else { (len as u64 * taken as u64 / encrypted as u64) as usize };
        self.batch.reported = written;
        written - reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes.
    struct Pipe {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn output_counts_as_written_in_proportion_and_the_last_byte_last() {
        let mut unsent = Unsent::default();
        let encrypted: Vec<u8> = (0..30).collect();
        unsent.keep(&encrypted, 5, 10);
        assert_eq!((unsent.unreported(), unsent.is_empty()), (10, false));
        assert_eq!([(); 2].map(|()| unsent.take_written()), [1, 0]);
        // A record of its own follows, such as an alert.
        unsent.grow(3).fill(99);
        let mut pipe = Pipe { taken: Vec::new(), room: 0 };
        for (room, written) in [(24, 8), (1, 1), (1, 0)] {
            pipe.room = room;
            unsent.write_to(&mut pipe).expect("the pipe does not fail");
            assert_eq!(unsent.take_written(), written, "{room}");
        }
        assert_eq!((unsent.unreported(), unsent.is_empty()), (0, false));
        pipe.room = 10;
        unsent.write_to(&mut pipe).expect("the pipe does not fail");
        assert_eq!(pipe.taken, [&encrypted[5..], &[99; 3]].concat());
        assert_eq!((unsent.is_empty(), unsent.capacity()), (true, 0), "no memory is kept");
    }

    #[test]
    fn a_stream_that_takes_nothing_has_failed() {
        let mut unsent = Unsent::default();
        unsent.grow(1);
        let error = unsent.write_to(&mut &mut [0_u8; 0][..]).expect_err("a slice is full");
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}
