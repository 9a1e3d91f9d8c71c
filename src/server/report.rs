//! What the system reports about a socket.

use mio::{Token, event::Event};

/// A report about the socket that is watched with `token`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) token: Token,
    pub(super) is_readable: bool,
    /// The peer's direction has ended, or the socket has failed.
    pub(super) is_ending: bool,
}

impl From<&Event> for Report {
    #[inline]
    fn from(event: &Event) -> Self {
        Self {
            token: event.token(),
            is_readable: event.is_readable(),
            is_ending: event.is_read_closed() || event.is_error(),
        }
    }
}
