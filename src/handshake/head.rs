//! The head of a request or response: reading it up to its empty line, and writing its headers.

use crate::{config::Config, error::HandshakeError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::mem;

/// Collects a head. It looks at each byte once, so a head that comes byte by byte costs no more than a whole one.
///
/// A byte that no head can contain fails at once. So a TLS client hello on a plain port fails before the timeout.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadReader {
    bytes: Vec<u8>,
    line_start: usize,
    lines: usize,
    /// The bytes of the heads before this one, which are interim responses.
    before: usize,
}

/// A complete head within the limits.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Bytes,
    lines: usize,
}

impl HeadReader {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes a head off the front of `input`, or all of `input` if the head does not end there.
    pub(super) fn read(
        &mut self,
        input: &mut &mut [u8],
        config: &Config,
        first_line_limit: usize,
    ) -> Result<Option<Head>, HandshakeError> {
        let end = self.find_end(input, config, first_line_limit)?;
        let len = end.unwrap_or(input.len());
        let taken = input.split_off_mut(..len).expect("the head ends within the input");
        self.bytes.extend_from_slice(taken);
        Ok(end.map(|_| {
            let before = self.before + self.bytes.len();
            let done = mem::replace(self, Self { before, ..Self::default() });
            Head { bytes: done.bytes.into(), lines: done.lines }
        }))
    }

    /// The end of the head in `input`, which follows the bytes collected so far.
    fn find_end(
        &mut self,
        input: &[u8],
        config: &Config,
        first_line_limit: usize,
    ) -> Result<Option<usize>, HandshakeError> {
        let held = self.bytes.len();
        let mut follows_cr = self.bytes.last() == Some(&b'\r');
        let mut at = 0;
        loop {
            if !follows_cr {
                at += plain_len(&input[at..]);
                self.check_len(held + at, config, first_line_limit)?;
            }
            let Some(&byte) = input.get(at) else { return Ok(None) };
            let is_misplaced = if follows_cr { byte != b'\n' } else { !matches!(byte, b'\t' | b'\r') };
            if is_misplaced {
                return Err(HandshakeError::Malformed);
            }
            at += 1;
            self.check_len(held + at, config, first_line_limit)?;
            follows_cr = byte == b'\r';
            if byte == b'\n' && self.end_line(held + at, config)? {
                return Ok(Some(at));
            }
        }
    }

    /// Checks the length of the head so far.
    fn check_len(&self, len: usize, config: &Config, first_line_limit: usize) -> Result<(), HandshakeError> {
        let head_limit = config.max_head_bytes.saturating_sub(self.before);
        // The lower of the two limits is reported, however the bytes are cut.
        if self.lines == 0 && len > first_line_limit && first_line_limit <= head_limit {
            return Err(HandshakeError::RequestLineTooLong { limit: first_line_limit });
        }
        if len > head_limit {
            return Err(HandshakeError::HeadTooLarge { limit: config.max_head_bytes });
        }
        Ok(())
    }

    /// Ends a line behind the first `at` bytes of the head. Returns whether the head ends with it.
    fn end_line(&mut self, at: usize, config: &Config) -> Result<bool, HandshakeError> {
        let is_empty = at - mem::replace(&mut self.line_start, at) == 2;
        if is_empty {
            // RFC 9112 section 2.2: "a server [...] SHOULD ignore at least one empty line (CRLF) received prior to the
            // request-line"; httparse does.
            return Ok(self.lines > 0);
        }
        self.lines += 1;
        if self.lines - 1 > config.max_headers {
            return Err(HandshakeError::TooManyHeaders { limit: config.max_headers });
        }
        Ok(false)
    }
}

/// The number of bytes before the first control character.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (n, word) in words.iter().enumerate() {
        let control = controls(u64::from_le_bytes(*word));
        if control != 0 {
            return n * size_of::<u64>() + control.trailing_zeros() as usize / 8;
        }
    }
    bytes.len() - rest.len() + rest.iter().position(u8::is_ascii_control).unwrap_or(rest.len())
}

/// Sets the high bit of each byte of `word` that is a control character. Only the lowest set bit is reliable: the
/// subtraction borrows from the bytes above it.
const fn controls(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let from_delete = word ^ (0x7F * ONES);
    let is_low = word.wrapping_sub(0x20 * ONES) & !word;
    let is_delete = from_delete.wrapping_sub(ONES) & !from_delete;
    (is_low | is_delete) & (0x80 * ONES)
}

impl Head {
    /// Calls `parse` with the text and memory for its header lines.
    pub(super) fn parse_with<T>(
        &self,
        parse: impl for<'h> FnOnce(&'h str, &mut [httparse::Header<'h>]) -> Result<T, HandshakeError>,
    ) -> Result<T, HandshakeError> {
        // RFC 6455 section 8.1: "This rule applies both during the opening handshake and during subsequent data
        // exchange."
        let text = simdutf8::basic::from_utf8(&self.bytes).map_err(|_| HandshakeError::NotUtf8)?;
        parse(text, &mut vec![httparse::EMPTY_HEADER; self.lines])
    }

    /// A part of the head that shares its memory.
    pub(super) fn share(&self, part: impl AsRef<[u8]>) -> Bytes {
        self.bytes.slice_ref(part.as_ref())
    }

    /// The headers. Their values share the memory of the head.
    pub(super) fn headers(&self, parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, HandshakeError> {
        let mut headers = HeaderMap::try_with_capacity(parsed.len()).unwrap_or_default();
        for header in parsed {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| HandshakeError::Malformed)?;
            let value = self.share(header.value);
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| HandshakeError::Malformed)?;
            headers.try_append(name, value).map_err(|_| HandshakeError::TooManyHeaders { limit: headers.len() })?;
        }
        Ok(headers)
    }
}

/// The first line of a head, without the empty lines before it.
pub(super) fn first_line(text: &str) -> &str {
    text.trim_start_matches("\r\n").split("\r\n").next().unwrap_or_default()
}

/// `HTTP-version = HTTP-name "/" DIGIT "." DIGIT` (RFC 9112 section 2.3).
pub(super) fn is_http_version(word: &str) -> bool {
    matches!(word.as_bytes(), [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// Our error for one of httparse. httparse reports a wrong version also where there is no version at all;
/// `names_version` tells the two cases apart.
pub(super) const fn syntax_error(error: httparse::Error, names_version: bool) -> HandshakeError {
    match error {
        httparse::Error::Version if names_version => HandshakeError::VersionNotSupported,
        httparse::Error::Version
        | httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::TooManyHeaders => HandshakeError::Malformed,
    }
}

/// Appends a header line.
pub(super) fn write_header(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Appends the lines of all `headers`.
pub(super) fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        write_header(head, name.as_str(), value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_found_at_every_place_and_no_other_byte_is() {
        for byte in 0..=u8::MAX {
            for len in 0..20 {
                for at in 0..len {
                    let mut bytes = vec![b' '; len];
                    bytes[at] = byte;
                    // Bytes behind the first one change nothing.
                    for byte_behind in [b' ', 0, 0x7F, 0xFF] {
                        bytes[at + 1..].fill(byte_behind);
                        let first = bytes.iter().position(u8::is_ascii_control).unwrap_or(len);
                        assert_eq!(plain_len(&bytes), first, "{bytes:?}");
                    }
                }
            }
        }
    }
}
