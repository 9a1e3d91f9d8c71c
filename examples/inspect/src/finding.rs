//! What the inspector has found: one item per line of its report.

use crate::{frames::Frame, rules::Violation};
use statesocket::{Phase, Role};
use std::{fmt, net::SocketAddr, time::Duration};

/// Takes the findings, in the order of the capture.
pub type Sink<'a> = &'a mut dyn FnMut(Finding);

/// The packet that the current bytes are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The time since the first packet of the capture.
    pub time: Duration,
    /// The number of the packet, from 1 as in Wireshark; the line of a hex dump.
    pub packet: u64,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The number of the conversation, from 1.
    pub conversation: u64,
    /// When it was found.
    pub moment: Moment,
    /// What was found.
    pub what: What,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A connection begins.
    Begin {
        /// Its two ends; `None` in a hex dump.
        ends: Option<Ends>,
    },
    /// An end has sent the head of a request or a response. The text has its first line, and its headers for WebSocket.
    Head {
        /// The end that has sent it.
        from: Role,
        /// A line each.
        lines: Vec<String>,
    },
    /// An end has sent a frame, or the part of one that the next finding is about.
    Frame {
        /// The end that has sent it.
        from: Role,
        /// The frame.
        frame: Frame,
        /// The beginning of the text that came out of a compressed frame.
        inflated: Option<Vec<u8>>,
    },
    /// The connection has entered a phase.
    Phase {
        /// The phase.
        phase: Phase,
        /// A remark; may be empty.
        detail: String,
    },
    /// The first rule that an end has broken.
    Violation {
        /// The end that has broken it.
        by: Role,
        /// Whether the other end has broken none before.
        is_first: bool,
        /// The rule.
        violation: Violation,
    },
    /// The connection is no WebSocket.
    NotWebSocket {
        /// What it is, as far as its first bytes show.
        seen: String,
    },
    /// What else the reader must know, such as bytes that the capture lacks.
    Note(String),
}

/// The addresses of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The end that has opened the connection.
    pub client: SocketAddr,
    /// The other one.
    pub server: SocketAddr,
}

/// The client first.
impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}, server {}", self.client, self.server)
    }
}

/// The name of an end, for a sentence.
#[must_use]
pub const fn name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}
