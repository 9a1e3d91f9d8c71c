//! Drives a connection over an async stream by the five steps: write, wait, read, react, pass the time.

mod writing;

use super::{
    adapter::Polled,
    alarm::{Alarm, now},
    lent::Lent,
};
use crate::{
    connection::Connection,
    error::SendError,
    event::{Disconnect, Event},
    inbox::Inbox,
    message::Message,
    role::Role,
    state::{Action, Phase},
};
use std::{
    future::poll_fn,
    io::ErrorKind,
    mem,
    pin::pin,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::coop,
};

/// The most reads before the deadlines are looked at, so that a peer that never stops sending does not stop the clock.
/// They empty the buffer that a system has for a socket.
const READS_PER_DEADLINE: u8 = 128;

/// A connection, its stream, and what lies between them. No poll takes anything that it does not hand out, so a future
/// of these polls can be dropped at any time.
#[derive(Debug)]
pub(super) struct Driver<T> {
    pub(super) connection: Connection,
    pub(super) stream: T,
    lent: Lent,
    alarm: Alarm,
    /// The stream may hold back bytes that it has taken, as TLS does.
    needs_flush: bool,
    /// The shutdown of writing has begun.
    is_shutting_down: bool,
    /// Reading is paused because a sender waits, and not by the program.
    is_sending: bool,
    /// The reads since the last look at the deadlines.
    reads: u8,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    pub(super) fn new(stream: T, connection: Connection) -> Self {
        let (lent, alarm) = (Lent::default(), Alarm::default());
        let (needs_flush, is_shutting_down, is_sending) = (false, false, false);
        Self { connection, stream, lent, alarm, needs_flush, is_shutting_down, is_sending, reads: 0 }
    }

    /// The next event; `None` once everything has been written and the stream is done with.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event<'static>>> {
        self.resume();
        // What a read brings has the time before it. One look at the clock per message is enough.
        let (mut time, mut is_fresh) = (now(), true);
        loop {
            // A read may bring thousands of messages, which cost no poll of the stream.
            let budget = ready!(coop::poll_proceed(cx));
            if let Some(event) = self.lent.take_event(&mut self.connection, time) {
                budget.made_progress();
                return Poll::Ready(Some(event));
            }
            drop(budget);
            if !mem::take(&mut is_fresh) {
                time = now();
            }
            if !ready!(self.poll_progress(cx, time)) {
                return Poll::Ready(None);
            }
        }
    }

    /// The next message, or the end.
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message<'static>, Disconnect>> {
        loop {
            match ready!(self.poll_event(cx)) {
                Some(Event::Message(message)) => return Poll::Ready(Ok(message)),
                // The program has to answer first.
                Some(Event::Disconnect(end)) if self.connection.can(Action::Close) => return Poll::Ready(Err(*end)),
                Some(_) => {}
                None => return Poll::Ready(Err(self.end())),
            }
        }
    }

    /// How a connection ended that is finished.
    pub(super) fn end(&self) -> Disconnect {
        self.connection.disconnected().cloned().expect("a connection reports its end before it closes the socket")
    }

    /// Has `on_event` handle each event where it lies; ready once everything has been written and the stream is done
    /// with.
    pub(super) fn poll_drive(
        &mut self,
        cx: &mut Context<'_>,
        on_event: &mut impl FnMut(&mut Connection, Event<'_>),
    ) -> Poll<()> {
        self.resume();
        let (mut time, mut is_fresh) = (now(), true);
        loop {
            self.lend();
            loop {
                let Poll::Ready(budget) = coop::poll_proceed(cx) else {
                    self.reclaim();
                    return Poll::Pending;
                };
                let Some(event) = self.lent.next_event(&mut self.connection, time) else { break };
                is_fresh = false;
                budget.made_progress();
                on_event(&mut self.connection, event);
            }
            self.lent.return_inbox();
            if !mem::take(&mut is_fresh) {
                time = now();
            }
            if !ready!(self.poll_progress(cx, time)) {
                return Poll::Ready(());
            }
        }
    }

    /// Writes and passes the time, but takes no event. Never ready.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while ready!(self.poll_progress(cx, now())) {}
        Poll::Pending
    }

    /// Sends the message once there is room for it, and writes as much as the stream takes at once.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message<'_>>,
    ) -> Poll<Result<(), SendError>> {
        let len = message.as_ref().map_or(0, Message::len);
        ready!(self.poll_room(cx, len));
        let message = message.take().expect("a future is not polled after it was ready");
        Poll::Ready(self.send_now(cx, message))
    }

    /// Passes the time. Before the output ends the connection, takes what was held back.
    fn handle_timeout(&mut self, cx: &mut Context<'_>, now: Instant) {
        if self.connection.gives_up_unread(now) {
            self.read_last(cx, |inbox, connection, stream| inbox.handle_timeout(connection, stream, now));
        } else {
            self.connection.handle_timeout(now);
        }
    }

    /// Has `end` read before the end, even if the task has used up its budget.
    fn read_last(&mut self, cx: &mut Context<'_>, end: impl Fn(&mut Inbox, &mut Connection, Polled<'_, '_, T>)) {
        self.lent.with_inbox(|inbox| {
            let read = coop::unconstrained(poll_fn(|cx| {
                end(inbox, &mut self.connection, Polled::new(&mut self.stream, cx));
                Poll::Ready(())
            }));
            let _ = pin!(read).poll(cx);
        });
    }

    /// Writes, reads and passes the time. Ready when there may be an event, with `false` if there will be none.
    fn poll_progress(&mut self, cx: &mut Context<'_>, before_wait: Instant) -> Poll<bool> {
        if self.has_output_work() {
            let was_held = self.is_held();
            // Before the wait everything that is queued leaves. What does not leave wakes the task later.
            let written = self.poll_output(cx);
            // Nothing else says that the output which held the peer's bytes back has left.
            if matches!(written, Poll::Ready(Err(_))) || (was_held && !self.is_held()) {
                return Poll::Ready(true);
            }
            if self.connection.is_finished() {
                return Poll::Ready(false);
            }
        }
        if self.reads == READS_PER_DEADLINE {
            self.reads = 0;
            if self.connection.is_due(before_wait) {
                self.handle_timeout(cx, before_wait);
                return Poll::Ready(true);
            }
        }
        if self.poll_input(cx, before_wait).is_ready() {
            return Poll::Ready(true);
        }
        self.reads = 0;
        // Without a budget the stream is pending, whatever it has.
        drop(ready!(coop::poll_proceed(cx)));
        // What came before that time has been read.
        self.poll_deadline(cx, before_wait).map(|()| true)
    }

    fn poll_input(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        if self.lent.has_inbox() || !self.connection.wants_read() {
            return Poll::Pending;
        }
        let (connection, stream) = (&mut self.connection, Polled::new(&mut self.stream, cx));
        let result = self.lent.with_inbox(|inbox| inbox.read_from(connection, stream, now));
        match result.map_err(|error| error.kind()) {
            Ok(_) => self.reads += 1,
            Err(ErrorKind::WouldBlock) => return Poll::Pending,
            Err(ErrorKind::Interrupted) => {}
            // A TLS stream that ends without its own goodbye. Only a Close frame makes a clean end, but the body of a
            // rejection may end with the stream.
            Err(ErrorKind::UnexpectedEof) if !self.awaits_response() => self.connection.receive_eof(),
            Err(error) => self.connection.transport_failed_with(error),
        }
        Poll::Ready(())
    }

    /// Whether bytes of the peer are held back.
    fn is_held(&self) -> bool {
        self.connection.held_by().is_some()
    }

    fn awaits_response(&self) -> bool {
        self.connection.role() == Role::Client && matches!(self.connection.phase(), Phase::Idle | Phase::Requested)
    }

    /// Waits for a deadline in place of a sender. Nothing is read before the end, so the peer cannot be late. Ready
    /// when a timer has expired, or there may be something to write.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.connection.is_reading_paused() {
            self.connection.pause_reading();
            self.is_sending = true;
        }
        self.poll_deadline(cx, now())
    }

    /// Ends the pause of a sender.
    pub(super) fn resume(&mut self) {
        if mem::take(&mut self.is_sending) {
            self.connection.resume_reading();
        }
    }

    /// Acts on the deadline, if it has come by `now`. Otherwise ready when it may have come since.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        if self.connection.poll_earlier_timeout(now).is_none() && self.alarm.is_set(now, cx) {
            debug_assert!(
                self.connection.poll_timeout(now).is_none_or(|(deadline, _)| self.alarm.is_by(deadline)),
                "the alarm is never later than the deadline of the connection"
            );
            return Poll::Pending;
        }
        match self.connection.poll_timeout(now) {
            None => Poll::Pending,
            Some((deadline, _)) if deadline <= now => {
                self.handle_timeout(cx, now);
                Poll::Ready(())
            }
            Some((deadline, _)) => self.alarm.poll(deadline, now, cx),
        }
    }

    /// Has the connection queue in the buffer of the thread, until the next write. A program that queues and does not
    /// wait keeps the buffer as long.
    pub(super) fn lend(&mut self) {
        self.lent.lend_output(&mut self.connection);
    }

    fn reclaim(&mut self) {
        self.lent.reclaim_output(&mut self.connection);
    }
}
