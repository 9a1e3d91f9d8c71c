//! What an end was told and has done, for the rules to judge.

use super::script::Ending;
use statesocket::{Disconnect, Message, Phase, SocketAction, Timer};

#[derive(Debug, Default)]
pub(super) struct Record {
    /// The messages that were handed out whole.
    pub(super) received: Vec<Message<'static>>,
    /// The message whose chunks have begun to come.
    pub(super) partial: Option<Partial>,
    pub(super) pings: Vec<Vec<u8>>,
    pub(super) pongs: Vec<Vec<u8>>,
    pub(super) accepted: usize,
    /// The status and the body of a rejection.
    pub(super) rejected: Vec<(u16, Vec<u8>)>,
    pub(super) requests: usize,
    pub(super) disconnects: Vec<Disconnect>,
    pub(super) events_after_disconnect: usize,
    /// The messages whose last frame was taken by the connection.
    pub(super) sent: Vec<Message<'static>>,
    /// What is to be on the wire behind the head, in order.
    pub(super) due: Vec<Due>,
    /// What the application said to close with, if it was the one to close.
    pub(super) ended_with: Option<Ending>,
    pub(super) socket_actions: Vec<SocketAction>,
    pub(super) fired: Vec<Timer>,
    pub(super) has_opened: bool,
    pub(super) refused: usize,
    /// How it stands at the end.
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

/// A frame that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Data {
        opcode: u8,
        is_final: bool,
        len: usize,
    },
    Ping(Vec<u8>),
    /// A Ping that the connection sends by itself.
    Keepalive,
    /// A Pong; one that is superseded by the next may be left out.
    Pong {
        payload: Vec<u8>,
        is_superseded: bool,
    },
    Close,
}

/// So many Pings in a row are each answered.
const MAX_PONGS: usize = 16;

impl Record {
    /// A Ping came, while `waiting` Pongs had been queued since the output was last empty.
    pub(super) fn pong_is_due(&mut self, payload: Vec<u8>, waiting: usize) {
        if waiting >= MAX_PONGS {
            let last = self.due.iter_mut().rev().find_map(|due| match due {
                Due::Pong { is_superseded, .. } => Some(is_superseded),
                Due::Data { .. } | Due::Ping(_) | Due::Keepalive | Due::Close => None,
            });
            *last.expect("there are Pongs that wait") = true;
        }
        self.due.push(Due::Pong { payload, is_superseded: false });
    }

    pub(super) fn close_is_due(&mut self) {
        if !self.due.contains(&Due::Close) {
            self.due.push(Due::Close);
        }
    }
}
