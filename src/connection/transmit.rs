//! Group D: what goes to the network, and what becomes of the socket.

use super::{Connection, outgoing::SLICES};
use crate::{output::OutputBuffer, state::Phase};
use std::io::{self, IoSlice};

/// What the driver is to do with the socket. Each is asked for at most once, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketAction {
    /// Shut down writing: the last byte has left. Go on reading until the end of the stream, so that closing does not
    /// reset the connection and take the last bytes with it (RFC 6455 section 7.1.1).
    ShutdownWrite,
    /// Close the socket, and forget the connection.
    Close,
}

impl Connection {
    /// The bytes that wait to be written, as many as lie together; empty only if nothing waits. Say how many were
    /// written with [`advance`](Self::advance).
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.outgoing.output.as_slice()
    }

    /// Fills `slices` with what waits to be written, for a vectored write. Returns how many there are.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role, SharedMessage};
    /// # use std::{io::{IoSlice, Write}, sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// connection.send_text("first")?;
    /// connection.send_shared(&SharedMessage::binary(&[0; 10_000]))?;
    /// let mut slices = [IoSlice::new(&[]); 8];
    /// let count = connection.transmit_slices(&mut slices);
    /// assert_eq!(count, 2, "what is copied, and what is shared");
    /// let written = Vec::new().write_vectored(&slices[..count])?;
    /// connection.advance(written);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transmit_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.outgoing.output.fill(slices)
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outgoing.output.len()
    }

    /// Takes `n` bytes, which have been written, off the front of what [`transmit`](Self::transmit) or
    /// [`transmit_slices`](Self::transmit_slices) has. Call it before any other method that takes `&mut self`: a Pong
    /// may replace one that waits, and an end may discard all that does.
    ///
    /// # Panics
    /// If fewer wait.
    pub fn advance(&mut self, n: usize) {
        if n > 0 {
            self.outgoing.output.advance(n);
            self.clock.bytes_left(self.outgoing.output.is_empty());
        }
    }

    /// Writes what waits, until nothing does or `writer` would block. Returns how many bytes were written.
    ///
    /// # Errors
    /// The writer's, other than [`WouldBlock`](io::ErrorKind::WouldBlock) and
    /// [`Interrupted`](io::ErrorKind::Interrupted); a writer that takes nothing is
    /// [`WriteZero`](io::ErrorKind::WriteZero). What had been written before has been taken off.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// let config = Arc::new(Config::default());
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// connection.send_text("Hello")?;
    /// let mut wire = Vec::new();
    /// connection.write_to(&mut wire)?;
    /// assert_eq!(wire, b"\x81\x05Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_to(&mut self, mut writer: impl io::Write) -> io::Result<usize> {
        let mut written = 0;
        while !self.outgoing.output.is_empty() {
            let first = self.outgoing.output.as_slice();
            let result = if first.len() == self.outgoing.output.len() {
                writer.write(first)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.outgoing.output.fill(&mut slices);
                writer.write_vectored(&slices[..count])
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.advance(n);
                    written += n;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Lends a buffer to queue output in, so that what is queued and written until it is
    /// [reclaimed](Self::reclaim_buffer) allocates nothing. A loop has one for all its connections, as it has one to read
    /// into. Nothing happens if output waits already.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, OutputBuffer, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// let mut buffer = OutputBuffer::default();
    /// # let mut memory = Vec::new();
    /// for _ in 0..2 {
    ///     connection.lend_buffer(&mut buffer);
    ///     connection.send_text("Hello")?;
    /// #   memory.push(connection.transmit().as_ptr());
    ///     connection.write_to(std::io::sink())?;
    ///     connection.reclaim_buffer(&mut buffer);
    /// }
    /// # assert_eq!(memory[0], memory[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lend_buffer(&mut self, buffer: &mut OutputBuffer) {
        self.outgoing.output.lend(buffer);
    }

    /// Takes the memory that was [lent](Self::lend_buffer) back into `buffer`. Output that still waits in it moves
    /// to memory of the connection's own. A buffer that has grown beyond 256 KiB comes back smaller.
    pub fn reclaim_buffer(&mut self, buffer: &mut OutputBuffer) {
        self.outgoing.output.reclaim(buffer);
    }

    /// What to do with the socket now. Ask after everything has been written, after events, and after time-outs; each
    /// answer is given once.
    #[must_use]
    pub fn poll_socket(&mut self) -> Option<SocketAction> {
        if self.phase() != Phase::Closed || !self.outgoing.output.is_empty() {
            return None;
        }
        self.transport.poll()
    }

    /// Whether both parties are done, all is written, and the socket has been asked to be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.transport.is_closed()
    }

    /// Has the socket closed, whatever is still queued.
    pub(super) fn close_socket(&mut self) {
        self.outgoing.output.clear();
        self.transport.close_next();
    }
}
