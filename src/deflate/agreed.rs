//! What both ends have agreed on.

use super::options::{MAX_BITS, MIN_BITS, Window};
use crate::role::Role;
use std::{fmt, num::NonZeroU8};

/// What both ends of a connection have agreed on for permessage-deflate: the same value at both ends.
///
/// ```
/// use statesocket::{Deflate, Role, handshake::{Extension, deflate}};
///
/// # let headers = |value| [(statesocket::http::header::SEC_WEBSOCKET_EXTENSIONS, value)].into_iter().collect();
/// let offer = Extension::all(&headers(deflate::offer(&Deflate::default())), 100)?;
/// let Some((_, agreed)) = deflate::answer(&offer, &Deflate::default()) else { panic!() };
/// assert_eq!((agreed.window_bits(Role::Client), agreed.has_takeover(Role::Client)), (12, true));
/// assert_eq!((agreed.window_bits(Role::Server), agreed.has_takeover(Role::Server)), (15, true));
/// # Ok::<(), statesocket::HandshakeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgreedDeflate {
    client: Direction,
    server: Direction,
}

/// A connection has two bytes left for it.
const _: () = assert!(size_of::<Option<AgreedDeflate>>() == 2);

impl AgreedDeflate {
    pub(crate) const fn new(client: Direction, server: Direction) -> Self {
        Self { client, server }
    }

    /// How far back, in bits, `sender` may refer within a message and, with takeover, to those before: from 8 to 15
    /// (RFC 7692 section 7.1.2).
    #[inline]
    #[must_use]
    pub const fn window_bits(self, sender: Role) -> u8 {
        self.of(sender).bits()
    }

    /// Whether the messages of `sender` may refer to those before (RFC 7692 section 7.1.1: "context takeover"). The
    /// receiver then keeps the last 2^[`window_bits`](Self::window_bits) bytes.
    #[inline]
    #[must_use]
    pub const fn has_takeover(self, sender: Role) -> bool {
        self.of(sender).has_takeover()
    }

    /// The plain text of `sender` that its receiver has to keep.
    #[inline]
    #[must_use]
    pub const fn history(self, sender: Role) -> Window {
        self.of(sender).history()
    }

    #[inline]
    pub(crate) const fn of(self, sender: Role) -> Direction {
        match sender {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }
}

/// The window of each sender, and whether it compresses each message by itself, such as `client 12 bits, server 15 bits
/// without context takeover`.
impl fmt::Display for AgreedDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}, server {}", self.client, self.server)
    }
}

/// What one end may do when it sends. The low half has the bits of its window, so it is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Direction(NonZeroU8);

impl Direction {
    const TAKEOVER: u8 = 0x10;

    /// A window of `bits`, capped to what there is.
    pub(crate) const fn new(bits: u8, has_takeover: bool) -> Self {
        let bits = if bits < MIN_BITS {
            MIN_BITS
        } else if bits > MAX_BITS {
            MAX_BITS
        } else {
            bits
        };
        let takeover = if has_takeover { Self::TAKEOVER } else { 0 };
        match NonZeroU8::new(bits | takeover) {
            Some(both) => Self(both),
            None => panic!("a window has at least 8 bits"),
        }
    }

    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0.get() & 0x0F
    }

    #[inline]
    pub(crate) const fn has_takeover(self) -> bool {
        self.0.get() & Self::TAKEOVER != 0
    }

    /// The text before a message that it may refer to.
    pub(crate) const fn history(self) -> Window {
        match Window::from_bits(self.bits()) {
            Some(window) if self.has_takeover() => window,
            Some(_) | None => Window::None,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takeover = if self.has_takeover() { "" } else { " without context takeover" };
        write!(f, "{} bits{takeover}", self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agreement_holds_every_window_with_and_without_takeover() {
        let directions = || (8..=15).flat_map(|bits| [(bits, false), (bits, true)]);
        for (client, server) in directions().flat_map(|client| directions().map(move |server| (client, server))) {
            let agreed = AgreedDeflate::new(Direction::new(client.0, client.1), Direction::new(server.0, server.1));
            for (sender, (bits, has_takeover)) in [(Role::Client, client), (Role::Server, server)] {
                assert_eq!((agreed.window_bits(sender), agreed.has_takeover(sender)), (bits, has_takeover));
                assert_eq!(agreed.history(sender).bits(), has_takeover.then_some(bits));
            }
        }
    }

    #[test]
    fn an_agreement_is_shown_with_windows_and_takeovers() {
        let shown = |client, server| AgreedDeflate::new(client, server).to_string();
        let [plain, alone] = [Direction::new(12, true), Direction::new(9, false)];
        assert_eq!(shown(plain, alone), "client 12 bits, server 9 bits without context takeover");
        assert_eq!(shown(alone, plain), "client 9 bits without context takeover, server 12 bits");
    }
}
