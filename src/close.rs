//! Close codes and the body of a Close (RFC 6455 sections 5.5.1 and 7.4).

use crate::{error::ProtocolError, frame::MAX_CONTROL_PAYLOAD};
use tungstenite::protocol::{
    Role,
    frame::{CloseFrame, Utf8Bytes, coding::CloseCode},
};

/// The longest reason that fits a Close beside its code, in bytes.
pub(crate) const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// Whether a Close on the wire may carry `code`: sections 7.4.1 and 7.4.2, and 1012 to 1014 of the IANA registry.
///
/// `CloseCode::is_allowed` of tungstenite is not used because it refuses 1014.
pub(crate) fn is_wire_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Whether an endpoint of role `role` may send `code`.
pub(crate) fn may_send(code: u16, role: Role) -> bool {
    // Section 7.4.1 of 1010: "this status code is not used by the server".
    is_wire_code(code) && !(role == Role::Server && code == 1010)
}

/// `code`, or what comes nearest to it that an endpoint of role `role` may send: 1000 for none, else 1011.
pub(crate) fn sendable(code: CloseCode, role: Role) -> CloseCode {
    match u16::from(code) {
        number if may_send(number, role) => code,
        1005 => CloseCode::Normal,
        _ => CloseCode::Error,
    }
}

/// The Close that an empty body stands for: section 7.1.5, "If this Close control frame contains no status code,
/// _The WebSocket Connection Close Code_ is considered to be 1005."
pub(crate) const fn empty() -> CloseFrame {
    CloseFrame { code: CloseCode::Status, reason: Utf8Bytes::from_static("") }
}

/// As much of `reason` as fits, cut between code points.
pub(crate) fn fit_reason(reason: &str) -> &str {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or_default()]
}

/// Reads the body of a Close.
pub(crate) fn decode(body: &[u8]) -> Result<CloseFrame, ProtocolError> {
    let Some((&code, reason)) = body.split_first_chunk() else {
        return if body.is_empty() { Ok(empty()) } else { Err(ProtocolError::CloseBodyTooShort) };
    };
    let code = u16::from_be_bytes(code);
    if !is_wire_code(code) {
        return Err(ProtocolError::InvalidCloseCode(code));
    }
    let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
    Ok(CloseFrame { code: code.into(), reason: reason.into() })
}

/// Writes the body of a Close; a code that is never on the wire (1005) stands for an empty body.
pub(crate) fn encode(frame: &CloseFrame) -> Vec<u8> {
    let code = u16::from(frame.code);
    if !is_wire_code(code) {
        return Vec::new();
    }
    [&code.to_be_bytes(), frame.reason.as_bytes()].concat()
}
