//! The read buffer of a driver.

use crate::{connection::Connection, event::Event};
use std::{
    fmt,
    io::{self, ErrorKind, Read},
    time::Instant,
};

/// The default size of the memory, in bytes.
const DEFAULT_CAPACITY: usize = 64 << 10;

/// The most reads before the end. What a peer has sent before it left fits in far fewer.
const LAST_READS: usize = 64;

/// The read buffer of a driver, for one connection. It keeps the order in which nothing is lost: the bytes that
/// [`receive`](Connection::receive) holds back, then newer bytes, then the end of the stream.
///
/// This loop drives a connection over a blocking stream whose read timeout is short. The timeout lets it look at the
/// deadlines. [`blocking`](crate::blocking) has such a loop for programs that want none of their own. An async loop
/// awaits the stream instead; it reads into [`space`](Self::space), and calls [`fill`](Self::fill).
///
/// ```no_run
/// use statesocket::{Connection, Event, Inbox, SocketAction};
/// use std::{io::{self, ErrorKind}, net::{Shutdown, TcpStream}, time::{Duration, Instant}};
///
/// fn run(
///     connection: &mut Connection,
///     mut stream: TcpStream,
///     mut on_event: impl FnMut(&mut Connection, Event<'_>),
/// ) -> io::Result<()> {
///     stream.set_read_timeout(Some(Duration::from_millis(100)))?;
///     stream.set_write_timeout(Some(Duration::from_millis(100)))?;
///     let mut inbox = Inbox::new();
///     loop {
///         // 1. Write.
///         if connection.write_to(&mut stream).is_err() {
///             inbox.write_failed(connection, &mut stream);
///         }
///         match connection.poll_socket() {
///             Some(SocketAction::Close) => return Ok(()),
///             Some(_) => stream.shutdown(Shutdown::Write).unwrap_or_default(),
///             None => {}
///         }
///         // 2. to 4. Wait, read and react. At a deadline go on while there is more, up to 8 MiB.
///         let before_wait = Instant::now();
///         for _ in 0..128 {
///             let has_read = inbox.wants_read(connection)
///                 && match inbox.read_from(connection, &mut stream, Instant::now()) {
///                     Ok(len) => len > 0,
///                     Err(error) => {
///                         let is_no_failure = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
///                         if !is_no_failure.contains(&error.kind()) {
///                             connection.transport_failed();
///                         }
///                         false
///                     }
///                 };
///             while let Some(event) = inbox.next_event(connection, Instant::now()) {
///                 on_event(connection, event);
///             }
///             if !has_read || !connection.is_due(before_wait) {
///                 break;
///             }
///         }
///         // 5. Pass the time from before the wait. What came before it has been read.
///         inbox.handle_timeout(connection, &mut stream, before_wait);
///         while let Some(event) = inbox.next_event(connection, Instant::now()) {
///             on_event(connection, event);
///         }
///     }
/// }
/// # let _ = |connection: &mut Connection, stream| run(connection, stream, |_, _| {});
/// ```
pub struct Inbox {
    memory: Vec<u8>,
    /// The bytes before it have been taken.
    start: usize,
    /// The bytes before it have come.
    end: usize,
}

impl Inbox {
    /// An inbox with 64 KiB of memory.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An inbox with `capacity` bytes of memory, but at least one.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { memory: vec![0; capacity.max(1)], start: 0, end: 0 }
    }

    /// Whether no byte is held back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether it has more memory than a new one.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_grown(&self) -> bool {
        self.memory.len() > DEFAULT_CAPACITY
    }

    /// Whether to read now: [`Connection::wants_read`], unless bytes are held back.
    #[must_use]
    pub fn wants_read(&self, connection: &Connection) -> bool {
        self.is_empty() && connection.wants_read()
    }

    /// Reads from `stream` once, as [`Connection::read_from`] does, and tells the connection if the stream has ended.
    /// Returns the number of bytes read. Take the events with [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// The error of the stream, [`WouldBlock`](ErrorKind::WouldBlock) included. Nothing has been read then.
    pub fn read_from(&mut self, connection: &mut Connection, mut stream: impl Read, now: Instant) -> io::Result<usize> {
        let was_empty = self.is_empty();
        self.make_space();
        let space = &mut self.memory[self.end..];
        let (total, in_space) = if was_empty {
            let read = connection.read_from(stream, space, now)?;
            (read.total, read.in_buffer)
        } else {
            // The connection has not seen the bytes before these, which may belong to the same message.
            let len = stream.read(space)?;
            (len, len)
        };
        self.end += in_space;
        if total == 0 {
            connection.receive_eof();
        }
        Ok(total)
    }

    /// The memory to read into; never empty. Then call [`fill`](Self::fill), or
    /// [`receive_eof`](Connection::receive_eof) at the end of the stream.
    ///
    /// ```
    /// # use statesocket::{Agreed, Config, Connection, Event, Inbox, Role};
    /// # use std::{io::Read, sync::Arc, time::Instant};
    /// # let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// # let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// # let mut stream = &b"\x81\x05Hello"[..];
    /// let mut inbox = Inbox::new();
    /// let len = stream.read(inbox.space())?;
    /// inbox.fill(len);
    /// while let Some(event) = inbox.next_event(&mut connection, now) {
    ///     assert!(matches!(event, Event::Message(message) if message.as_text() == Some("Hello")));
    /// }
    /// # assert!(inbox.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn space(&mut self) -> &mut [u8] {
        self.make_space();
        &mut self.memory[self.end..]
    }

    /// Notes that `len` bytes were read into [`space`](Self::space).
    ///
    /// # Panics
    /// If the space has fewer than `len` bytes.
    pub fn fill(&mut self, len: usize) {
        let space = self.memory.len() - self.end;
        assert!(len <= space, "cannot fill {len} bytes: the space has {space}");
        self.end += len;
    }

    /// The next event, as [`Connection::receive`] returns it. After `None`, bytes may be held back, until
    /// [`held_by`](Connection::held_by) names no reason.
    pub fn next_event(&mut self, connection: &mut Connection, now: Instant) -> Option<Event<'_>> {
        let mut input = &mut self.memory[self.start..self.end];
        let event = connection.receive(&mut input, now);
        self.start = self.end - input.len();
        event
    }

    /// Ends the connection because a write has failed. Reads what the peer sent before it left: its Close has the code
    /// that matters, which is lost otherwise. Takes at most 64 reads from `stream`, none that would block, and none
    /// for which there is no memory. Then it calls [`transport_failed`](Connection::transport_failed), after which
    /// nothing is held back. To keep the error in the cause, call
    /// [`transport_failed_with`](Connection::transport_failed_with) before.
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Event, Inbox, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let (config, now) = (Arc::new(Config::default()), Instant::now());
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), config, now);
    /// let (mut inbox, left_by_the_peer) = (Inbox::new(), b"\x88\x02\x03\xF0");
    /// connection.send_text("cannot be written")?;
    /// inbox.write_failed(&mut connection, &left_by_the_peer[..]);
    /// let Some(Event::Disconnect(end)) = inbox.next_event(&mut connection, now) else { panic!() };
    /// assert_eq!(u16::from(end.code), 1008);
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    pub fn write_failed(&mut self, connection: &mut Connection, stream: impl Read) {
        self.read_last(stream);
        connection.transport_failed();
    }

    /// Passes the time, as [`Connection::handle_timeout`] does. Use it in place of that.
    ///
    /// If [`Timer::Write`](crate::Timer::Write) or [`Timer::Drain`](crate::Timer::Drain) is about to end a connection
    /// that [holds](Connection::held_by) the peer's bytes back, it first reads them as
    /// [`write_failed`](Self::write_failed) does: the peer's Close has the code that matters. Take the events with
    /// [`next_event`](Self::next_event).
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Event, Hold, Inbox, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Config::default().with(|config| config.ping_interval = None);
    /// let now = Instant::now();
    /// let mut connection = Connection::established(Role::Server, Agreed::new(), Arc::new(config), now);
    /// let (mut inbox, left_in_the_stream) = (Inbox::new(), b"\x88\x82\0\0\0\0\x03\xF0");
    /// connection.send_binary(&[7; 100_000])?;
    /// assert_eq!(connection.held_by(), Some(Hold::Output), "nothing is read");
    /// let (deadline, _) = connection.poll_timeout(now).expect("the output has a deadline");
    /// inbox.handle_timeout(&mut connection, &left_in_the_stream[..], deadline);
    /// let Some(Event::Disconnect(end)) = inbox.next_event(&mut connection, deadline) else { panic!() };
    /// assert_eq!(u16::from(end.code), 1008);
    /// # Ok::<(), statesocket::SendError>(())
    /// ```
    pub fn handle_timeout(&mut self, connection: &mut Connection, stream: impl Read, now: Instant) {
        if connection.gives_up_unread(now) {
            self.read_last(stream);
            // The connection takes nothing yet, but has to know of them.
            let event = self.next_event(connection, now);
            debug_assert!(event.is_none(), "a hold hands out nothing: {event:?}");
        }
        connection.handle_timeout(now);
    }

    /// Reads what the peer has sent before the end.
    fn read_last(&mut self, mut stream: impl Read) {
        for _ in 0..LAST_READS {
            // The peer decides how much is left. Without memory for it, the rest is lost, as the stream is.
            if !self.has_space() && self.memory.try_reserve(self.growth()).is_err() {
                break;
            }
            match stream.read(self.space()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(len) => self.fill(len),
            }
        }
    }

    /// Makes room behind the bytes that are held back.
    fn make_space(&mut self) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        } else if !self.has_space() {
            self.memory.resize(self.end + self.growth(), 0);
        }
    }

    /// Whether there is room for more bytes, behind those that are held back or in their place.
    const fn has_space(&self) -> bool {
        self.is_empty() || self.end < self.memory.len()
    }

    /// The number of bytes by which the memory grows.
    fn growth(&self) -> usize {
        DEFAULT_CAPACITY.min(self.end)
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("held_back", &(self.end - self.start))
            .field("capacity", &self.memory.len())
            .finish()
    }
}
