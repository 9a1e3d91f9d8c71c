//! The lines in the log of a test.

use log::{LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
    /// The lines of this test, which runs on a thread of its own.
    static LINES: RefCell<Vec<String>> = RefCell::default();
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {} {}", record.level(), record.target(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// Captures the lines from now on.
pub(super) fn capture() {
    // Another test may have set it.
    let _ = log::set_logger(&Capture);
    log::set_max_level(LevelFilter::Debug);
    LINES.take();
}

/// Takes the captured lines.
pub(super) fn take_lines() -> Vec<String> {
    LINES.take()
}
