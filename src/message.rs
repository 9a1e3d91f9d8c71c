//! Messages, and their assembly from frames.

mod assembly;
#[cfg(feature = "deflate")]
mod compressed;
pub(crate) mod item;
mod open;
mod read_buffer;
pub(crate) mod reader;
mod shared;
mod shared_messages;

pub use shared::SharedMessage;
pub use shared_messages::SharedMessages;

use std::borrow::Cow;

/// A text or binary message, or a chunk of one. The list is complete: RFC 6455 defines no other kinds.
///
/// It borrows from the buffer given to [`receive`](crate::Connection::receive) if the buffer held all of it. Otherwise
/// it owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message<'b> {
    /// Text, in whole code points.
    Text(Cow<'b, str>),
    /// Bytes.
    Binary(Cow<'b, [u8]>),
}

impl<'b> Message<'b> {
    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The text, if it is a text message. A message has no `Display`, since bytes have no text.
    ///
    /// ```
    /// use statesocket::Message;
    ///
    /// assert_eq!(Message::from("hello").as_text(), Some("hello"));
    /// assert_eq!(Message::from(&b"hello"[..]).as_text(), None);
    /// ```
    #[doc(alias("Display", "to_text", "to_string"))]
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes; of a text, its UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Whether it is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The text, borrowed or owned.
    ///
    /// # Errors
    /// The message itself, if it is binary.
    ///
    /// ```
    /// use statesocket::Message;
    ///
    /// assert_eq!(Message::from("hello").into_text().as_deref(), Ok("hello"));
    /// let binary = Message::from(&b"hello"[..]);
    /// assert_eq!(binary.clone().into_text(), Err(binary));
    /// ```
    pub fn into_text(self) -> Result<Cow<'b, str>, Self> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(self),
        }
    }

    /// The bytes, borrowed or owned; of a text, its UTF-8.
    #[doc(alias = "into_data")]
    #[must_use]
    pub fn into_bytes(self) -> Cow<'b, [u8]> {
        match self {
            Self::Text(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Self::Text(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The same message with bytes of its own.
    ///
    /// ```
    /// # use statesocket::Message;
    /// let buffer = String::from("hello");
    /// let kept: Message<'static> = Message::from(buffer.as_str()).into_owned();
    /// drop(buffer);
    /// assert_eq!(kept.as_text(), Some("hello"));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Message::Binary(Cow::Owned(bytes.into_owned())),
        }
    }

    /// As [`into_owned`](Self::into_owned), with the length as the error if there is no memory for a copy.
    pub(crate) fn try_into_owned(self) -> Result<Message<'static>, usize> {
        match self {
            Self::Text(Cow::Owned(text)) => Ok(Message::Text(Cow::Owned(text))),
            Self::Binary(Cow::Owned(bytes)) => Ok(Message::Binary(Cow::Owned(bytes))),
            Self::Text(Cow::Borrowed(text)) => {
                let mut copy = String::new();
                copy.try_reserve_exact(text.len()).map_err(|_| text.len())?;
                copy.push_str(text);
                Ok(Message::Text(Cow::Owned(copy)))
            }
            Self::Binary(Cow::Borrowed(bytes)) => {
                let mut copy = Vec::new();
                copy.try_reserve_exact(bytes.len()).map_err(|_| bytes.len())?;
                copy.extend_from_slice(bytes);
                Ok(Message::Binary(Cow::Owned(copy)))
            }
        }
    }

    /// Parses the message, text or binary, as JSON. A failure does not affect the connection.
    ///
    /// # Errors
    /// The error of [`serde_json::from_slice`].
    ///
    /// ```
    /// # use statesocket::Message;
    /// let numbers: Vec<u8> = Message::from("[1,2,3]").json()?;
    /// assert_eq!(numbers, [1, 2, 3]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[cfg(feature = "serde")]
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.as_bytes())
    }
}

/// Borrows the bytes.
impl<'b> From<&'b Message<'_>> for Message<'b> {
    fn from(message: &'b Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(Cow::Borrowed(text)),
            Message::Binary(bytes) => Self::Binary(Cow::Borrowed(bytes)),
        }
    }
}

impl<'b> From<&'b str> for Message<'b> {
    fn from(text: &'b str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'b> From<&'b [u8]> for Message<'b> {
    fn from(bytes: &'b [u8]) -> Self {
        Self::Binary(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Message<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(Cow::Owned(bytes))
    }
}
