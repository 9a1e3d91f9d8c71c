//! The bytes that clients send, and those that must come back, made beforehand.

use crate::workload::Workload;
use statesocket::Role;
use statesocket_benches::wire::{frames, payload};
use std::ops::Range;

/// Bytes per read.
pub const READ: usize = 256 << 10;

/// Bytes after which the messages repeat: few, so that they stay in the caches of the load's CPU.
const PERIOD: usize = 4 << 10;

/// The first byte of a Ping.
const PING: u8 = 0x89;

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    WebSocket,
    /// WebSocket over TLS.
    #[cfg(feature = "tls")]
    Secure,
    /// The server returns every byte as it is.
    Bytes,
}

/// A periodic stream of numbered messages of one length.
pub struct Traffic {
    pub dialect: Dialect,
    pub request_len: usize,
    pub reply_len: usize,
    /// The number of messages in one period.
    pub period: usize,
    /// One period, and behind it as much as may be taken from its last byte on.
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
            Dialect::Bytes => request.clone(),
            _ => messages.iter().map(|it| frames(kind, it, 1, Role::Client)).collect(),
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

    /// The bytes to send in `range`, which is at most as long as the messages in flight.
    pub fn requests(&self, range: Range<usize>) -> &[u8] {
        let start = range.start % (self.period * self.request_len);
        &self.requests[start..][..range.len()]
    }

    /// The bytes that must come back in `range`, which is at most [`READ`] long.
    pub fn replies(&self, range: Range<usize>) -> &[u8] {
        let start = range.start % (self.period * self.reply_len);
        &self.replies[start..][..range.len()]
    }

    fn check(&self, start: usize, bytes: &[u8]) -> Result<(), String> {
        let expected = self.replies(start..start + bytes.len());
        if bytes == expected {
            return Ok(());
        }
        let wrong = (0..bytes.len()).find(|i| bytes[*i] != expected[*i]).expect("the bytes differ");
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

/// The position of a client in the replies.
#[derive(Default)]
pub struct Received {
    /// Bytes, counted from the start of the stream of messages.
    pub len: usize,
    /// The first bytes of a Ping, if it is incomplete.
    ping: Vec<u8>,
}

impl Received {
    pub fn from(len: usize) -> Self {
        Self { len, ..Self::default() }
    }

    /// Takes the next bytes, and compares them. A Ping may precede a reply; no connection lives long enough to have to
    /// answer it.
    ///
    /// # Errors
    /// The first wrong byte.
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

    /// Returns the bytes behind the Ping.
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

/// `period`, and `more` bytes of its repetition.
fn repeat(period: &[u8], more: usize) -> Vec<u8> {
    period.iter().copied().cycle().take(period.len() + more).collect()
}
