//! Output: bytes for the peer, and steps for the socket.

use super::{Connection, outgoing::Marks, transport::SocketAction};
use crate::{output::OutputBuffer, state::Phase};
use std::io::{self, IoSlice};

/// # D: output
impl Connection {
    /// The first queued bytes, as many as are contiguous; empty only if none are queued. After writing them, call
    /// [`advance`](Self::advance) with the number of bytes written.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.outgoing.as_slice()
    }

    /// Fills `slices` with queued bytes, from the front, for a vectored write. Returns the number of slices filled.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role, SharedMessage};
    /// # use std::{io::{IoSlice, Write}, sync::Arc, time::Instant};
    /// # let config = Arc::new(Config::default());
    /// # let mut connection = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
    /// connection.send_text("first")?;
    /// connection.send_shared(&SharedMessage::binary(&[0; 10_000]))?;
    /// let mut slices = [IoSlice::new(&[]); 8];
    /// let count = connection.output_slices(&mut slices);
    /// assert_eq!(count, 2, "the copied bytes and the shared ones");
    /// let written = Vec::new().write_vectored(&slices[..count])?;
    /// connection.advance(written);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn output_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.outgoing.slices_into(slices)
    }

    /// The number of queued bytes.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.outgoing.len()
    }

    /// The memory, in bytes, for what the connection holds for others: queued output; what the peer has sent of a
    /// message that is not complete; during the opening handshake the head, and what follows a request that waits for
    /// its answer. A program with many connections can bound the sum, as `server::Limits::max_buffered_bytes` does.
    ///
    /// Memory that is reserved for a message counts, so it may be more than has come. Bytes that are
    /// [shared](crate::SharedMessage) with other connections count in each of them. Three things do not count: a
    /// waiting request, the connection itself, and the text that it keeps for compression. So an open connection
    /// without an unfinished message and without output has 0.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Role};
    /// # use std::{sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// assert_eq!(connection.buffered_bytes(), 0);
    /// let mut half = *b"\x81\x0AHello";
    /// assert!(connection.receive(&mut &mut half[..], now).is_none());
    /// assert_eq!(connection.buffered_bytes(), 10, "all of the message has its memory");
    /// ```
    #[must_use]
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        self.outgoing.buffered() + self.incoming.buffered()
    }

    /// The memory, in bytes, that is kept between compressed messages: the last text of each direction, to which
    /// later messages may refer (RFC 7692 section 7.1.1), and what belongs to it. It is 0 before the first
    /// compressed message, and without context takeover also afterwards. It is at most the two windows that are
    /// agreed on and that [`Deflate`](crate::Deflate) sets, and 512 bytes. A server counts it in
    /// `server::Limits::max_buffered_bytes`.
    ///
    /// The engines of a connection to which no [buffer is lent](Self::lend_buffer) do not count: up to 0.5 MB per
    /// direction.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Deflate, Role, handshake::{Extension, deflate}};
    /// # use std::{sync::Arc, time::Instant};
    /// # let headers = |value| [(statesocket::http::header::SEC_WEBSOCKET_EXTENSIONS, value)].into_iter().collect();
    /// # let offer = Extension::all(&headers(deflate::offer(&Deflate::default())), 100)?;
    /// # let Some((_, agreed)) = deflate::answer(&offer, &Deflate::default()) else { panic!() };
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let mut connection = Connection::established(Role::Server, Agreed::new().deflate(agreed), config, now);
    /// assert_eq!(connection.kept_bytes(), 0);
    /// connection.send_text(&"Hello ".repeat(100))?;
    /// assert!((600..=4_608).contains(&connection.kept_bytes()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    #[inline]
    pub fn kept_bytes(&self) -> usize {
        self.incoming.kept() + self.outgoing.kept()
    }

    /// Removes the first `n` queued bytes, which have been written. Call it before any other method that takes
    /// `&mut self`: a Pong may replace a queued one, and an end may drop all queued bytes.
    ///
    /// # Panics
    /// If fewer than `n` bytes are queued.
    pub fn advance(&mut self, n: usize) {
        if n > 0 {
            self.outgoing.advance(n, || Marks::new(self.role, &self.config));
            self.note_written(n);
        }
    }

    /// Records that `count` bytes were written.
    pub(super) fn note_written(&mut self, count: usize) {
        self.clock.bytes_written(count, self.outgoing.is_empty());
        if !self.clock.has_pending() && self.outgoing.is_settled() && !self.transport.has_rest() {
            // The queue is empty, as it was at the last stamp.
            self.outgoing.set_edge(false);
        }
    }

    /// Writes queued bytes until none are left or `writer` would block. Returns the number of bytes written.
    ///
    /// # Errors
    /// The error of the writer, except [`WouldBlock`](io::ErrorKind::WouldBlock) and
    /// [`Interrupted`](io::ErrorKind::Interrupted). A writer that takes no bytes gives
    /// [`WriteZero`](io::ErrorKind::WriteZero). Bytes that were written before the error are removed.
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
        while !self.outgoing.is_empty() {
            match self.outgoing.write_once(&mut writer) {
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

    /// Lends a buffer to queue output in. Output that is queued and written before the buffer is
    /// [reclaimed](Self::reclaim_buffer) allocates nothing. A loop has one buffer for all its connections. Nothing is
    /// lent if output is queued already.
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
    /// #   memory.push(connection.output().as_ptr());
    ///     connection.write_to(std::io::sink())?;
    ///     connection.reclaim_buffer(&mut buffer);
    /// }
    /// # assert_eq!(memory[0], memory[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lend_buffer(&mut self, buffer: &mut OutputBuffer) {
        self.outgoing.lend(buffer);
    }

    /// Takes the [lent](Self::lend_buffer) memory back into `buffer`. Output that is still queued in it moves to new
    /// memory, or keeps this one if the system has no other. A buffer that has grown beyond 256 KiB comes back smaller.
    ///
    /// Drop the messages of the turn before. What is kept of them for compression moves then, so that they leave no
    /// holes in the memory of the program.
    pub fn reclaim_buffer(&mut self, buffer: &mut OutputBuffer) {
        self.outgoing.reclaim(buffer);
        #[cfg(feature = "deflate")]
        if self.deflate.is_some() {
            self.settle_kept();
        }
    }

    /// Moves the histories, if they were allocated among messages, which are gone at the end of a turn.
    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn settle_kept(&mut self) {
        self.incoming.settle_kept();
        self.outgoing.settle_kept();
    }

    /// Allows to inflate about `bytes` bytes until the buffer is reclaimed. Beyond that, the rest of a compressed
    /// message stays in the connection, which [has frames](Self::has_frames) and takes no input.
    #[cfg(all(feature = "server", feature = "deflate"))]
    pub(crate) fn allow_inflating(&mut self, bytes: usize) {
        if let Some(spare) = self.outgoing.spare() {
            spare.allow_inflating(bytes);
        }
    }

    /// The next step for the socket, if one is due. Ask after writing, after events, after timeouts, and after commands
    /// that end the connection. Each step is given out once.
    #[must_use]
    pub fn poll_socket(&mut self) -> Option<SocketAction> {
        if self.phase() != Phase::Closed || !self.outgoing.is_empty() {
            return None;
        }
        self.transport.poll()
    }

    /// Whether [`SocketAction::Close`] has been given out: nothing is left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.transport.is_closed()
    }
}

#[cfg(feature = "server")]
impl Connection {
    /// The number of queued bytes up to the last one that your code has queued. Pongs, keepalive Pings and the head of
    /// the handshake may follow.
    pub(crate) fn backlog(&self) -> usize {
        self.outgoing.backlog()
    }

    /// All memory that counts in `server::Limits::max_buffered_bytes`, and the part that only the end of the connection
    /// frees: the text to which the peer may refer.
    #[inline]
    pub(crate) fn held_bytes(&self) -> (usize, usize) {
        #[cfg(feature = "deflate")]
        let (kept, received) = (self.kept_bytes(), self.incoming.kept());
        #[cfg(not(feature = "deflate"))]
        let (kept, received) = (0, 0);
        (self.buffered_bytes() + kept, received)
    }

    /// Gives back what only makes later messages shorter.
    #[cfg(feature = "deflate")]
    pub(crate) fn forget_sent(&mut self) {
        self.outgoing.forget();
    }

    /// Keeps the first `n` queued bytes as they are until they are written, since they are encrypted already. Else a
    /// Pong might replace another one.
    #[cfg(feature = "tls")]
    pub(crate) fn keep_queued(&mut self, n: usize) {
        self.outgoing.keep(n);
    }

    /// How many of the queued bytes other connections may hold too, and the end of the last of them.
    pub(crate) fn shared_output(&self) -> Option<(usize, *const u8)> {
        self.outgoing.shared()
    }
}
