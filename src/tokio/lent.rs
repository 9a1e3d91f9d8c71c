//! Memory that the connections of a thread share: they need it only while they are polled.

use crate::{inbox::Inbox, output::OutputBuffer};
use std::cell::RefCell;

/// The most buffers of a kind that a thread keeps. A connection takes one with it only while it holds bytes back.
const KEPT: usize = 4;

thread_local! {
    static INBOXES: RefCell<Vec<Inbox>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<OutputBuffer>> = const { RefCell::new(Vec::new()) };
}

/// An inbox of 64 KiB.
pub(super) fn take_inbox() -> Inbox {
    INBOXES.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Keeps an inbox that is empty, unless it has grown.
pub(super) fn return_inbox(inbox: Inbox) {
    if inbox.has_grown() {
        return;
    }
    INBOXES.with_borrow_mut(|inboxes| {
        if inboxes.len() < KEPT {
            inboxes.push(inbox);
        }
    });
}

pub(super) fn take_output() -> OutputBuffer {
    OUTPUT.with_borrow_mut(Vec::pop).unwrap_or_default()
}

pub(super) fn return_output(buffer: OutputBuffer) {
    OUTPUT.with_borrow_mut(|buffers| {
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    });
}
