//! The head of a request or response: reading it up to its empty line, and writing its headers.

use super::first_line::FirstLine;
use crate::{config::Config, error::HandshakeError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{borrow::Cow, mem, ops::Range};

/// Collects a head. It looks at each byte once, so a head that comes byte by byte costs no more than a whole one.
///
/// It fails at the first byte that no head can contain, and at the first byte that no first line can begin with. So a
/// TLS client hello on a plain port and the greeting of another protocol fail before the timeout.
#[derive(Clone, Debug)]
pub(super) struct HeadReader<L> {
    bytes: Vec<u8>,
    line_start: usize,
    lines: usize,
    /// The number of bytes of [`FirstLine::START`] that the first line begins with.
    started: usize,
    first_line: Option<(L, Range<usize>)>,
    /// A line begins with white space.
    is_folded: bool,
    /// The bytes of the heads before this one, which are interim responses.
    before: usize,
}

/// A head of at most this size needs too little memory to parse that a system could lack it, in bytes.
const SMALL: usize = 64 << 10;

/// The most memory that is made of a line of a head beside its bytes: its place, and its part of the tables of the
/// headers while they grow, in bytes.
const PER_LINE: usize = 400;

/// The most memory that is made of an element of a list beside its bytes, in bytes.
const PER_ELEMENT: usize = 160;

/// A complete head within the limits.
#[derive(Debug)]
pub(super) struct Head<L> {
    pub(super) first_line: L,
    first_line_at: Range<usize>,
    bytes: Bytes,
    lines: usize,
}

impl<L> Default for HeadReader<L> {
    fn default() -> Self {
        Self { bytes: Vec::new(), line_start: 0, lines: 0, started: 0, first_line: None, is_folded: false, before: 0 }
    }
}

impl<L: FirstLine> HeadReader<L> {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The memory of the bytes so far, in bytes.
    pub(super) const fn buffered(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether the first line begins with [`FirstLine::START`].
    pub(super) const fn has_start(&self) -> bool {
        self.started == L::START.len()
    }

    /// Takes a head off the front of `input`, or all of `input` if the head does not end there.
    ///
    /// Not inlined: this keeps the function short that also reads frames.
    #[inline(never)]
    pub(super) fn read(&mut self, input: &mut &mut [u8], config: &Config) -> Result<Option<Head<L>>, HandshakeError> {
        let end = self.find_end(input, config)?;
        let len = end.unwrap_or(input.len());
        let taken = input.split_off_mut(..len).expect("the head ends within the input");
        if self.bytes.try_reserve(taken.len()).is_err() {
            return Err(self.refuse());
        }
        self.bytes.extend_from_slice(taken);
        if end.is_none() {
            return Ok(None);
        }
        if self.bytes.len() > SMALL && !self.can_parse(config) {
            return Err(self.refuse());
        }
        let before = self.before + self.bytes.len();
        let mut done = mem::replace(self, Self { before, ..Self::default() });
        let (first_line, first_line_at) = done.first_line.expect("a head ends after its first line");
        if L::MAY_FOLD && done.is_folded {
            unfold(&mut done.bytes[first_line_at.end..]);
        }
        Ok(Some(Head { first_line, first_line_at, bytes: done.bytes.into(), lines: done.lines }))
    }

    /// Gives back the memory of the head, of which the answer needs a little.
    #[cold]
    fn refuse(&mut self) -> HandshakeError {
        self.bytes = Vec::new();
        HandshakeError::OutOfMemory
    }

    /// Whether there is memory to parse a large head. Its headers and lists are copied into tables, and some of those
    /// cannot grow in a way that fails.
    #[cold]
    fn can_parse(&self, config: &Config) -> bool {
        let len = self.bytes.len();
        // There is a list of extensions and one of subprotocols. An element and its comma have two bytes.
        let elements = config.max_list_elements.min(len / 2).saturating_mul(2);
        let parts = [len.saturating_mul(4), self.lines.saturating_mul(PER_LINE), elements.saturating_mul(PER_ELEMENT)];
        let needed = parts.into_iter().fold(0, usize::saturating_add);
        Vec::<u8>::new().try_reserve_exact(needed).is_ok()
    }

    /// The end of the head in `input`, which follows the bytes collected so far.
    fn find_end(&mut self, input: &[u8], config: &Config) -> Result<Option<usize>, HandshakeError> {
        let held = self.bytes.len();
        let mut follows_cr = self.bytes.last() == Some(&b'\r');
        let mut at = 0;
        loop {
            if !follows_cr {
                let run = &input[at..][..plain_len(&input[at..])];
                if self.lines == 0 {
                    self.check_start(held + at, run, config)?;
                }
                at += run.len();
                self.check_len(held + at, config)?;
            }
            let Some(&byte) = input.get(at) else { return Ok(None) };
            let is_misplaced = if follows_cr { byte != b'\n' } else { !matches!(byte, b'\t' | b'\r') };
            if is_misplaced {
                return Err(HandshakeError::Malformed);
            }
            let begins_empty_line = byte == b'\r' && held + at == self.line_start;
            if self.lines == 0 && !follows_cr && !begins_empty_line {
                self.check_start(held + at, &[byte], config)?;
            }
            at += 1;
            self.check_len(held + at, config)?;
            follows_cr = byte == b'\r';
            if byte == b'\n' && self.end_line(&input[..at], config)? {
                return Ok(Some(at));
            }
        }
    }

    /// Checks the beginning of the first line. `run` is the bytes of the head from `at` on.
    #[cold]
    fn check_start(&mut self, at: usize, run: &[u8], config: &Config) -> Result<(), HandshakeError> {
        for (at, &byte) in (at..).zip(run) {
            let is_starting = at == self.line_start + self.started;
            let Some(&expected) = L::START.get(self.started).filter(|_| is_starting) else { return Ok(()) };
            // The first of two faults is reported, however the bytes are cut.
            self.check_len(at + 1, config)?;
            if !L::can_follow(self.started, byte) {
                return Err(HandshakeError::Malformed);
            }
            self.started += usize::from(byte == expected);
        }
        Ok(())
    }

    /// Checks the length of the head so far.
    fn check_len(&self, len: usize, config: &Config) -> Result<(), HandshakeError> {
        let head_limit = config.max_head_bytes.saturating_sub(self.before);
        let first_line_limit = L::max_len(config);
        // The lower of the two limits is reported, however the bytes are cut.
        if self.lines == 0 && len > first_line_limit && first_line_limit <= head_limit {
            return Err(HandshakeError::RequestLineTooLong { limit: first_line_limit });
        }
        if len > head_limit {
            return Err(HandshakeError::HeadTooLarge { limit: config.max_head_bytes });
        }
        Ok(())
    }

    /// Ends a line with the last byte of `input`. Returns whether the head ends with it.
    fn end_line(&mut self, input: &[u8], config: &Config) -> Result<bool, HandshakeError> {
        let end = self.bytes.len() + input.len();
        let start = mem::replace(&mut self.line_start, end);
        if end - start == 2 {
            // RFC 9112 section 2.2: "a server [...] SHOULD ignore at least one empty line (CRLF) received prior to the
            // request-line". A client does so too.
            return Ok(self.lines > 0);
        }
        self.lines += 1;
        let first = match start.checked_sub(self.bytes.len()) {
            Some(start) => input[start],
            None => self.bytes[start],
        };
        self.is_folded |= matches!(first, b' ' | b'\t');
        if self.lines == 1 {
            let Some(line) = self.joined(start, input) else { return Err(self.refuse()) };
            let first_line = L::parse(&line[..line.len() - 2])?;
            self.first_line = Some((first_line, start..end));
        } else if self.lines - 1 > config.max_headers {
            return Err(HandshakeError::TooManyHeaders { limit: config.max_headers });
        }
        Ok(false)
    }

    /// The bytes of the head from `start` to the end of `input`. `None` if there is no memory for a copy.
    fn joined<'i>(&self, start: usize, input: &'i [u8]) -> Option<Cow<'i, [u8]>> {
        if let Some(start) = start.checked_sub(self.bytes.len()) {
            return Some(Cow::Borrowed(&input[start..]));
        }
        let (held, mut joined) = (&self.bytes[start..], Vec::new());
        joined.try_reserve_exact(held.len() + input.len()).ok()?;
        joined.extend_from_slice(held);
        joined.extend_from_slice(input);
        Some(Cow::Owned(joined))
    }
}

/// Replaces the line end before each line that goes on with white space. The first line of `headers` cannot go on.
fn unfold(headers: &mut [u8]) {
    for at in 1..headers.len().saturating_sub(2) {
        if matches!(headers[at..at + 3], [b'\r', b'\n', b' ' | b'\t']) {
            headers[at..at + 2].fill(b' ');
        }
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

impl<L> Head<L> {
    /// A part of the first line.
    pub(super) fn in_first_line(&self, part: &Range<usize>) -> &[u8] {
        &self.bytes[self.first_line_at.clone()][part.clone()]
    }

    /// A part of the head that shares its memory.
    pub(super) fn share(&self, part: impl AsRef<[u8]>) -> Bytes {
        self.bytes.slice_ref(part.as_ref())
    }

    /// The headers. Their values share the memory of the head.
    pub(super) fn headers(&self) -> Result<HeaderMap, HandshakeError> {
        parse_headers(&self.bytes, self.first_line_at.end, self.lines)
    }
}

/// The headers in `head` from `start` on, at most `lines` of them. RFC 9110 section 5.5: a recipient treats bytes
/// outside ASCII "as opaque data".
fn parse_headers(head: &Bytes, start: usize, lines: usize) -> Result<HeaderMap, HandshakeError> {
    let mut room = vec![httparse::EMPTY_HEADER; lines];
    let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(&head[start..], &mut room) else {
        return Err(HandshakeError::Malformed);
    };
    let mut headers = HeaderMap::try_with_capacity(parsed.len()).unwrap_or_default();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| HandshakeError::Malformed)?;
        let value = head.slice_ref(header.value);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| HandshakeError::Malformed)?;
        headers.try_append(name, value).map_err(|_| HandshakeError::TooManyHeaders { limit: headers.len() })?;
    }
    Ok(headers)
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
                    // The bytes after it change nothing.
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
