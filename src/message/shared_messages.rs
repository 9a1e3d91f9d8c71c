//! Several messages for many connections.

use super::SharedMessage;
use bytes::Bytes;
use std::sync::Arc;

/// Several messages for many connections, with their frames in one piece of memory, so that each connection queues and
/// writes one piece. See [`send_shared_all`](crate::Connection::send_shared_all).
///
/// ```
/// use statesocket::{SharedMessage, SharedMessages};
///
/// let news: SharedMessages = [&SharedMessage::text("one"), &SharedMessage::binary(b"two")].into_iter().collect();
/// assert_eq!((news.len(), news.iter().last()), (2, Some(&SharedMessage::binary(b"two"))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SharedMessages {
    frames: Bytes,
    messages: Arc<[SharedMessage]>,
}

impl SharedMessages {
    /// The number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = &SharedMessage> {
        self.messages.iter()
    }

    /// The unmasked frames.
    pub(crate) const fn frames(&self) -> &Bytes {
        &self.frames
    }
}

impl<'m> FromIterator<&'m SharedMessage> for SharedMessages {
    /// Copies the frames of the messages.
    fn from_iter<I: IntoIterator<Item = &'m SharedMessage>>(messages: I) -> Self {
        let messages: Vec<_> = messages.into_iter().collect();
        let pieces = messages.iter().flat_map(|message| message.pieces());
        let frames = pieces.map(Bytes::as_ref).collect::<Vec<_>>().concat();
        let mut left = Bytes::from(frames);
        let frames = left.clone();
        let parts = messages.iter().map(|message| message.with_frame(left.split_to(message.frame_len())));
        Self { messages: parts.collect(), frames }
    }
}
