//! The bytes that clients send, made beforehand, and those that must come back.

use crate::workload::Workload;
use statesocket::Role;
use statesocket_benches::wire::{frames, payload};
use std::ops::Range;

/// What is read at a time.
pub const READ: usize = 256 << 10;

/// Bytes of requests after which they repeat: few, so that the load generator finds them in its caches.
const PERIOD: usize = 4 << 10;

/// The first byte of a Ping.
const PING: u8 = 0x89;

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

    fn check(&self, start: usize, bytes: &[u8]) -> Result<(), String> {
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

/// How far a client has got with the replies.
#[derive(Default)]
pub struct Received {
    /// Bytes, counted from the beginning of the stream of messages.
    pub len: usize,
    /// What has come of a Ping.
    ping: Vec<u8>,
}

impl Received {
    pub fn from(len: usize) -> Self {
        Self { len, ..Self::default() }
    }

    /// Takes what has come, which must be what should have. A Ping may come before a reply; none lives so long that it
    /// has to be answered.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn take(&mut self, mut bytes: &[u8], traffic: &Traffic) -> Result<(), String> {
        if self.ping.is_empty() && traffic.replies(self.len..self.len + bytes.len()) == bytes {
            self.len += bytes.len();
            return Ok(());
        }
        while !bytes.is_empty() {
            let of_reply = self.len % traffic.reply_len;
            if of_reply == 0 && (bytes[0] == PING || !self.ping.is_empty()) {
                bytes = self.take_ping(bytes);
                continue;
            }
            let (reply, rest) = bytes.split_at(bytes.len().min(traffic.reply_len - of_reply));
            traffic.check(self.len, reply)?;
            self.len += reply.len();
            bytes = rest;
        }
        Ok(())
    }

    /// Returns what follows the Ping.
    fn take_ping<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
        while let [first, rest @ ..] = bytes {
            self.ping.push(*first);
            bytes = rest;
            if self.ping.len() >= 2 && self.ping.len() == 2 + usize::from(self.ping[1]) {
                self.ping.clear();
                break;
            }
        }
        bytes
    }
}

/// `period`, and then the same again until there are `more` bytes.
fn repeat(period: &[u8], more: usize) -> Vec<u8> {
    period.iter().copied().cycle().take(period.len() + more).collect()
}
