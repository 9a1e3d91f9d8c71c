//! The body of a rejection, as a client reads it (RFC 9112 sections 6 and 7).

use super::{
    Response,
    grammar::{self, is_digits, trim},
};
use crate::error::HandshakeError;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// A line of the chunked coding is a size and perhaps extensions or a trailer; this many bytes are plenty.
const MAX_CHUNK_LINE: usize = 1024;

#[derive(Clone, Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    next: Next,
}

/// What the next byte is part of.
#[derive(Clone, Debug)]
enum Next {
    /// The body, with so many bytes left.
    Sized(u64),
    /// The body, until the stream ends.
    Unsized,
    /// The line that says how long the next chunk is.
    ChunkSize(Vec<u8>),
    /// A chunk, with so many bytes left, the line end after it included.
    Chunk(u64),
    /// A line after the last chunk.
    Trailer(Vec<u8>),
}

impl Body {
    /// How the body of `response` is delimited (RFC 9112 section 6.3).
    pub(super) fn of(response: &Response) -> Result<Self, HandshakeError> {
        let headers = &response.headers;
        let next = if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status) {
            Next::Sized(0)
        } else if headers.contains_key(TRANSFER_ENCODING) {
            if is_chunked(headers) { Next::ChunkSize(Vec::new()) } else { Next::Unsized }
        } else {
            match grammar::single(headers, &CONTENT_LENGTH).map_err(|_| HandshakeError::Malformed)? {
                Some(length) if is_digits(length) => {
                    Next::Sized(length.parse().map_err(|_| HandshakeError::Malformed)?)
                }
                Some(_) => return Err(HandshakeError::Malformed),
                None => Next::Unsized,
            }
        };
        Ok(Self { bytes: Vec::new(), next })
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes what belongs to the body off the front of `input`. Returns whether the body has ended, or is cut off at
    /// `limit` bytes.
    pub(super) fn read(&mut self, input: &mut &mut [u8], limit: usize) -> Result<bool, HandshakeError> {
        loop {
            match &mut self.next {
                Next::Sized(0) => return Ok(true),
                _ if self.bytes.len() >= limit => return Ok(true),
                _ if input.is_empty() => return Ok(false),
                Next::Sized(left) => {
                    let taken = take(input, *left, limit - self.bytes.len());
                    *left -= taken.len() as u64;
                    self.bytes.extend_from_slice(taken);
                }
                Next::Unsized => self.bytes.extend_from_slice(take(input, u64::MAX, limit - self.bytes.len())),
                Next::Chunk(left) => {
                    let taken = take(input, *left, limit - self.bytes.len());
                    // The last two bytes are the line end.
                    let of_data = left.saturating_sub(2).min(taken.len() as u64) as usize;
                    let (data, line_end) = taken.split_at(of_data);
                    *left -= taken.len() as u64;
                    // As much of the line end as has come, which may be its second byte alone.
                    let expected = &b"\r\n"[2 - (*left).min(2) as usize - line_end.len()..];
                    if !expected.starts_with(line_end) {
                        return Err(HandshakeError::Malformed);
                    }
                    self.bytes.extend_from_slice(data);
                    if *left == 0 {
                        self.next = Next::ChunkSize(Vec::new());
                    }
                }
                Next::ChunkSize(line) => {
                    if take_line(input, line)? {
                        // httparse takes a line without a digit for size 0.
                        if !line[0].is_ascii_hexdigit() {
                            return Err(HandshakeError::Malformed);
                        }
                        self.next = match httparse::parse_chunk_size(line) {
                            Ok(httparse::Status::Complete((_, 0))) => Next::Trailer(Vec::new()),
                            Ok(httparse::Status::Complete((_, size))) => Next::Chunk(size.saturating_add(2)),
                            Ok(httparse::Status::Partial) | Err(_) => return Err(HandshakeError::Malformed),
                        };
                    }
                }
                Next::Trailer(line) => {
                    if take_line(input, line)? {
                        let is_end = line.as_slice() == b"\r\n";
                        self.next = if is_end { Next::Sized(0) } else { Next::Trailer(Vec::new()) };
                    }
                }
            }
        }
    }
}

/// Whether chunked is the final transfer coding (RFC 9112 section 6.3).
fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back().and_then(|value| value.to_str().ok());
    last.and_then(|value| value.split(',').next_back())
        .is_some_and(|coding| trim(coding).eq_ignore_ascii_case("chunked"))
}

/// Takes at most `left` and at most `room` bytes, but at least one.
fn take<'b>(input: &mut &'b mut [u8], left: u64, room: usize) -> &'b mut [u8] {
    let at = usize::try_from(left).unwrap_or(usize::MAX).min(room).min(input.len());
    let (front, rest) = std::mem::take(input).split_at_mut(at);
    *input = rest;
    front
}

/// Moves bytes from `input` to `line` up to a line feed. Returns whether there was one.
fn take_line(input: &mut &mut [u8], line: &mut Vec<u8>) -> Result<bool, HandshakeError> {
    let end = input.iter().position(|&byte| byte == b'\n');
    let taken = take(input, end.map_or(u64::MAX, |at| at as u64 + 1), usize::MAX);
    if line.len() + taken.len() > MAX_CHUNK_LINE {
        return Err(HandshakeError::Malformed);
    }
    line.extend_from_slice(taken);
    Ok(end.is_some())
}
