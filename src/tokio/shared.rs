//! The driver of several tasks: one mutex, and a waker that wakes all of them.

use super::driver::Driver;
use crate::{connection::Connection, error::SendError, message::Message, state::Phase};
use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// A driver, the tasks that wait for it, and the number of its writers.
pub(super) struct Shared<T> {
    driver: Mutex<Driver<T>>,
    wakers: Arc<Wakers>,
    writers: AtomicUsize,
}

impl<T> Shared<T> {
    /// With one writer.
    pub(super) fn new(driver: Driver<T>) -> Self {
        Self { driver: Mutex::new(driver), wakers: Arc::default(), writers: AtomicUsize::new(1) }
    }

    /// Whether there is no writer any more. The last one wakes the reader.
    pub(super) fn has_no_writer(&self) -> bool {
        self.writers.load(Ordering::Acquire) == 0
    }

    pub(super) fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_writer(&self) {
        if self.writers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wakers.wake_reader();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    /// Polls the driver for the reader.
    pub(super) fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let mut driver = lock(&self.driver);
        let before = Outlook::of(&driver);
        self.wakers.set_reader(cx.waker());
        let result = poll(&mut driver, &mut Context::from_waker(&self.waker()));
        self.wake_writers_since(before, &driver);
        result
    }

    /// Queues a message, which leaves with the next write.
    pub(super) fn queue(&self, message: Message<'_>) -> Result<(), SendError> {
        let mut driver = lock(&self.driver);
        driver.lend();
        driver.connection.send(message)
    }

    /// Calls `act` with the connection. What it queues leaves at once.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> R {
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
    pub(super) fn poll_room(&self, cx: &mut Context<'_>, len: usize) -> Poll<MutexGuard<'_, Driver<T>>> {
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
    pub(super) fn poll_with_room<R>(
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
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>, is_flushing: &mut bool) -> Poll<Result<(), SendError>> {
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

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.wakers))
    }
}

/// What writers wait for.
#[derive(Clone, Copy)]
struct Outlook {
    has_room: bool,
    can_send: bool,
    is_written: bool,
}

impl Outlook {
    fn of<T: AsyncRead + AsyncWrite + Unpin>(driver: &Driver<T>) -> Self {
        let connection = &driver.connection;
        let is_written = connection.output_len() == 0;
        Self { has_room: driver.has_room(0), can_send: connection.can_send(), is_written }
    }
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

/// A connection is whole between two calls, so a panic of the program within `with` leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
