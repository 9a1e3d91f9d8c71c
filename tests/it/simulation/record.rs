//! The events and acts of an end, for the rules to judge.

use super::script::Ending;
use statesocket::{Disconnect, Message, Phase, SocketAction, Timer};

#[derive(Debug, Default)]
pub(super) struct Record {
    /// The messages that were reported complete.
    pub(super) received: Vec<Message<'static>>,
    /// The message whose first chunks were reported.
    pub(super) partial: Option<Partial>,
    pub(super) pings: Vec<Vec<u8>>,
    /// The number of Pings that were read and not reported, since a later one came with them.
    pub(super) left_out: usize,
    pub(super) pongs: Vec<Vec<u8>>,
    pub(super) accepted: usize,
    /// The status and the body of a rejection.
    pub(super) rejected: Vec<(u16, Vec<u8>)>,
    pub(super) requests: usize,
    pub(super) disconnects: Vec<Disconnect>,
    pub(super) events_after_disconnect: usize,
    /// The messages whose last frame the connection accepted.
    pub(super) sent: Vec<Message<'static>>,
    /// What must be on the wire behind the head, in order.
    pub(super) due: Vec<Due>,
    /// How the application closed, if it did.
    pub(super) ended_with: Option<Ending>,
    pub(super) socket_actions: Vec<SocketAction>,
    pub(super) fired: Vec<Timer>,
    pub(super) has_opened: bool,
    pub(super) refused: usize,
    /// How often a rest was held back, by a pause and by a full output.
    pub(super) held: [usize; 2],
    /// The final state.
    pub(super) last: Option<Last>,
}

#[derive(Debug)]
pub(super) struct Last {
    pub(super) phase: Phase,
    pub(super) disconnect: Option<Disconnect>,
    pub(super) subprotocol: Option<String>,
}

#[derive(Debug)]
pub(super) struct Partial {
    pub(super) is_text: bool,
    pub(super) bytes: Vec<u8>,
}

impl Partial {
    pub(super) fn new(is_text: bool) -> Self {
        Self { is_text, bytes: Vec::new() }
    }

    pub(super) fn into_message(self) -> Message<'static> {
        if !self.is_text {
            return Message::from(self.bytes);
        }
        String::from_utf8(self.bytes).expect("chunks of text are whole code points").into()
    }
}

/// A frame that must be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Data {
        opcode: u8,
        is_final: bool,
        len: usize,
    },
    Ping(Vec<u8>),
    /// A Ping of the keepalive.
    Keepalive,
    /// A Pong; it may be left out if the next one supersedes it.
    Pong {
        payload: Vec<u8>,
        is_superseded: bool,
    },
    Close,
}

/// This many Pings in a row are each answered.
const MAX_PONGS: usize = 16;

impl Record {
    /// Notes a Ping, with `waiting` Pongs queued since the output was last empty.
    pub(super) fn pong_is_due(&mut self, payload: Vec<u8>, waiting: usize) {
        if waiting >= MAX_PONGS {
            let last = self.due.iter_mut().rev().find_map(|due| match due {
                Due::Pong { is_superseded, .. } => Some(is_superseded),
                Due::Data { .. } | Due::Ping(_) | Due::Keepalive | Due::Close => None,
            });
            *last.expect("Pongs are queued") = true;
        }
        self.due.push(Due::Pong { payload, is_superseded: false });
    }

    pub(super) fn close_is_due(&mut self) {
        if !self.due.contains(&Due::Close) {
            self.due.push(Due::Close);
        }
    }
}
