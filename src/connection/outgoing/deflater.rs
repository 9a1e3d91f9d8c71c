//! The settings and the state of compression.

use crate::deflate::{
    Deflate, Direction, Window,
    compress::{Sending, can_share},
    engines::Engines,
};

/// The settings by which this end compresses: the agreement, and its own options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    pub(crate) local: Direction,
    pub(crate) options: Deflate,
}

impl Compression {
    /// The sent text that this end keeps, so that later messages can refer to it.
    pub(super) fn history(self) -> Window {
        self.options.sent_history(self.local.history())
    }

    /// Whether compression may pay for `payload`.
    pub(super) fn is_worth(self, payload: &[u8]) -> bool {
        !payload.is_empty() && payload.len() >= self.options.threshold(self.history())
    }

    /// Whether `payload` leaves in a compressed frame that other connections send too, if that is shorter.
    pub(crate) fn may_share(self, payload: &[u8]) -> bool {
        payload.len() >= self.options.threshold(Window::None) && can_share(self.local.bits(), payload.len())
    }
}

/// The state of a connection that compresses its messages. It is made for the first one, and without context takeover
/// for each.
#[derive(Debug)]
pub(super) struct Deflater {
    pub(super) sending: Sending,
    /// The engines, if the driver lends none.
    pub(super) own: Option<Box<Engines>>,
    /// The fragmented message in progress is compressed.
    pub(super) is_mid_message: bool,
    /// A message has been compressed since the last `forget_if_unused`.
    pub(super) is_used: bool,
}

impl Deflater {
    pub(super) fn new(how: Compression) -> Self {
        let sending = Sending::new(how.options.level(), how.local.bits(), how.history().bits());
        Self { sending, own: None, is_mid_message: false, is_used: false }
    }

    /// Whether the next message needs nothing of it.
    pub(super) const fn is_idle(&self) -> bool {
        !self.sending.has_takeover() && !self.is_mid_message && self.own.is_none()
    }
}
