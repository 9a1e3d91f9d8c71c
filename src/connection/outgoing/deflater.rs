//! How this end compresses, and what it keeps for that.

use crate::deflate::{Deflate, Direction, Window, compress::Sending, engines::Engines};

/// How this end compresses: what it may, and what it chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    pub(crate) local: Direction,
    pub(crate) options: Deflate,
}

impl Compression {
    /// The text of its messages that this end keeps, to refer to it.
    pub(super) fn history(self) -> Window {
        self.options.sent_history(self.local.history())
    }

    pub(super) fn is_worth(self, payload: &[u8]) -> bool {
        !payload.is_empty() && payload.len() >= self.options.threshold(self.history())
    }
}

/// What a connection keeps to compress its messages; there is none before the first one.
#[derive(Debug)]
pub(super) struct Deflater {
    pub(super) sending: Sending,
    /// The engines, if the driver lends none.
    pub(super) own: Option<Box<Engines>>,
    /// The fragmented message in progress is compressed.
    pub(super) is_mid_message: bool,
    /// A message has been compressed since the last [`forget_if_unused`](Outgoing::forget_if_unused).
    pub(super) is_used: bool,
}

impl Deflater {
    pub(super) fn new(how: Compression) -> Self {
        let sending = Sending::new(how.options.level(), how.local.bits(), how.history().bits());
        Self { sending, own: None, is_mid_message: false, is_used: false }
    }
}
