//! What is known of the transport, and what is left to do with it.

use super::SocketAction;

/// The byte stream under the connection. Each [`SocketAction`] is given out once at most, in order.
#[derive(Debug)]
pub(super) struct Transport {
    input: Input,
    ending: Ending,
}

/// Whether the peer's direction can still bring bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer has ended its direction.
    Ended,
    /// Nothing comes or goes any more.
    Failed,
}

/// The steps left once both parties are done and the output is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// None yet: the parties are not done.
    NotYet,
    /// Shut down writing, read to the end of the stream, close.
    Drain,
    /// Read to the end of the stream, close.
    AwaitEof,
    /// Close.
    Close,
    /// None any more: `Close` has been given out.
    Done,
}

impl Transport {
    pub(super) const NEW: Self = Self { input: Input::Open, ending: Ending::NotYet };

    pub(super) fn is_open(&self) -> bool {
        self.input == Input::Open
    }

    pub(super) fn has_ended(&self) -> bool {
        self.input == Input::Ended
    }

    pub(super) fn has_failed(&self) -> bool {
        self.input == Input::Failed
    }

    /// Nothing more comes in.
    pub(super) fn end_input(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Ended;
        }
    }

    /// Nothing more comes in or goes out.
    pub(super) fn fail(&mut self) {
        self.input = Input::Failed;
    }

    /// Both parties are done.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Close next, whatever was left to do.
    pub(super) fn close_next(&mut self) {
        if self.ending != Ending::Done {
            self.ending = Ending::Close;
        }
    }

    /// The next step, if it can be taken now. The output must be empty.
    pub(super) fn poll(&mut self) -> Option<SocketAction> {
        match (self.ending, self.input) {
            (Ending::Done | Ending::NotYet, _) => None,
            (Ending::Close, _) | (_, Input::Ended | Input::Failed) => {
                self.ending = Ending::Done;
                Some(SocketAction::Close)
            }
            (Ending::Drain, Input::Open) => {
                self.ending = Ending::AwaitEof;
                Some(SocketAction::ShutdownWrite)
            }
            (Ending::AwaitEof, Input::Open) => None,
        }
    }

    /// Whether nothing is left to do but to close it, if that.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.ending, Ending::Close | Ending::Done)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.ending == Ending::Done
    }
}
