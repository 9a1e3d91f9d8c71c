//! Memory that the connections of a thread share: they need it only while they are polled.

use crate::{connection::Connection, event::Event, inbox::Inbox, output::OutputBuffer};
use std::{cell::RefCell, time::Instant};

/// The most buffers of a kind that a thread keeps. A connection takes one with it only while it holds bytes back.
const KEPT: usize = 4;

thread_local! {
    static INBOXES: RefCell<Vec<Inbox>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<OutputBuffer>> = const { RefCell::new(Vec::new()) };
}

/// What the thread has lent to a connection.
#[derive(Debug, Default)]
pub(super) struct Lent {
    /// Bytes that have been read and not taken.
    inbox: Option<Inbox>,
    /// What is left of the buffer in which the connection queues output until the next write.
    output: Option<OutputBuffer>,
}

impl Lent {
    /// Whether bytes have been read and not taken.
    pub(super) const fn has_inbox(&self) -> bool {
        self.inbox.is_some()
    }

    /// Whether a buffer for output is lent.
    pub(super) const fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// The next event, where it lies.
    pub(super) fn next_event(&mut self, connection: &mut Connection, now: Instant) -> Option<Event<'_>> {
        match &mut self.inbox {
            Some(inbox) => inbox.next_event(connection, now),
            None => connection.poll_event(),
        }
    }

    /// The next event, with bytes of its own.
    pub(super) fn take_event(&mut self, connection: &mut Connection, now: Instant) -> Option<Event<'static>> {
        let was_lent = self.output.is_some();
        // With the buffer come the engines for compressed messages, which are large.
        if connection.may_compress() {
            self.lend_output(connection);
        }
        let event = match &mut self.inbox {
            Some(inbox) => inbox.next_event(connection, now).map(Event::into_owned),
            None => connection.poll_event(),
        };
        self.return_inbox();
        if !was_lent {
            self.reclaim_output(connection);
        }
        event
    }

    /// Calls `act` with the inbox, which is lent for as long as it holds bytes.
    pub(super) fn with_inbox<R>(&mut self, act: impl FnOnce(&mut Inbox) -> R) -> R {
        let mut inbox = self.inbox.take().unwrap_or_else(take_inbox);
        let result = act(&mut inbox);
        self.inbox = Some(inbox);
        self.return_inbox();
        result
    }

    /// Gives an empty inbox back.
    pub(super) fn return_inbox(&mut self) {
        if let Some(inbox) = self.inbox.take_if(|inbox| inbox.is_empty()) {
            return_inbox(inbox);
        }
    }

    pub(super) fn lend_output(&mut self, connection: &mut Connection) {
        if self.output.is_none() {
            let mut buffer = take_output();
            connection.lend_buffer(&mut buffer);
            self.output = Some(buffer);
        }
    }

    pub(super) fn reclaim_output(&mut self, connection: &mut Connection) {
        if let Some(mut buffer) = self.output.take() {
            connection.reclaim_buffer(&mut buffer);
            return_output(buffer);
        }
    }
}

/// An inbox of 64 KiB.
fn take_inbox() -> Inbox {
    INBOXES.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Keeps an inbox that is empty, unless it has grown.
fn return_inbox(inbox: Inbox) {
    if inbox.has_grown() {
        return;
    }
    INBOXES.with_borrow_mut(|inboxes| {
        if inboxes.len() < KEPT {
            inboxes.push(inbox);
        }
    });
}

fn take_output() -> OutputBuffer {
    OUTPUT.with_borrow_mut(Vec::pop).unwrap_or_default()
}

fn return_output(buffer: OutputBuffer) {
    OUTPUT.with_borrow_mut(|buffers| {
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    });
}
