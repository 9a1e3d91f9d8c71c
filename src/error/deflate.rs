//! What is wrong with an answer of permessage-deflate.

/// Why a client cannot take the answer of a server to its offer of permessage-deflate (RFC 7692 section 7.1), as the
/// reason of [`HandshakeError::InvalidDeflate`](crate::HandshakeError::InvalidDeflate).
///
/// Section 7.1: "A client MUST _Fail the WebSocket Connection_ if the peer server accepted an extension negotiation offer
/// for this extension with an extension negotiation response meeting any of" these conditions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDeflate {
    /// "The negotiation response contains an extension parameter not defined for use in a response."
    #[error("it has the unknown parameter {0}")]
    UnknownParameter(String),
    /// "The negotiation response contains multiple extension parameters with the same name."
    #[error("it has the parameter {0} more than once")]
    DuplicateParameter(&'static str),
    /// "The negotiation response contains an extension parameter with an invalid value." A window has 8 to 15 bits,
    /// without leading zeros; `server_no_context_takeover` and `client_no_context_takeover` have no value.
    #[error("the value of its parameter {0} is invalid")]
    InvalidValue(&'static str),
    /// Section 7.1.2.2: without `client_max_window_bits` in the offer, a server "MUST NOT include" it.
    #[error("it has client_max_window_bits, which was not offered")]
    ClientWindowNotOffered,
    /// Section 7.1.2.1: a server accepts the offer of a window "by including [...] the same or smaller value".
    #[error("its server_max_window_bits is missing, or more than was offered")]
    ServerWindowTooLarge,
    /// Section 7.1.1.1: a server accepts `server_no_context_takeover` by including it.
    #[error("server_no_context_takeover is missing")]
    ServerTakeoverKept,
    /// It is there twice: a server accepts one of the offers.
    #[error("it is there more than once")]
    Repeated,
}
