//! Errors of the library to rules, with a sentence of the RFC for each.

use statesocket::{HandshakeError, ProtocolError};

/// A rule that an end has broken, or a limit of the inspector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub fault: String,
    /// The section that has the rule.
    pub section: &'static str,
    /// A sentence of that section, or the part of it that matters; `None` if the section has no sentence for it.
    pub sentence: Option<&'static str>,
    /// What a receiver does.
    pub answer: Answer,
    /// Whether it is a limit, which another receiver may not have.
    pub is_limit: bool,
}

/// What a receiver does about a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It sends a Close with this code.
    Close(u16),
    /// A server answers the request with this status.
    Status(u16),
    /// A client closes the connection without a word.
    Nothing,
}

impl Violation {
    /// A frame breaks a rule.
    #[must_use]
    pub fn of_frame(error: &ProtocolError) -> Self {
        Self {
            fault: error.to_string(),
            section: error.section(),
            sentence: frame_sentence(error),
            answer: Answer::Close(error.close_code().as_u16()),
            is_limit: error.section() == LIMITS,
        }
    }

    /// A request breaks a rule.
    #[must_use]
    pub fn of_request(error: &HandshakeError) -> Self {
        let answer = Answer::Status(error.status().as_u16());
        let sentence = request_sentence(error).or_else(|| handshake_sentence(error));
        Self { answer, sentence, ..Self::of_response(error) }
    }

    /// The response to a request breaks a rule.
    #[must_use]
    pub fn of_response(error: &HandshakeError) -> Self {
        Self {
            fault: error.to_string(),
            section: error.section(),
            sentence: handshake_sentence(error),
            answer: Answer::Nothing,
            is_limit: error.section() == LIMITS,
        }
    }

    /// A data frame comes after the Close of its sender. A receiver does not read it.
    #[must_use]
    pub fn after_close() -> Self {
        Self {
            fault: "a data frame follows a close frame".to_owned(),
            section: "RFC 6455 section 5.5.1",
            sentence: Some("The application MUST NOT send any more data frames after sending a Close frame."),
            answer: Answer::Nothing,
            is_limit: false,
        }
    }
}

/// The section of all limits.
const LIMITS: &str = "RFC 6455 section 10.4";

const LIMIT_SENTENCE: &str = "Implementations that have implementation- and/or platform-specific limitations regarding \
                              the frame size or total message size after reassembly from multiple frames MUST protect \
                              themselves against exceeding those limits.";

fn frame_sentence(error: &ProtocolError) -> Option<&'static str> {
    Some(match error {
        ProtocolError::ReservedBits => {
            "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a \
             nonzero value, the receiving endpoint MUST _Fail the WebSocket Connection_."
        }
        ProtocolError::UnknownOpCode(_) => {
            "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
        }
        ProtocolError::UnmaskedFrame => {
            "The server MUST close the connection upon receiving a frame that is not masked."
        }
        ProtocolError::MaskedFrame => "A client MUST close a connection if it detects a masked frame.",
        ProtocolError::LengthNotMinimal => {
            "Note that in all cases, the minimal number of bytes MUST be used to encode the length"
        }
        ProtocolError::LengthOverflow => {
            "If 127, the following 8 bytes interpreted as a 64-bit unsigned integer (the most significant bit MUST be \
             0) are the payload length."
        }
        ProtocolError::ControlTooLong | ProtocolError::FragmentedControl => {
            "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
        }
        ProtocolError::UnexpectedContinuation => {
            "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, \
             followed by zero or more frames with the FIN bit clear and the opcode set to 0, and terminated by a \
             single frame with the FIN bit set and an opcode of 0."
        }
        ProtocolError::InterleavedMessage => {
            "The fragments of one message MUST NOT be interleaved between the fragments of another message unless an \
             extension has been negotiated that can interpret the interleaving."
        }
        ProtocolError::InvalidText => {
            "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in fact, a \
             valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_."
        }
        ProtocolError::CloseBodyTooShort => {
            "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer (in network byte \
             order) representing a status code with value /code/ defined in Section 7.4."
        }
        ProtocolError::InvalidCloseReason => {
            "Following the 2-byte integer, the body MAY contain UTF-8-encoded data with value /reason/, the \
             interpretation of which is not defined by this specification."
        }
        ProtocolError::InvalidCloseCode(code) => return close_code_sentence(*code),
        ProtocolError::CorruptDeflate => "Decompress the resulting data using DEFLATE.",
        ProtocolError::FrameTooLarge { .. }
        | ProtocolError::MessageTooLarge { .. }
        | ProtocolError::TooManyFragments { .. }
        | ProtocolError::OutOfMemory { .. } => LIMIT_SENTENCE,
        _ => return None,
    })
}

fn close_code_sentence(code: u16) -> Option<&'static str> {
    Some(match code {
        0..=999 => "Status codes in the range 0-999 are not used.",
        1005 => {
            "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
        }
        1006 => {
            "1006 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
        }
        1015 => {
            "1015 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
        }
        1000..=2999 => {
            "Status codes in the range 1000-2999 are reserved for definition by this protocol, its future revisions, \
             and extensions specified in a permanent and readily available public specification."
        }
        _ => "Endpoints MAY use the following pre-defined status codes when sending a Close frame.",
    })
}

/// The sentences that are others for a request than for a response.
fn request_sentence(error: &HandshakeError) -> Option<&'static str> {
    match error {
        HandshakeError::ConnectionMissing => {
            Some("The request MUST contain a |Connection| header field whose value MUST include the \"Upgrade\" token.")
        }
        _ => None,
    }
}

fn handshake_sentence(error: &HandshakeError) -> Option<&'static str> {
    Some(match error {
        HandshakeError::MethodNotAllowed => "An HTTP/1.1 or higher GET request",
        HandshakeError::UpgradeRequired => {
            "An |Upgrade| header field containing the value \"websocket\", treated as an ASCII case-insensitive value."
        }
        HandshakeError::InvalidKey => {
            "A |Sec-WebSocket-Key| header field with a base64-encoded (see Section 4 of [RFC4648]) value that, when \
             decoded, is 16 bytes in length."
        }
        HandshakeError::TooMuchEarlyData { .. } => {
            "Once the client's opening handshake has been sent, the client MUST wait for a response from the server \
             before sending any further data."
        }
        HandshakeError::UnsupportedWebSocketVersion => {
            "If the server doesn't support the requested version, it MUST respond with a |Sec-WebSocket-Version| \
             header field"
        }
        HandshakeError::UpgradeMissing => {
            "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value that is \
             not an ASCII case-insensitive match for the value \"websocket\", the client MUST _Fail the WebSocket \
             Connection_."
        }
        HandshakeError::ConnectionMissing => {
            "If the response lacks a |Connection| header field or the |Connection| header field doesn't contain a \
             token that is an ASCII case-insensitive match for the value \"Upgrade\", the client MUST _Fail the \
             WebSocket Connection_."
        }
        HandshakeError::InvalidAccept => {
            "If the response lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept| contains a \
             value other than the base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-Key| (as a string, \
             not base64-decoded) with the string \"258EAFA5-E914-47DA-95CA-C5AB0DC85B11\" but ignoring any leading \
             and trailing whitespace, the client MUST _Fail the WebSocket Connection_."
        }
        HandshakeError::ExtensionNotOffered => {
            "If the response includes a |Sec-WebSocket-Extensions| header field and this header field indicates the \
             use of an extension that was not present in the client's handshake (the server has indicated an \
             extension not requested by the client), the client MUST _Fail the WebSocket Connection_."
        }
        HandshakeError::SubprotocolNotOffered => {
            "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use \
             of a subprotocol that was not present in the client's handshake (the server has indicated a subprotocol \
             not requested by the client), the client MUST _Fail the WebSocket Connection_."
        }
        HandshakeError::InvalidSubprotocol => {
            "The elements that comprise this value MUST be non-empty strings with characters in the range U+0021 to \
             U+007E not including separator characters as defined in [RFC2616] and MUST all be unique strings."
        }
        HandshakeError::DuplicateHeader(name) => return duplicate_sentence(name.as_str()),
        HandshakeError::InvalidHost => {
            "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a \
             Host header field and to any request message that contains more than one Host header field line or a Host \
             header field with an invalid field value."
        }
        HandshakeError::InvalidExtensions => {
            "If a value is received by either the client or the server during negotiation that does not conform to the \
             ABNF below, the recipient of such malformed data MUST immediately _Fail the WebSocket Connection_."
        }
        _ => return None,
    })
}

fn duplicate_sentence(name: &str) -> Option<&'static str> {
    Some(match name {
        "sec-websocket-key" => {
            "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP request."
        }
        "sec-websocket-version" => {
            "However, the |Sec-WebSocket-Version| header field MUST NOT appear more than once in an HTTP request."
        }
        "sec-websocket-accept" => {
            "The |Sec-WebSocket-Accept| header MUST NOT appear more than once in an HTTP response."
        }
        "sec-websocket-extensions" => {
            "However, the |Sec-WebSocket-Extensions| header field MUST NOT appear more than once in an HTTP response."
        }
        "sec-websocket-protocol" => {
            "However, the |Sec-WebSocket-Protocol| header field MUST NOT appear more than once in an HTTP response."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_breaks_a_rule_has_a_sentence_for_every_code() {
        for code in (0..1000).chain([1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX]) {
            let violation = Violation::of_frame(&ProtocolError::InvalidCloseCode(code));
            assert_eq!((violation.answer, violation.is_limit), (Answer::Close(1002), false));
            assert!(violation.sentence.is_some_and(|sentence| sentence.ends_with('.')), "{code}");
        }
    }

    #[test]
    fn a_limit_is_told_from_a_rule() {
        assert!(Violation::of_frame(&ProtocolError::TooManyFragments { limit: 1 }).is_limit);
        assert!(Violation::of_request(&HandshakeError::HeadTooLarge { limit: 1 }).is_limit);
        assert!(!Violation::of_response(&HandshakeError::InvalidAccept).is_limit);
        assert_eq!(Violation::of_request(&HandshakeError::InvalidKey).answer, Answer::Status(400));
    }
}
