//! Faults of the peer in its frames.

use crate::close_code::CloseCode;

/// A frame that breaks RFC 6455, with one variant per rule, or a limit of [`Config`](crate::Config).
///
/// The connection has already failed (section 7.1.7): a Close with [`close_code`](Self::close_code) is queued, unless
/// one was sent before, and no further byte is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Section 5.2: "If a nonzero value is received and none of the negotiated extensions defines the meaning of such
    /// a nonzero value, the receiving endpoint MUST _Fail the WebSocket Connection_."
    #[error("a reserved bit is set")]
    ReservedBits,
    /// Section 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
    #[error("opcode {0:#x} is not known")]
    UnknownOpCode(u8),
    /// Section 5.1: "The server MUST close the connection upon receiving a frame that is not masked."
    #[error("a frame from the client is not masked")]
    UnmaskedFrame,
    /// Section 5.1: "A client MUST close a connection if it detects a masked frame."
    #[error("a frame from the server is masked")]
    MaskedFrame,
    /// Section 5.2: "in all cases, the minimal number of bytes MUST be used to encode the length".
    #[error("a payload length is not encoded in the fewest bytes")]
    LengthNotMinimal,
    /// Section 5.2: "the following 8 bytes interpreted as a 64-bit unsigned integer (the most significant bit MUST be
    /// 0) are the payload length".
    #[error("the most significant bit of a 64-bit payload length is set")]
    LengthOverflow,
    /// Section 5.5: "All control frames MUST have a payload length of 125 bytes or less".
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// Section 5.5: "and MUST NOT be fragmented."
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Section 5.4: a continuation frame needs a message that an earlier frame has begun.
    #[error("a continuation frame continues no message")]
    UnexpectedContinuation,
    /// Section 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
    #[error("a new message begins inside a fragmented one")]
    InterleavedMessage,
    /// Section 8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in
    /// fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_."
    #[error("a text message is not UTF-8")]
    InvalidText,
    /// RFC 7692 section 7.2.2: the payload of a compressed message is not DEFLATE, refers to bytes that were never
    /// sent, or ends within a block.
    #[cfg(feature = "deflate")]
    #[error("the payload of a compressed message is corrupt")]
    CorruptDeflate,
    /// Section 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer".
    #[error("the body of a close frame is one byte long")]
    CloseBodyTooShort,
    /// Section 7.4: no endpoint may send the code.
    #[error("{0} is not a close code that may be sent")]
    InvalidCloseCode(u16),
    /// Section 5.5.1: "the body MAY contain UTF-8-encoded data with value /reason/".
    #[error("the reason of a close frame is not UTF-8")]
    InvalidCloseReason,
    /// Section 10.4: a frame larger than [`Config::max_frame_bytes`](crate::Config::max_frame_bytes).
    #[error("a frame of {size} bytes is over the limit of {limit}")]
    FrameTooLarge {
        /// The payload bytes that the header announces.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Section 10.4: a message larger than [`Config::max_message_bytes`](crate::Config::max_message_bytes).
    #[error("a message of at least {size} bytes is over the limit of {limit}")]
    MessageTooLarge {
        /// The payload bytes that its frames have announced so far.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Section 10.4: a message in more frames than [`Config::max_fragments`](crate::Config::max_fragments).
    #[error("a message has more than {limit} fragments")]
    TooManyFragments {
        /// The limit, in frames.
        limit: u32,
    },
    /// The system has no memory for the message, although it is below the limits. This is no fault of the peer, but it
    /// ends the connection in the same way.
    #[error("there is no memory for a message of at least {size} bytes")]
    OutOfMemory {
        /// The payload bytes that its frames have announced so far.
        size: u64,
    },
}

impl ProtocolError {
    /// The code of the Close that answers the violation (section 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::UnknownOpCode(_)
            | Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::LengthNotMinimal
            | Self::LengthOverflow
            | Self::ControlTooLong
            | Self::FragmentedControl
            | Self::UnexpectedContinuation
            | Self::InterleavedMessage
            | Self::CloseBodyTooShort
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
            #[cfg(feature = "deflate")]
            Self::CorruptDeflate => CloseCode::INVALID_PAYLOAD,
            Self::InvalidText | Self::InvalidCloseReason => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
            Self::OutOfMemory { .. } => CloseCode::TRY_AGAIN_LATER,
        }
    }
    /// The section of the RFC that has the rule.
    ///
    /// ```
    /// use statesocket::ProtocolError;
    ///
    /// assert_eq!(ProtocolError::ReservedBits.section(), "RFC 6455 section 5.2");
    /// ```
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::UnmaskedFrame | Self::MaskedFrame => "RFC 6455 section 5.1",
            Self::ReservedBits | Self::UnknownOpCode(_) | Self::LengthNotMinimal | Self::LengthOverflow => {
                "RFC 6455 section 5.2"
            }
            Self::UnexpectedContinuation | Self::InterleavedMessage => "RFC 6455 section 5.4",
            Self::ControlTooLong | Self::FragmentedControl => "RFC 6455 section 5.5",
            Self::CloseBodyTooShort | Self::InvalidCloseReason => "RFC 6455 section 5.5.1",
            Self::InvalidCloseCode(_) => "RFC 6455 section 7.4",
            Self::InvalidText => "RFC 6455 section 8.1",
            #[cfg(feature = "deflate")]
            Self::CorruptDeflate => "RFC 7692 section 7.2.2",
            Self::FrameTooLarge { .. }
            | Self::MessageTooLarge { .. }
            | Self::TooManyFragments { .. }
            | Self::OutOfMemory { .. } => "RFC 6455 section 10.4",
        }
    }
}
