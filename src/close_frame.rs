//! The Close frame and its body (RFC 6455 section 5.5.1).

use crate::{
    close_code::CloseCode,
    error::{CloseError, ProtocolError},
    frame::MAX_CONTROL_PAYLOAD,
    role::Role,
};

/// The longest reason that fits in a Close beside its code, in bytes.
pub(crate) const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// The content of a Close. The list of fields is complete: RFC 6455 section 5.5.1 defines no others.
///
/// ```
/// use statesocket::{CloseCode, CloseFrame};
///
/// let frame = CloseFrame::new(1001, "back at noon");
/// assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::GOING_AWAY, "back at noon"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    /// The code. [`NO_STATUS_RECEIVED`](CloseCode::NO_STATUS_RECEIVED) stands for an empty Close.
    pub code: CloseCode,
    /// The reason. A Close has room for 123 bytes of it.
    pub reason: String,
}

impl CloseFrame {
    /// A Close with this code and reason.
    #[must_use]
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }

    /// An empty Close. Section 7.1.5: "If this Close control frame contains no status code, _The WebSocket Connection
    /// Close Code_ is considered to be 1005."
    pub(crate) const EMPTY: Self = Self { code: CloseCode::NO_STATUS_RECEIVED, reason: String::new() };

    /// Reads a body.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, ProtocolError> {
        let Some((&code, reason)) = body.split_first_chunk() else {
            return if body.is_empty() { Ok(Self::EMPTY) } else { Err(ProtocolError::CloseBodyTooShort) };
        };
        let code = CloseCode::from(u16::from_be_bytes(code));
        if !code.is_on_wire() {
            return Err(ProtocolError::InvalidCloseCode(code.as_u16()));
        }
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
        Ok(Self::new(code, reason))
    }

    /// Checks that `sender` may send the frame.
    pub(crate) fn check(&self, sender: Role) -> Result<(), CloseError> {
        // Section 5.5.1: "The Close frame MAY contain a body". A reason follows the code, so it needs one.
        let is_empty = self.code == CloseCode::NO_STATUS_RECEIVED && self.reason.is_empty();
        if !is_empty && !self.code.is_sendable_by(sender) {
            return Err(CloseError::InvalidCode(self.code));
        }
        if self.reason.len() > MAX_REASON {
            return Err(CloseError::ReasonTooLong(self.reason.len()));
        }
        Ok(())
    }

    /// The frame that is nearest to this code and reason and that `sender` may send.
    pub(crate) fn fit(code: CloseCode, reason: &str, sender: Role) -> Self {
        let reason = fit_reason(reason);
        let code = match code {
            CloseCode::NO_STATUS_RECEIVED if reason.is_empty() => code,
            CloseCode::NO_STATUS_RECEIVED => CloseCode::NORMAL_CLOSURE,
            _ if code.is_sendable_by(sender) => code,
            _ => CloseCode::INTERNAL_ERROR,
        };
        Self::new(code, reason)
    }

    /// Writes the body. It is empty for 1005, the only code in a Close of ours that is never on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if !self.code.is_on_wire() {
            return Vec::new();
        }
        [&self.code.as_u16().to_be_bytes(), self.reason.as_bytes()].concat()
    }
}

/// The longest beginning of `reason` that fits in a Close, cut between code points.
pub(crate) fn fit_reason(reason: &str) -> &str {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or_default()]
}
