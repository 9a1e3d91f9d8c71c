//! The arguments and the results of one step of inflating.

use std::collections::TryReserveError;

/// What ends with the bytes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing: more will come, and these bytes can wait for it.
    Later,
    /// Nothing that the inflater knows, but their plain text is wanted: the frame ends, and chunks are handed out.
    Now,
    /// The message.
    Last,
}

/// What comes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'e> {
    /// Plain text: at most 65,536 bytes, and none if a step ends because of its work. More may come of the same input.
    Piece(&'e [u8]),
    /// All input has been taken, and its plain text has been handed out.
    NeedsInput,
    /// The last plain text of the message, which may be empty: the message is whole.
    End(&'e [u8]),
}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// The payload is not DEFLATE, refers to text that was never sent, or ends within a block.
    Corrupt,
    /// The plain text has more bytes than the limit: this many at least.
    TooLarge {
        /// The bytes that have been inflated.
        size: u64,
    },
    /// There is no memory for it.
    NoMemory,
}

impl From<TryReserveError> for InflateError {
    fn from(_: TryReserveError) -> Self {
        Self::NoMemory
    }
}
