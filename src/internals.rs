//! What the benches of this crate measure one by one. No part of the API: anything here may change or go.

use crate::{
    error::ProtocolError,
    frame::{decode, mask},
    utf8::Utf8Stream,
};
use tungstenite::protocol::Role;

/// The length of the payload and that of the header, of the frame at the front of `bytes`.
pub fn decode_header(bytes: &[u8], local: Role) -> Result<Option<(u64, usize)>, ProtocolError> {
    decode::decode(bytes, local).map(|whole| whole.map(|(header, used)| (header.len, used)))
}

/// Unmasks `bytes` in place.
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    mask::apply(bytes, key);
}

/// The length of the text that `bytes` begin with; `None` if they are not the beginning of one.
pub fn check_text(bytes: &[u8]) -> Option<usize> {
    let mut stream = Utf8Stream::EMPTY;
    stream.push(bytes).ok().map(|(_, text)| text.len())
}
