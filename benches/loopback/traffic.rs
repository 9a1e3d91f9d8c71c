//! The bytes that clients send, made beforehand, and those that must come back.

use crate::workload::Workload;
use statesocket::Role;
use statesocket_benches::wire::{frames, payload};
use std::ops::Range;

/// What is read at a time.
pub const READ: usize = 256 << 10;

/// Bytes of requests after which they repeat: few, so that the load generator finds them in its caches.
const PERIOD: usize = 4 << 10;

/// How a server talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    WebSocket,
    /// It returns every byte as it came.
    Bytes,
}

/// A stream of numbered messages, all of one length, which repeats itself.
pub struct Traffic {
    pub dialect: Dialect,
    pub request_len: usize,
    pub reply_len: usize,
    /// Messages after which it repeats itself.
    pub period: usize,
    /// One period, and as much more as may be asked for from its last byte on.
    requests: Vec<u8>,
    replies: Vec<u8>,
}

impl Traffic {
    pub fn new(workload: &Workload, dialect: Dialect) -> Self {
        let Workload { kind, len, fragments, in_flight, .. } = *workload;
        let period = (PERIOD / len).max(2);
        let mut messages = Vec::new();
        for n in 0..period {
            let mut message = format!("{n:08}").into_bytes();
            message.extend(payload(kind, len - message.len()));
            messages.push(message);
        }
        let request: Vec<_> = messages.iter().map(|it| frames(kind, it, fragments, Role::Server)).collect();
        let reply = match dialect {
            Dialect::WebSocket => messages.iter().map(|it| frames(kind, it, 1, Role::Client)).collect(),
            Dialect::Bytes => request.clone(),
        };
        let (request_len, reply_len) = (request[0].len(), reply[0].len());
        Self {
            dialect,
            request_len,
            reply_len,
            period,
            requests: repeat(&request.concat(), in_flight * request_len),
            replies: repeat(&reply.concat(), READ),
        }
    }

    /// The next bytes, at most of as many messages as are in flight, of what is sent.
    pub fn requests(&self, range: Range<usize>) -> &[u8] {
        let start = range.start % (self.period * self.request_len);
        &self.requests[start..][..range.len()]
    }

    /// The next bytes, at most [`READ`], of what must come back.
    pub fn replies(&self, range: Range<usize>) -> &[u8] {
        let start = range.start % (self.period * self.reply_len);
        &self.replies[start..][..range.len()]
    }

    /// Compares what has come with what should have.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn check(&self, start: usize, bytes: &[u8]) -> Result<(), String> {
        let expected = self.replies(start..start + bytes.len());
        if bytes == expected {
            return Ok(());
        }
        let wrong = (0..bytes.len()).find(|i| bytes[*i] != expected[*i]).expect("they are not the same");
        let (message, at) = ((start + wrong) / self.reply_len, (start + wrong) % self.reply_len);
        let (from, to) = (wrong.saturating_sub(8), (wrong + 8).min(bytes.len()));
        Err(format!(
            "wrong echo: byte {at} of reply {message} is {:#04x}, not {:#04x}: {:02x?} instead of {:02x?}",
            bytes[wrong],
            expected[wrong],
            &bytes[from..to],
            &expected[from..to],
        ))
    }
}

/// `period`, and then the same again until there are `more` bytes.
fn repeat(period: &[u8], more: usize) -> Vec<u8> {
    period.iter().copied().cycle().take(period.len() + more).collect()
}
