//! The wire format of RFC 6455 section 5: headers and masking.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               | Masking-key, if MASK set to 1 |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod fast;
pub(crate) mod mask;

/// The longest payload of a control frame, in bytes (section 5.5).
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest header, in bytes: 2, and 8 of length, and 4 of masking key.
pub(crate) const MAX_HEADER: usize = 14;

/// The FIN bit in the first byte of a header.
const FIN: u8 = 0x80;

/// The first reserved bit: RFC 7692 section 6 calls it the "Per-Message Compressed" bit.
pub(crate) const RSV1: u8 = 0x40;

/// Section 5.2 of the 64-bit length: "the most significant bit MUST be 0".
const MAX_LEN: u64 = i64::MAX as u64;

/// A masking key. `[0; 4]` stands for no mask: masking with it changes nothing.
pub(crate) type MaskKey = [u8; 4];

/// The six opcodes that section 5.2 defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpCode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl OpCode {
    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub(crate) const fn is_control(self) -> bool {
        match self {
            Self::Close | Self::Ping | Self::Pong => true,
            Self::Continuation | Self::Text | Self::Binary => false,
        }
    }
}

/// A header that breaks no rule of a single frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) is_final: bool,
    /// The reserved bits, each of which an extension defines. Zero on every frame that begins no message.
    pub(crate) reserved: u8,
    pub(crate) opcode: OpCode,
    pub(crate) len: u64,
    pub(crate) key: MaskKey,
}
