//! Parts of the codec, for the benches of this crate. Not part of the API: anything here may change.

use crate::{
    error::ProtocolError,
    frame::{decode, mask},
    role::Role,
    utf8::Utf8Stream,
};

/// The lengths of the payload and the header of the frame at the front of `bytes`.
pub fn decode_header(bytes: &[u8], local: Role) -> Result<Option<(u64, usize)>, ProtocolError> {
    decode::decode(bytes, local, 0).map(|whole| whole.map(|(header, used)| (header.len, used)))
}

/// Unmasks `bytes` in place.
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    mask::apply(bytes, key);
}

/// The length of the complete code points in `bytes`; `None` if `bytes` do not begin a valid text.
pub fn check_text(bytes: &[u8]) -> Option<usize> {
    let mut stream = Utf8Stream::EMPTY;
    stream.push(bytes).ok().map(|(_, text)| text.len())
}
