//! What is wrong with an answer of permessage-deflate.

/// Why a client cannot take a server's answer to its offer of permessage-deflate; the reason of
/// [`HandshakeError::InvalidDeflate`](crate::HandshakeError::InvalidDeflate).
///
/// RFC 7692 section 7: "A client MUST _Fail the WebSocket Connection_ if the peer server accepted an extension
/// negotiation offer for this extension with an extension negotiation response meeting any of the following
/// conditions".
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDeflate {
    /// "The negotiation response contains an extension parameter not defined for use in a response."
    #[error("the answer for permessage-deflate has the unknown parameter {0}")]
    UnknownParameter(String),
    /// "The negotiation response contains multiple extension parameters with the same name."
    #[error("the answer for permessage-deflate has the parameter {0} more than once")]
    DuplicateParameter(&'static str),
    /// "The negotiation response contains an extension parameter with an invalid value." A window has 8 to 15 bits,
    /// without leading zeros; the two `no_context_takeover` have no value.
    #[error("the answer for permessage-deflate has an invalid value of {0}")]
    InvalidValue(&'static str),
    /// Section 7.1.2.2: without `client_max_window_bits` in the offer, the response "MUST NOT include" it.
    #[error("the answer for permessage-deflate has client_max_window_bits, which was not offered")]
    ClientWindowNotOffered,
    /// Section 7.1.2.1: a server that accepts an offer with `server_max_window_bits` answers "with the same or smaller
    /// value as the offer".
    #[error("the answer for permessage-deflate has not the offered server_max_window_bits")]
    ServerWindowTooLarge,
    /// Section 7.1.1.1: a server that accepts an offer with `server_no_context_takeover` includes it in the response.
    #[error("the answer for permessage-deflate has not the offered server_no_context_takeover")]
    ServerTakesOver,
    /// The response accepts more than one offer.
    #[error("the answer has permessage-deflate more than once")]
    Repeated,
}
