//! Conversions from and to the types of tungstenite, for programs that use both.
//!
//! They are for the version of tungstenite that this crate depends on. Compatibility with other versions is not
//! promised.

use crate::{close_code::CloseCode, close_frame::CloseFrame, message::Message, role::Role};
use tungstenite::protocol::{self, frame};

impl From<protocol::Role> for Role {
    fn from(role: protocol::Role) -> Self {
        match role {
            protocol::Role::Client => Self::Client,
            protocol::Role::Server => Self::Server,
        }
    }
}

impl From<Role> for protocol::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Client => Self::Client,
            Role::Server => Self::Server,
        }
    }
}

/// Two codes of tungstenite with the same number become one.
impl From<frame::coding::CloseCode> for CloseCode {
    fn from(code: frame::coding::CloseCode) -> Self {
        Self::from(u16::from(code))
    }
}

impl From<CloseCode> for frame::coding::CloseCode {
    fn from(code: CloseCode) -> Self {
        Self::from(code.as_u16())
    }
}

impl From<frame::CloseFrame> for CloseFrame {
    fn from(frame: frame::CloseFrame) -> Self {
        Self::new(frame.code, frame.reason.as_str())
    }
}

impl From<CloseFrame> for frame::CloseFrame {
    fn from(frame: CloseFrame) -> Self {
        Self { code: frame.code.into(), reason: frame.reason.into() }
    }
}

/// Copies the bytes of a borrowed message; moves those of an owned one.
impl From<Message<'_>> for tungstenite::Message {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::text(text.into_owned()),
            Message::Binary(bytes) => Self::binary(bytes.into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_both_ways() {
        for number in 0..=u16::MAX {
            let code = CloseCode::from(number);
            let theirs = frame::coding::CloseCode::from(code);
            assert_eq!((u16::from(theirs), CloseCode::from(theirs)), (number, code));
        }
    }

    #[test]
    fn roles_and_close_frames_survive_both_ways() {
        for role in Role::ALL {
            assert_eq!(Role::from(protocol::Role::from(role)), role);
        }
        let close = CloseFrame::new(1014, "ünterwegs");
        assert_eq!(CloseFrame::from(frame::CloseFrame::from(close.clone())), close);
    }

    #[test]
    fn messages_keep_their_kind_and_bytes() {
        assert_eq!(tungstenite::Message::from(Message::from("text")), tungstenite::Message::text("text"));
        assert_eq!(tungstenite::Message::from(Message::from(&b"\xFF"[..])), tungstenite::Message::binary(vec![0xFF]));
    }
}
