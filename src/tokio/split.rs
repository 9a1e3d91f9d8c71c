//! Halves for several tasks: one mutex, and a waker that wakes all of them.

use super::{driver::Driver, socket::WebSocket};
use crate::{
    close_code::CloseCode,
    connection::Connection,
    error::{CloseError, SendError},
    event::{Disconnect, Event},
    message::Message,
    state::Phase,
};
use std::{
    fmt,
    future::poll_fn,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// The half of a [`WebSocket`] that receives. It drives the connection: while no task awaits one of its methods, no
/// Ping is answered and no timer expires.
pub struct Reader<T>(Arc<Shared<T>>);

/// The half of a [`WebSocket`] that sends. Clones of it send on the same connection. It is also a `Sink`.
pub struct Writer<T> {
    shared: Arc<Shared<T>>,
    /// The `poll_flush` of the sink that was last pending has left bytes in the queue.
    is_flushing: bool,
}

struct Shared<T> {
    driver: Mutex<Driver<T>>,
    wakers: Arc<Wakers>,
    writers: AtomicUsize,
}

/// What writers wait for.
#[derive(Clone, Copy)]
struct Outlook {
    has_room: bool,
    can_send: bool,
    is_written: bool,
}

/// The tasks that wait. A stream keeps one waker per direction, and several tasks may wait for it.
#[derive(Default)]
struct Wakers {
    reader: Mutex<Option<Waker>>,
    writers: Mutex<Vec<Waker>>,
}

impl Wakers {
    fn set_reader(&self, waker: &Waker) {
        let mut reader = lock(&self.reader);
        if !reader.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *reader = Some(waker.clone());
        }
    }

    fn add_writer(&self, waker: &Waker) {
        let mut writers = lock(&self.writers);
        if !writers.iter().any(|known| known.will_wake(waker)) {
            writers.push(waker.clone());
        }
    }

    fn wake_reader(&self) {
        let reader = lock(&self.reader).take();
        reader.into_iter().for_each(Waker::wake);
    }

    fn wake_writers(&self) {
        let writers = mem::take(&mut *lock(&self.writers));
        writers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_reader();
        self.wake_writers();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
    /// Splits the WebSocket in two halves for two tasks, or more.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, tokio::WebSocket};
    /// use std::time::Duration;
    ///
    /// async fn talk() -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut ws = WebSocket::connect(&Connect::new("ws://127.0.0.1:8080/")?, Config::default()).await?;
    ///     // Before the answer has come, nothing can be sent.
    ///     ws.opened().await?;
    ///     let (mut reader, writer) = ws.split();
    ///     tokio::spawn(async move {
    ///         while writer.send("tick").await.is_ok() {
    ///             tokio::time::sleep(Duration::from_secs(1)).await;
    ///         }
    ///     });
    ///     while let Ok(message) = reader.recv().await {
    ///         println!("{message:?}");
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = talk;
    /// ```
    #[must_use]
    pub fn split(mut self) -> (Reader<T>, Writer<T>) {
        self.driver.resume();
        let (driver, wakers, writers) = (Mutex::new(self.driver), Arc::default(), AtomicUsize::new(1));
        let shared = Arc::new(Shared { driver, wakers, writers });
        (Reader(Arc::clone(&shared)), Writer::new(shared))
    }
}

/// A connection is whole between two calls, so a panic of the program within `with` leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Reader<T> {
    /// Waits for the next message, as [`WebSocket::recv`] does.
    ///
    /// # Errors
    /// The end, as there.
    pub async fn recv(&mut self) -> Result<Message<'static>, Disconnect> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits for the next event, as [`WebSocket::event`] does.
    pub async fn event(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.poll_with(cx, Driver::poll_event)).await
    }

    /// Calls `act` with the connection, for its getters and other commands. What they queue leaves at once.
    pub fn with<R>(&mut self, act: impl FnOnce(&mut Connection) -> R) -> R {
        self.0.with(act)
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<Message<'static>, Disconnect>> {
        self.poll_with(cx, Driver::poll_recv)
    }

    /// Writes and passes the time, but takes no event. Never ready.
    pub(super) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_with(cx, Driver::poll_idle)
    }

    /// Whether there is no writer any more. The last one wakes the reader.
    pub(super) fn has_no_writer(&self) -> bool {
        self.0.writers.load(Ordering::Acquire) == 0
    }

    fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let shared = &*self.0;
        let mut driver = lock(&shared.driver);
        let before = Outlook::of(&driver);
        shared.wakers.set_reader(cx.waker());
        let result = poll(&mut driver, &mut Context::from_waker(&shared.waker()));
        shared.wake_writers_since(before, &driver);
        result
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Writer<T> {
    /// Sends a message, as [`WebSocket::send`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| {
            let len = message.as_ref().map_or(0, Message::len);
            self.shared.poll_with_room(cx, len, |driver, cx| {
                driver.send_now(cx, message.take().expect("a future is not polled after it was ready"))
            })
        })
        .await
    }

    /// Waits until everything queued is written.
    ///
    /// # Errors
    /// [`SendError::TransportLost`] if the stream has failed or a timer has expired before.
    pub async fn flush(&self) -> Result<(), SendError> {
        let mut is_flushing = false;
        poll_fn(|cx| self.shared.poll_flush(cx, &mut is_flushing)).await
    }

    /// Queues a Close, which begins the closing handshake. The [`Reader`] sees it to its end.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.with(|connection| connection.close(code, reason))
    }

    /// Calls `act` with the connection, for its getters and other commands. What they queue leaves at once.
    ///
    /// ```
    /// # use statesocket::{State, tokio::Writer};
    /// # use tokio::net::TcpStream;
    /// fn is_open(writer: &Writer<TcpStream>) -> bool {
    ///     writer.with(|connection| connection.client_state()) == State::Connected
    /// }
    /// # let _ = is_open;
    /// ```
    pub fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> R {
        self.shared.with(act)
    }

    /// Ready when there is room for a message, or no message can be sent any more.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_room(cx, 0).map(drop)
    }

    /// Queues a message, which leaves with the next write.
    pub(super) fn queue(&self, message: Message<'_>) -> Result<(), SendError> {
        let mut driver = lock(&self.shared.driver);
        driver.lend();
        driver.connection.send(message)
    }

    /// Ready when everything queued is written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.poll_flush(cx, &mut self.is_flushing)
    }
}

impl<T> Writer<T> {
    const fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, is_flushing: false }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.wakers))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> R {
        let mut driver = lock(&self.driver);
        let before = Outlook::of(&driver);
        let result = act(&mut driver.connection);
        let _ = self.poll_output(&mut driver);
        self.wake_writers_since(before, &driver);
        // The call may have resumed reading, or started a timer.
        self.wakers.wake_reader();
        result
    }

    /// Ready when there is room for a message of `len` bytes, or no message can be sent any more.
    fn poll_room(&self, cx: &mut Context<'_>, len: usize) -> Poll<MutexGuard<'_, Driver<T>>> {
        let mut driver = lock(&self.driver);
        if !driver.has_room(len) && driver.connection.can_send() {
            // First, so that no wake-up of the stream is missed.
            self.wakers.add_writer(cx.waker());
            let before = Outlook::of(&driver);
            let _ = self.poll_output(&mut driver);
            self.wake_writers_since(before, &driver);
            if !driver.has_room(len) && driver.connection.can_send() {
                return Poll::Pending;
            }
        }
        Poll::Ready(driver)
    }

    /// Calls `act` once there is [room](Self::poll_room).
    fn poll_with_room<R>(
        &self,
        cx: &mut Context<'_>,
        len: usize,
        act: impl FnOnce(&mut Driver<T>, &mut Context<'_>) -> R,
    ) -> Poll<R> {
        let mut driver = ready!(self.poll_room(cx, len));
        let before = Outlook::of(&driver);
        let result = act(&mut driver, &mut Context::from_waker(&self.waker()));
        let _ = self.poll_output(&mut driver);
        self.wake_writers_since(before, &driver);
        Poll::Ready(result)
    }

    /// Ready when everything queued is written. `is_flushing` is what one flush knows from one poll to the next.
    fn poll_flush(&self, cx: &mut Context<'_>, is_flushing: &mut bool) -> Poll<Result<(), SendError>> {
        self.wakers.add_writer(cx.waker());
        let mut driver = lock(&self.driver);
        // A timer has dropped the bytes meanwhile.
        let is_lost = *is_flushing
            && driver.connection.output_len() == 0
            && driver.connection.phase() == Phase::Closed
            && !driver.connection.has_closed_cleanly();
        let before = Outlook::of(&driver);
        let written = self.poll_output(&mut driver);
        self.wake_writers_since(before, &driver);
        *is_flushing = driver.connection.output_len() > 0;
        if is_lost { Poll::Ready(Err(SendError::TransportLost)) } else { written }
    }

    /// Writes as much as the stream takes. The reader sees to what is left, and to an end: it has the timers.
    fn poll_output(&self, driver: &mut Driver<T>) -> Poll<Result<(), SendError>> {
        let written = driver.poll_output(&mut Context::from_waker(&self.waker()));
        if !matches!(written, Poll::Ready(Ok(()))) || driver.connection.phase() != Phase::Open {
            self.wakers.wake_reader();
        }
        written
    }

    /// Wakes the writers if what they wait for has come. They are not woken for what was so before: after a Close no
    /// message can be sent, and a flush that is woken for that would be woken by its own poll.
    fn wake_writers_since(&self, before: Outlook, driver: &Driver<T>) {
        let now = Outlook::of(driver);
        if (now.has_room && !before.has_room)
            || (before.can_send && !now.can_send)
            || (now.is_written && !before.is_written)
        {
            self.wakers.wake_writers();
        }
    }
}

impl Outlook {
    fn of<T: AsyncRead + AsyncWrite + Unpin>(driver: &Driver<T>) -> Self {
        let connection = &driver.connection;
        let is_written = connection.output_len() == 0;
        Self { has_room: driver.has_room(0), can_send: connection.can_send(), is_written }
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        self.shared.writers.fetch_add(1, Ordering::Relaxed);
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        if self.shared.writers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.wakers.wake_reader();
        }
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
