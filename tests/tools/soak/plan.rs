//! The plan of a client.

use crate::{room::ROOMS, served::MAX_MESSAGE};

/// Pseudo-random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// What a client does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plan {
    /// Opens it, gets this many echoes, and ends it. A slow client writes one byte at a time.
    Talk { messages: u64, is_slow: bool, ending: Ending },
    /// Sends a bad request, and gets this status.
    BadRequest(&'static str, u16),
    /// Sends a part of a request, and vanishes or waits until the server gives up.
    HalfRequest { vanishes: bool },
    /// Opens it, sends, and never reads.
    NeverRead,
    /// Becomes a member of a room, sends this many messages, and closes. One that lags reads nothing for a while.
    Member { room: u64, messages: u64, is_lagging: bool },
}

/// How a well-used connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Close(u16),
    ServerCloses,
    ServerAborts,
    /// Bytes that break the protocol, and the code with which the server closes.
    Violate(&'static [u8], u16),
    HalfClose,
    Reset,
    /// Leaves with an echo unread, which the system turns into a reset.
    LeaveUnread,
    LeaveInMidFrame,
}

impl Plan {
    pub(crate) fn choose(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..10 => {
                let (request, status) = dice.one_of(&BAD_REQUESTS);
                Self::BadRequest(request, status)
            }
            10..14 => Self::HalfRequest { vanishes: dice.below(4) > 0 },
            14..16 => Self::NeverRead,
            16..36 => {
                let is_lagging = dice.below(4) == 0;
                Self::Member { room: dice.below(ROOMS), messages: dice.below(40), is_lagging }
            }
            36..40 => Self::Talk { messages: dice.below(3), is_slow: true, ending: Ending::choose(dice) },
            _ => Self::Talk { messages: dice.below(40), is_slow: false, ending: Ending::choose(dice) },
        }
    }

    /// A word for the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Talk { is_slow: true, .. } => "slow",
            Self::Talk { ending, .. } => ending.name(),
            Self::BadRequest(..) => "bad request",
            Self::HalfRequest { .. } => "half a request",
            Self::NeverRead => "never read",
            Self::Member { is_lagging: true, .. } => "lagging member",
            Self::Member { is_lagging: false, .. } => "member",
        }
    }
}

impl Ending {
    fn choose(dice: &mut Dice) -> Self {
        match dice.below(12) {
            0..4 => Self::Close(dice.one_of(&[1000, 1001, 1011, 3000, 4999])),
            4 => Self::ServerCloses,
            5 => Self::ServerAborts,
            6 | 7 => {
                let (bytes, code) = dice.one_of(&VIOLATIONS);
                Self::Violate(bytes, code)
            }
            8 => Self::HalfClose,
            9 => Self::Reset,
            10 => Self::LeaveUnread,
            _ => Self::LeaveInMidFrame,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Close(_) => "close",
            Self::ServerCloses => "server closes",
            Self::ServerAborts => "server aborts",
            Self::Violate(..) => "violate",
            Self::HalfClose => "half-close",
            Self::Reset => "reset",
            Self::LeaveUnread => "leave unread",
            Self::LeaveInMidFrame => "leave in mid-frame",
        }
    }
}

/// The mask is all zeros.
const VIOLATIONS: [(&[u8], u16); 17] = [
    (b"\xC1\x80\0\0\0\0", 1002),
    (b"\x83\x80\0\0\0\0", 1002),
    (b"\x8B\x80\0\0\0\0", 1002),
    (b"\x81\x02Hi", 1002),
    (b"\x82\xFE\0\x05\0\0\0\0Hello", 1002),
    (b"\x82\xFF\0\0\0\0\0\0\0\x05\0\0\0\0Hello", 1002),
    (b"\x82\xFF\x80\0\0\0\0\0\0\0\0\0\0\0", 1002),
    (b"\x89\xFE\0\x7E\0\0\0\0", 1002),
    (b"\x09\x80\0\0\0\0", 1002),
    (b"\x80\x80\0\0\0\0", 1002),
    (b"\x01\x80\0\0\0\0\x82\x80\0\0\0\0", 1002),
    (b"\x88\x81\0\0\0\0\x03", 1002),
    (b"\x88\x82\0\0\0\0\x03\xED", 1002),
    (b"\x88\x83\0\0\0\0\x03\xE8\xFF", 1007),
    (b"\x81\x82\0\0\0\0\xC0\x80", 1007),
    (b"\x01\x82\0\0\0\0\xF0\x90\x80\x81\0\0\0\0\x20", 1007),
    (b"\x82\xFF\0\0\0\x01\0\0\0\0\0\0\0\0", 1009),
];

const BAD_REQUESTS: [(&str, u16); 9] = [
    ("nonsense\r\n\r\n", 400),
    ("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 426),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 405),
    ("GET /echo HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426),
    ("GET /echo HTTP/2.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 505),
    (
        "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
        400,
    ),
    (
        "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        426,
    ),
    (
        "GET /nowhere HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        404,
    ),
];

/// A payload that is described, not stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    pub(crate) is_text: bool,
    len: usize,
    start: u8,
}

impl Payload {
    pub(crate) fn choose(dice: &mut Dice) -> Self {
        let limit = match dice.below(200) {
            0 => MAX_MESSAGE,
            1..10 => 100_000,
            10..60 => 2_000,
            _ => 126,
        };
        let len = dice.below(limit) as usize;
        Self { is_text: dice.below(2) == 0, len, start: dice.number() as u8 }
    }

    pub(crate) fn small(dice: &mut Dice) -> Self {
        Self { is_text: false, len: dice.below(126) as usize, start: dice.number() as u8 }
    }

    /// Text has some characters of three bytes, and is a little shorter so as not to end inside one.
    pub(crate) fn bytes(self) -> Vec<u8> {
        if !self.is_text {
            return (0..self.len).map(|i| self.start.wrapping_add((i * 7) as u8)).collect();
        }
        let unit = [char::from(b'a' + self.start % 26), '\u{20AC}', 'x'];
        let text: String = unit.into_iter().cycle().take(self.len / 5 * 3).collect();
        text.into_bytes()
    }
}
