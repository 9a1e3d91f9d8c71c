//! The choices of an end, and windows.

/// The fewest bits of a window (RFC 7692 section 7.1.2.1).
pub(crate) const MIN_BITS: u8 = 8;
/// The most bits of a window, and those without an agreement.
pub(crate) const MAX_BITS: u8 = 15;

/// Compression of messages by permessage-deflate (RFC 7692), with the feature `deflate`. It is off by default, since it
/// costs CPU and may tell secrets: see below.
///
/// A connection that has agreed on it owns no engine. It keeps the last bytes of plain text of each direction, so that
/// a message can refer to earlier ones: at most the two histories below, and nothing before the first compressed
/// message. A message is sent compressed only if that makes it shorter. The limits of [`Config`](crate::Config) on
/// messages count plain bytes.
///
/// **Secrets.** If text of an attacker and a secret are in one message or one history, the attacker finds the secret by
/// trying: a guess that is right makes the message shorter (the attacks CRIME and BREACH). Send secrets with
/// [`send_uncompressed`](crate::Connection::send_uncompressed). Where strangers' text is relayed beside them, set
/// [`send_history`](Self::send_history) to [`Window::None`], or leave compression off.
///
/// ```
/// use statesocket::{Config, Connection, Deflate, Event, Window, handshake::{Accept, Connect}};
/// use std::{sync::Arc, time::Instant};
///
/// let now = Instant::now();
/// let config = Arc::new(Config::default().with(|config| {
///     config.deflate = Some(Deflate::default().with(|deflate| {
///         deflate.level = 1;
///         deflate.send_history = Window::KiB32;
///     }));
/// }));
/// let mut client = Connection::client(&Connect::new("ws://example.com/")?, Arc::clone(&config), now);
/// let mut server = Connection::server(config, now);
/// let mut request = client.output().to_vec();
/// let Some(Event::Request(_)) = server.receive(&mut &mut request[..], now) else { panic!() };
/// server.accept(Accept::new())?;
/// let mut answer = server.output().to_vec();
/// let Some(Event::Accepted(response)) = client.receive(&mut &mut answer[..], now) else { panic!() };
/// assert_eq!(response.headers["sec-websocket-extensions"], "permessage-deflate; client_max_window_bits=12");
/// assert!(client.deflate().is_some());
/// assert_eq!(client.deflate(), server.deflate());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Deflate {
    /// How hard the compressor tries, from 1, the fastest, to 9. 0 counts as 1, and more than 9 as 9. Default 6. At
    /// level 1 long messages take several times less CPU, and become about half as long again.
    pub level: u8,
    /// The fewest bytes of a message that is worth compressing; shorter ones leave as they are. An empty message is
    /// never compressed. Default `None`: 32 bytes if the message may refer to earlier ones, else 256, since a short
    /// message repeats little of itself.
    pub threshold: Option<usize>,
    /// How much of what this end sends is kept, so that later messages may refer to it: the memory of a direction, per
    /// connection. The peer can make it less. With [`Window::None`] each message is compressed by itself, and a short
    /// one saves little. Else a long message refers no farther back within itself, or 4 KiB if this is less, except at
    /// level 1. Default 4 KiB, which saves nearly as much as 32 KiB, and takes less CPU and memory.
    pub send_history: Window,
    /// How much of what a client sends is kept by its server, so that later messages may refer to it: the memory of the
    /// other direction, per connection. It is kept as long as the connection is open. With [`Window::None`] the client
    /// must compress each message by itself. It also must if this is less than 32 KiB and the client lets no server
    /// choose its window, as Firefox and Safari do not. Default 4 KiB.
    pub receive_history: Window,
    /// The same for a client. With [`Window::None`] it offers compression only if the server compresses each message by
    /// itself. With less than 32 KiB it offers a window of that size and, for a server that knows no windows, the same
    /// as `Window::None`. Default 32 KiB, so that it asks for nothing, and every server can agree.
    pub client_receive_history: Window,
    /// Whether messages that are sent in fragments, such as by [`begin_text`](crate::Connection::begin_text), are
    /// compressed too. Off by default: some versions of Safari fail on them. A fragment that does not compress becomes
    /// longer, by 1 byte and 5 per 64 KiB, since the first one decides for all.
    pub fragments: bool,
}

impl Deflate {
    /// Changes fields within an expression.
    ///
    /// ```
    /// # use statesocket::Deflate;
    /// let fast = Deflate::default().with(|deflate| deflate.level = 1);
    /// assert_eq!((fast.level, Deflate::default().level), (1, 6));
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The level within its limits.
    pub(crate) fn level(&self) -> u8 {
        self.level.clamp(1, 9)
    }

    /// What an end keeps of what it sends, if it may use this `agreed` history. Section 7.2.1: the sender may use what
    /// it has agreed on, and need not.
    pub(crate) fn sent_history(&self, agreed: Window) -> Window {
        agreed.min(self.send_history)
    }

    /// The fewest bytes of a message to compress, with this `history` of what was sent before.
    pub(crate) const fn threshold(&self, history: Window) -> usize {
        match self.threshold {
            Some(threshold) => threshold,
            None if matches!(history, Window::None) => 256,
            None => 32,
        }
    }
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            level: 6,
            threshold: None,
            send_history: Window::KiB4,
            receive_history: Window::KiB4,
            client_receive_history: Window::KiB32,
            fragments: false,
        }
    }
}

/// How far back a message may refer to the plain text before it, in the same direction. RFC 7692 section 7.1.2 has
/// these windows, from 8 bits, 256 bytes, to 15 bits, 32 KiB. The list is complete.
///
/// ```
/// use statesocket::Window;
///
/// assert_eq!((Window::KiB4.bits(), Window::KiB4.bytes()), (Some(12), 4096));
/// assert_eq!((Window::None.bits(), Window::None.bytes()), (None, 0));
/// assert_eq!(Window::from_bits(15), Some(Window::KiB32));
/// assert!(Window::from_bits(7).is_none() && Window::from_bits(16).is_none());
/// assert!(Window::None < Window::Bytes256 && Window::KiB4 < Window::KiB32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A message refers to no other: no context takeover (section 7.1.1).
    None,
    /// 256 bytes, 8 bits. Some peers cannot use it: they decline it, or fail the connection.
    Bytes256,
    /// 512 bytes, 9 bits.
    Bytes512,
    /// 1 KiB, 10 bits.
    KiB1,
    /// 2 KiB, 11 bits.
    KiB2,
    /// 4 KiB, 12 bits.
    KiB4,
    /// 8 KiB, 13 bits.
    KiB8,
    /// 16 KiB, 14 bits.
    KiB16,
    /// 32 KiB, 15 bits.
    KiB32,
}

impl Window {
    /// The window of a number of bits, from 8 to 15.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            8 => Self::Bytes256,
            9 => Self::Bytes512,
            10 => Self::KiB1,
            11 => Self::KiB2,
            12 => Self::KiB4,
            13 => Self::KiB8,
            14 => Self::KiB16,
            15 => Self::KiB32,
            _ => return None,
        })
    }

    /// The number of bits, from 8 to 15; `None` of [`Window::None`].
    #[must_use]
    pub const fn bits(self) -> Option<u8> {
        if matches!(self, Self::None) { None } else { Some(MIN_BITS - 1 + self as u8) }
    }

    /// The size, in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self.bits() {
            None => 0,
            Some(bits) => 1 << bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_and_its_bits_convert_both_ways() {
        let windows: Vec<_> = (0..=u8::MAX).filter_map(|bits| Some((bits, Window::from_bits(bits)?))).collect();
        assert_eq!(windows.iter().map(|(bits, _)| *bits).collect::<Vec<_>>(), (8..=15).collect::<Vec<_>>());
        for (bits, window) in windows {
            assert_eq!((window.bits(), window.bytes()), (Some(bits), 1 << bits));
            assert!(window > Window::None);
        }
        assert_eq!((Window::None.bits(), Window::None.bytes()), (None, 0));
    }

    #[test]
    fn a_level_is_from_1_to_9_and_a_threshold_is_chosen_if_none_is() {
        let level = |level| Deflate { level, ..Deflate::default() }.level();
        assert_eq!([0, 1, 6, 9, 10, 255].map(level), [1, 1, 6, 9, 9, 9]);
        let threshold = |threshold, history| Deflate { threshold, ..Deflate::default() }.threshold(history);
        assert_eq!([Window::None, Window::Bytes256].map(|history| threshold(None, history)), [256, 32]);
        assert_eq!([Window::None, Window::KiB4].map(|history| threshold(Some(0), history)), [0, 0]);
    }

    #[test]
    fn d6_d10_an_end_sends_as_it_has_chosen_and_no_further_than_agreed() {
        for (chosen, agreed, kept) in [
            (Window::KiB4, Window::KiB32, Window::KiB4),
            (Window::KiB4, Window::KiB4, Window::KiB4),
            (Window::KiB4, Window::Bytes512, Window::Bytes512),
            (Window::KiB1, Window::KiB4, Window::KiB1),
            (Window::KiB4, Window::None, Window::None),
            (Window::None, Window::KiB32, Window::None),
        ] {
            let deflate = Deflate { send_history: chosen, ..Deflate::default() };
            assert_eq!(deflate.sent_history(agreed), kept, "{chosen:?}, {agreed:?}");
        }
    }
}
