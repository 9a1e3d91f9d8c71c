//! The typed lines.

use mio::{Events, Poll, Registry, Token, Waker};
use std::{
    io::{self, BufRead},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

pub(crate) const SOCKET: Token = Token(0);
const INPUT: Token = Token(1);

/// The typed lines, and the poll that a new line wakes. They outlive a connection.
pub(crate) struct Input {
    poll: Poll,
    /// Kept here too: if only the thread held it, its last wake-up could be lost.
    _waker: Arc<Waker>,
    lines: mpsc::Receiver<String>,
    /// A line that was taken to see whether there is one.
    next: Option<String>,
}

impl Input {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), INPUT)?);
        let kept_waker = Arc::clone(&waker);
        let (sender, lines) = mpsc::sync_channel(64);
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                // Wakes the loop first, since the loop may have to make room.
                if waker.wake().is_err() || sender.send(line).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            drop(sender);
            // If this fails, the loop has ended already.
            let _ = waker.wake();
        });
        Ok(Self { poll, _waker: kept_waker, lines, next: None })
    }

    pub(crate) fn take(&mut self) -> Result<String, mpsc::TryRecvError> {
        self.next.take().map_or_else(|| self.lines.try_recv(), Ok)
    }

    /// Whether no line is left, and none will come.
    pub(crate) fn is_over(&mut self) -> bool {
        let line = self.take();
        let is_over = line == Err(mpsc::TryRecvError::Disconnected);
        self.next = line.ok();
        is_over
    }

    /// The registry of the poll, for the socket.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits until the socket is ready, a line was typed, or the time is over.
    pub(crate) fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for the delay. Returns `false` if the input has ended before.
    pub(crate) fn wait(&mut self, delay: Duration) -> io::Result<bool> {
        let mut events = Events::with_capacity(16);
        let start = Instant::now();
        while let Some(rest) = delay.checked_sub(start.elapsed()).filter(|rest| !rest.is_zero()) {
            self.poll(&mut events, Some(rest))?;
            if self.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
