//! A request or response head, collected until its empty line.

use crate::{config::Config, error::HandshakeError};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Collects a head. Each byte is looked at once, so that a head that comes byte by byte costs no more than a whole one.
///
/// Bytes that no head can hold fail at once: a TLS client hello on a plain port need not run into the time-out.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadReader {
    bytes: Vec<u8>,
    line_start: usize,
    lines: usize,
    /// Bytes of heads before this one: interim responses.
    before: usize,
}

/// A head, whole and within the limits.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
    lines: usize,
}

impl HeadReader {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes a head off the front of `input`; all of `input` if it does not end there.
    pub(super) fn read(
        &mut self,
        input: &mut &mut [u8],
        config: &Config,
        first_line_limit: usize,
    ) -> Result<Option<Head>, HandshakeError> {
        let mut at = 0;
        while at < input.len() {
            at += self.push_plain(&input[at..], config, first_line_limit);
            let Some(&byte) = input.get(at) else { break };
            at += 1;
            if self.push(byte, config, first_line_limit)? {
                *input = &mut std::mem::take(input)[at..];
                let before = self.before + self.bytes.len();
                let done = std::mem::replace(self, Self { before, ..Self::default() });
                return Ok(Some(Head { bytes: done.bytes, lines: done.lines }));
            }
        }
        *input = &mut [];
        Ok(None)
    }

    /// Takes what can stand anywhere in a line off the front of `bytes`, as far as it breaks no limit. Returns how much.
    fn push_plain(&mut self, bytes: &[u8], config: &Config, first_line_limit: usize) -> usize {
        if self.bytes.last() == Some(&b'\r') {
            return 0;
        }
        let head_limit = config.max_head_bytes.saturating_sub(self.before);
        let limit = if self.lines == 0 { head_limit.min(first_line_limit) } else { head_limit };
        let bytes = &bytes[..bytes.len().min(limit.saturating_sub(self.bytes.len()))];
        let end = bytes.iter().position(u8::is_ascii_control).unwrap_or(bytes.len());
        self.bytes.extend_from_slice(&bytes[..end]);
        end
    }

    /// Returns whether `byte` ends the head.
    fn push(&mut self, byte: u8, config: &Config, first_line_limit: usize) -> Result<bool, HandshakeError> {
        let follows_cr = self.bytes.last() == Some(&b'\r');
        let is_misplaced = match byte {
            b'\n' => !follows_cr,
            b'\t' | b'\r' | b' '..=b'~' | 0x80.. => follows_cr,
            0..=8 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F => true,
        };
        if is_misplaced {
            return Err(HandshakeError::Malformed);
        }
        self.bytes.push(byte);
        if self.lines == 0 && self.bytes.len() > first_line_limit {
            return Err(HandshakeError::RequestLineTooLong { limit: first_line_limit });
        }
        if self.before + self.bytes.len() > config.max_head_bytes {
            return Err(HandshakeError::HeadTooLarge { limit: config.max_head_bytes });
        }
        if byte != b'\n' {
            return Ok(false);
        }
        let is_empty_line = self.bytes.len() - self.line_start == 2;
        self.line_start = self.bytes.len();
        if is_empty_line {
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

impl Head {
    /// Hands the bytes and room for their header lines to `parse`.
    pub(super) fn parse_with<T>(
        &self,
        parse: impl for<'h> FnOnce(&'h str, &mut [httparse::Header<'h>]) -> Result<T, HandshakeError>,
    ) -> Result<T, HandshakeError> {
        // RFC 6455 section 8.1 has invalid UTF-8 "in the opening handshake" fail it.
        let text = simdutf8::basic::from_utf8(&self.bytes).map_err(|_| HandshakeError::NotUtf8)?;
        parse(text, &mut vec![httparse::EMPTY_HEADER; self.lines])
    }
}

/// The first line of a head, without the empty ones before it.
pub(super) fn first_line(text: &str) -> &str {
    text.trim_start_matches("\r\n").split("\r\n").next().unwrap_or_default()
}

/// `HTTP-version = HTTP-name "/" DIGIT "." DIGIT` (RFC 9112 section 2.3).
pub(super) fn is_http_version(word: &str) -> bool {
    matches!(word.as_bytes(), [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// The error that httparse's becomes. It finds the version wrong also where there is none: `names_version` tells.
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

pub(super) fn header_map(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, HandshakeError> {
    let mut headers = HeaderMap::try_with_capacity(parsed.len()).unwrap_or_default();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| HandshakeError::Malformed)?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| HandshakeError::Malformed)?;
        headers.try_append(name, value).map_err(|_| HandshakeError::TooManyHeaders { limit: headers.len() })?;
    }
    Ok(headers)
}
