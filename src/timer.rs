//! The timers of a connection.

use std::fmt;

/// The timers of a connection. Each is named after its field in [`Config`](crate::Config). The list may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// [`Config::opening_timeout`](crate::Config::opening_timeout): the peer's part of the opening handshake.
    Opening,
    /// [`Config::accept_timeout`](crate::Config::accept_timeout): the application's answer to a request.
    Accept,
    /// [`Config::ping_interval`](crate::Config::ping_interval): the next keepalive Ping.
    Ping,
    /// [`Config::pong_timeout`](crate::Config::pong_timeout): a sign of life after a keepalive Ping.
    Pong,
    /// [`Config::idle_timeout`](crate::Config::idle_timeout): the next message, or part of one.
    Idle,
    /// [`Config::message_timeout`](crate::Config::message_timeout): the end of an unfinished message or frame.
    Message,
    /// [`Config::write_timeout`](crate::Config::write_timeout): the writing of the next queued byte.
    Write,
    /// [`Config::drain_timeout`](crate::Config::drain_timeout): the writing of the queued bytes at
    /// [`Config::min_drain_rate`](crate::Config::min_drain_rate).
    Drain,
    /// [`Config::closing_timeout`](crate::Config::closing_timeout): the other party's Close.
    Closing,
    /// [`Config::linger_timeout`](crate::Config::linger_timeout): the peer's end of stream.
    Linger,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 10] = [
        Self::Opening,
        Self::Accept,
        Self::Ping,
        Self::Pong,
        Self::Idle,
        Self::Message,
        Self::Write,
        Self::Drain,
        Self::Closing,
        Self::Linger,
    ];
}

/// The thing that did not happen in time, to follow "timed out:".
impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening handshake",
            Self::Accept => "answer to the request",
            Self::Ping => "next ping",
            Self::Pong => "sign of life after a ping",
            Self::Idle => "next message",
            Self::Message => "end of a message",
            Self::Write => "room to write",
            Self::Drain => "queued bytes, which leave too slowly",
            Self::Closing => "closing handshake",
            Self::Linger => "end of stream",
        })
    }
}
