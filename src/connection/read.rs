//! Reading the payload of large messages straight into their memory.

use super::Connection;
use std::{
    io::{self, IoSliceMut},
    time::Instant,
};

/// A frame that lacks fewer bytes than this is read into the buffer, together with the bytes that follow it.
const MIN_DIRECT: u64 = 32 << 10;

/// The bytes that [`Connection::read_from`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BytesRead {
    /// The number of bytes; 0 at the end of the stream.
    pub total: usize,
    /// The number of bytes in the buffer.
    pub in_buffer: usize,
    /// Whether the read left room. A socket fills the room that it gets, so it is empty then. A stream whose
    /// `read_vectored` fills only the first slice may have more.
    pub is_short: bool,
}

/// # B: bytes of the peer, read without a copy
impl Connection {
    /// Reads from `stream` once, into `buffer`. If the current frame of a binary message lacks at least 32 KiB, its
    /// bytes go straight into the memory that the message has reserved, without a copy.
    ///
    /// Then hand the bytes in `buffer` to [`receive`](Self::receive), even if there are none: the message may be
    /// complete. At the end of the stream call [`receive_eof`](Self::receive_eof).
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// let frame = [&[0x82, 127, 0, 0, 0, 0, 0, 2, 0, 0][..], &[7; 0x2_0000]].concat();
    /// let (mut stream, mut buffer) = (frame.as_slice(), vec![0; 64 * 1024]);
    ///
    /// let read = connection.read_from(&mut stream, &mut buffer, now)?;
    /// assert_eq!((read.total, read.in_buffer), (65_536, 65_536));
    /// assert!(connection.receive(&mut &mut buffer[..read.in_buffer], now).is_none());
    /// let read = connection.read_from(&mut stream, &mut buffer, now)?;
    /// assert_eq!((read.total, read.in_buffer), (65_546, 0));
    /// assert!(connection.receive(&mut &mut buffer[..read.in_buffer], now).is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of the stream, [`WouldBlock`](io::ErrorKind::WouldBlock) included. Nothing has been read then.
    pub fn read_from(&mut self, mut stream: impl io::Read, buffer: &mut [u8], now: Instant) -> io::Result<BytesRead> {
        // Bytes in the memory of the message would overtake a rest.
        if self.transport.has_rest() {
            let read = read_into(stream, buffer)?;
            if read.total > 0 {
                self.stamp(now);
                self.clock.bytes_came(now);
            }
            return Ok(read);
        }
        let Some(reader) = self.incoming.reader_mut() else { return read_into(stream, buffer) };
        let Some(room) = reader.spare_mut(MIN_DIRECT) else { return read_into(stream, buffer) };
        let direct = room.len();
        let total = stream.read_vectored(&mut [IoSliceMut::new(room), IoSliceMut::new(buffer)])?;
        if total > 0 {
            reader.commit(total.min(direct));
            self.stamp(now);
            self.clock.bytes_came(now);
        }
        let is_short = total < direct + buffer.len();
        Ok(BytesRead { total, in_buffer: total.saturating_sub(direct), is_short })
    }
}

fn read_into(mut stream: impl io::Read, buffer: &mut [u8]) -> io::Result<BytesRead> {
    let total = stream.read(buffer)?;
    Ok(BytesRead { total, in_buffer: total, is_short: total < buffer.len() })
}
