//! Close codes: their numbers, meanings, and senders.

use crate::role::Role;
use std::fmt;

/// The code of a Close (RFC 6455 section 7.4): a number with named constants, like `http::StatusCode`.
///
/// Any number can be a `CloseCode`, so your code can show every code that it gets.
/// [`is_sendable_by`](Self::is_sendable_by) says whether an endpoint may send it:
///
/// | code | meaning | allowed senders |
/// |---|---|---|
/// | 0-999 | not used (section 7.4.2) | nobody |
/// | 1000 | [normal closure](Self::NORMAL_CLOSURE) | both |
/// | 1001 | [going away](Self::GOING_AWAY) | both |
/// | 1002 | [protocol error](Self::PROTOCOL_ERROR) | both |
/// | 1003 | [unsupported data](Self::UNSUPPORTED_DATA) | both |
/// | 1004 | reserved, without a meaning | nobody |
/// | 1005 | [no status received](Self::NO_STATUS_RECEIVED) | nobody: stands for an empty Close, which both may send |
/// | 1006 | [abnormal closure](Self::ABNORMAL_CLOSURE) | nobody: stands for the absence of a Close |
/// | 1007 | [invalid payload](Self::INVALID_PAYLOAD) | both |
/// | 1008 | [policy violation](Self::POLICY_VIOLATION) | both |
/// | 1009 | [message too big](Self::MESSAGE_TOO_BIG) | both |
/// | 1010 | [mandatory extension](Self::MANDATORY_EXTENSION) | clients |
/// | 1011 | [internal error](Self::INTERNAL_ERROR) | both; RFC 6455 speaks of servers, the IANA registry of both |
/// | 1012 | [service restart](Self::SERVICE_RESTART) | both; meant for servers (IANA registry) |
/// | 1013 | [try again later](Self::TRY_AGAIN_LATER) | both; meant for servers (IANA registry) |
/// | 1014 | [bad gateway](Self::BAD_GATEWAY) | both; meant for gateways (IANA registry) |
/// | 1015 | [TLS handshake](Self::TLS_HANDSHAKE) | nobody: stands for a TLS handshake that failed |
/// | 1016-2999 | reserved for RFC 6455, its revisions and extensions | nobody |
/// | 3000-3999 | libraries, frameworks and applications, registered with IANA | both |
/// | 4000-4999 | private use, by prior agreement | both |
/// | 5000- | not used | nobody |
///
/// ```
/// use statesocket::{CloseCode, Role};
///
/// let code = CloseCode::from(1010);
/// assert_eq!(code, CloseCode::MANDATORY_EXTENSION);
/// assert_eq!((code.as_u16(), code.name()), (1010, Some("mandatory extension")));
/// assert!(code.is_sendable_by(Role::Client) && !code.is_sendable_by(Role::Server));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: "a normal closure, meaning that the purpose for which the connection was established has been fulfilled"
    /// (section 7.4.1).
    pub const NORMAL_CLOSURE: Self = Self(1000);

    /// 1001: "an endpoint is 'going away', such as a server going down or a browser having navigated away from a page"
    /// (section 7.4.1).
    pub const GOING_AWAY: Self = Self(1001);

    /// 1002: "an endpoint is terminating the connection due to a protocol error" (section 7.4.1).
    pub const PROTOCOL_ERROR: Self = Self(1002);

    /// 1003: the endpoint "has received a type of data it cannot accept (e.g., an endpoint that understands only text
    /// data MAY send this if it receives a binary message)" (section 7.4.1).
    pub const UNSUPPORTED_DATA: Self = Self(1003);

    /// 1005: a Close without a code was received. It "MUST NOT be set as a status code in a Close control frame by an
    /// endpoint" (section 7.4.1).
    pub const NO_STATUS_RECEIVED: Self = Self(1005);

    /// 1006: the connection ended "abnormally, e.g., without sending or receiving a Close control frame". It is never
    /// sent (section 7.4.1).
    pub const ABNORMAL_CLOSURE: Self = Self(1006);

    /// 1007: the endpoint "has received data within a message that was not consistent with the type of the message
    /// (e.g., non-UTF-8 \[RFC3629\] data within a text message)" (section 7.4.1).
    pub const INVALID_PAYLOAD: Self = Self(1007);

    /// 1008: the endpoint "has received a message that violates its policy" (section 7.4.1).
    pub const POLICY_VIOLATION: Self = Self(1008);

    /// 1009: the endpoint "has received a message that is too big for it to process" (section 7.4.1).
    pub const MESSAGE_TOO_BIG: Self = Self(1009);

    /// 1010: the client "has expected the server to negotiate one or more extension, but the server didn't return
    /// them". It "is not used by the server, because it can fail the WebSocket handshake instead" (section 7.4.1).
    pub const MANDATORY_EXTENSION: Self = Self(1010);

    /// 1011: the endpoint "encountered an unexpected condition that prevented it from fulfilling the request" (section
    /// 7.4.1, which speaks of servers).
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// 1012: the server restarts; a client may reconnect after a random delay (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);

    /// 1013: the server is overloaded; a client should connect to another address, or to the same one when its user
    /// acts (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// 1014: a gateway got an invalid answer from the server behind it, like HTTP status 502 (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// 1015: the TLS handshake failed. It is never sent (section 7.4.1).
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// The code with this number, like [`From`] but `const`.
    ///
    /// ```
    /// # use statesocket::CloseCode;
    /// const KICKED: CloseCode = CloseCode::new(4001);
    /// assert_eq!(KICKED, 4001);
    /// ```
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// The meaning of a code from 1000 to 1015; `None` for 1004 and all other codes.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL_CLOSURE => "normal closure",
            Self::GOING_AWAY => "going away",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::UNSUPPORTED_DATA => "unsupported data",
            Self::NO_STATUS_RECEIVED => "no status received",
            Self::ABNORMAL_CLOSURE => "abnormal closure",
            Self::INVALID_PAYLOAD => "invalid payload",
            Self::POLICY_VIOLATION => "policy violation",
            Self::MESSAGE_TOO_BIG => "message too big",
            Self::MANDATORY_EXTENSION => "mandatory extension",
            Self::INTERNAL_ERROR => "internal error",
            Self::SERVICE_RESTART => "service restart",
            Self::TRY_AGAIN_LATER => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            Self::TLS_HANDSHAKE => "TLS handshake",
            _ => return None,
        })
    }

    /// Whether an endpoint of role `sender` may send the code in a Close: sections 7.4.1 and 7.4.2, and 1012 to 1014 of
    /// the IANA registry.
    #[must_use]
    pub const fn is_sendable_by(self, sender: Role) -> bool {
        // Section 7.4.1 of 1010: "this status code is not used by the server".
        self.is_on_wire() && !(matches!(sender, Role::Server) && self.0 == Self::MANDATORY_EXTENSION.0)
    }

    /// Whether a Close on the wire may carry the code.
    pub(crate) const fn is_on_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// The number alone.
impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, code: &u16) -> bool {
        self.0 == *code
    }
}

impl PartialEq<CloseCode> for u16 {
    fn eq(&self, code: &CloseCode) -> bool {
        *self == code.0
    }
}
