//! Group B: reading large messages to where they are put together.

use super::{Connection, Incoming};
use std::{
    io::{self, IoSliceMut},
    time::Instant,
};

/// What lacks fewer bytes is read into the buffer, with what follows it.
const MIN_DIRECT: u64 = 32 << 10;

/// What [`Connection::read_from`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BytesRead {
    /// How many bytes have come; none at the end of the stream.
    pub total: usize,
    /// How many of them lie in the buffer.
    pub in_buffer: usize,
    /// Whether there was room for more. A socket, which fills all the room that it is given, has then been read empty;
    /// a stream whose `read_vectored` fills only a part of it may not have been.
    pub is_short: bool,
}

impl Connection {
    /// Reads from `stream` once, into `buffer`; but what a large binary message lacks goes straight to where it is put
    /// together, so that it is not copied. Hand in what lies in `buffer` then, with [`receive`](Self::receive), even if
    /// that is nothing: the message may be whole. At the end of the stream call [`receive_eof`](Self::receive_eof).
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
    /// The stream's; nothing has been read then.
    pub fn read_from(&mut self, mut stream: impl io::Read, buffer: &mut [u8], now: Instant) -> io::Result<BytesRead> {
        let Incoming::Frames(reader) = &mut self.incoming else { return read_into(stream, buffer) };
        let Some(room) = reader.room(MIN_DIRECT) else { return read_into(stream, buffer) };
        let direct = room.len();
        let total = stream.read_vectored(&mut [IoSliceMut::new(room), IoSliceMut::new(buffer)])?;
        if total > 0 {
            reader.take_read(total.min(direct));
            self.tell_time(now);
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
