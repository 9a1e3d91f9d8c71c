//! The output of an endpoint, parsed without the code under test.

use crate::support::{Raw, head_len};

/// The output of one write: at most one HTTP head with its body, then frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    pub(super) head: Option<Vec<u8>>,
    pub(super) frames: Vec<Raw>,
}

impl Raw {
    /// The code if it is a Close; 1005 stands for none.
    pub(super) fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        (self.opcode() == Self::CLOSE).then_some(code)
    }
}

impl Output {
    /// The frames keep their keys, so that they can be written again unchanged.
    pub(super) fn parse(mut bytes: &[u8]) -> Self {
        let mut output = Self::default();
        if bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/") {
            let end = head_len(bytes).expect("a head is written completely");
            // A rejection is followed by its body and nothing else.
            let len = if is_refusal(bytes) { bytes.len() } else { end };
            output.head = Some(bytes[..len].to_vec());
            bytes = &bytes[len..];
        }
        while !bytes.is_empty() {
            output.frames.push(Raw::parse(&mut bytes));
        }
        output
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone().unwrap_or_default();
        bytes.extend(self.frames.iter().flat_map(Raw::bytes));
        bytes
    }
}

pub(super) fn is_refusal(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/") && !head.starts_with(b"HTTP/1.1 101 ")
}
