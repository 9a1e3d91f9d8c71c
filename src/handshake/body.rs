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

/// The longest line of the chunked coding, in bytes. A line holds a size with extensions, or a trailer.
const MAX_CHUNK_LINE: usize = 1024;

#[derive(Clone, Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    next: Next,
}

/// The part of the body that the next byte belongs to.
#[derive(Clone, Debug)]
enum Next {
    /// The body, with this number of bytes left.
    Sized(u64),
    /// The body, until the stream ends.
    Unsized,
    /// The line with the size of the next chunk, as far as it has come.
    ChunkSize(Vec<u8>),
    /// A chunk, with this number of bytes left, those of the line end behind it included.
    Chunk(u64),
    /// A line after the last chunk, as far as it has come.
    Trailer(Vec<u8>),
}

impl Body {
    /// Reads the framing of the body of `response` (RFC 9112 section 6.3).
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

    /// Takes the bytes of the body off the front of `input`. Returns whether the body has ended or has reached `limit`
    /// bytes, where it is cut off.
    pub(super) fn read(&mut self, input: &mut &mut [u8], limit: usize) -> Result<bool, HandshakeError> {
        loop {
            if matches!(self.next, Next::Sized(0)) || self.bytes.len() >= limit {
                return Ok(true);
            }
            if input.is_empty() {
                return Ok(false);
            }
            let room = limit - self.bytes.len();
            match &mut self.next {
                Next::Sized(left) => {
                    let data = take(input, *left, room);
                    *left -= data.len() as u64;
                    self.bytes.extend_from_slice(data);
                }
                Next::Unsized => self.bytes.extend_from_slice(take(input, u64::MAX, room)),
                Next::Chunk(left) => {
                    let data = take_of_chunk(input, left, room)?;
                    self.bytes.extend_from_slice(data);
                    if *left == 0 {
                        self.next = Next::ChunkSize(Vec::new());
                    }
                }
                Next::ChunkSize(line) => {
                    if take_line(input, line)? {
                        self.next = after_size(line)?;
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

/// Takes bytes of a chunk. `left` is the number of missing bytes, those of the line end included. Checks the line end,
/// and returns the bytes before it.
///
/// ```text
///   d d d d d d CR LF
///       |       |
///       |       the last 2 bytes of the chunk: the line end
///       the bytes taken may begin and end anywhere, also between CR and LF
/// ```
fn take_of_chunk<'b>(input: &mut &'b mut [u8], left: &mut u64, room: usize) -> Result<&'b [u8], HandshakeError> {
    let data_left = left.saturating_sub(2);
    let taken = &*take(input, *left, room);
    let (data, line_end) = taken.split_at(data_left.min(taken.len() as u64) as usize);
    *left -= taken.len() as u64;
    let line_end_left = (*left).min(2) as usize;
    let expected = &b"\r\n"[2 - line_end_left - line_end.len()..];
    if expected.starts_with(line_end) { Ok(data) } else { Err(HandshakeError::Malformed) }
}

/// The part of the body that follows the line of a chunk size.
fn after_size(line: &[u8]) -> Result<Next, HandshakeError> {
    // httparse reads a line without a digit as size 0.
    if !line[0].is_ascii_hexdigit() {
        return Err(HandshakeError::Malformed);
    }
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((_, 0))) => Ok(Next::Trailer(Vec::new())),
        Ok(httparse::Status::Complete((_, size))) => Ok(Next::Chunk(size.saturating_add(2))),
        Ok(httparse::Status::Partial) | Err(_) => Err(HandshakeError::Malformed),
    }
}

/// Whether chunked is the final transfer coding (RFC 9112 section 6.3).
fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back().and_then(|value| value.to_str().ok());
    last.and_then(|value| value.split(',').next_back())
        .is_some_and(|coding| trim(coding).eq_ignore_ascii_case("chunked"))
}

/// Takes at most `left` and at most `room` bytes off the front of `input`.
fn take<'b>(input: &mut &'b mut [u8], left: u64, room: usize) -> &'b mut [u8] {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(room).min(input.len());
    input.split_off_mut(..len).expect("the length is at most that of the input")
}

/// Moves the bytes up to and including the first line feed from `input` to `line`, or all bytes if there is none.
/// Returns whether there was one.
fn take_line(input: &mut &mut [u8], line: &mut Vec<u8>) -> Result<bool, HandshakeError> {
    let end = input.iter().position(|&byte| byte == b'\n');
    let taken = take(input, end.map_or(u64::MAX, |at| at as u64 + 1), usize::MAX);
    if line.len() + taken.len() > MAX_CHUNK_LINE {
        return Err(HandshakeError::Malformed);
    }
    line.extend_from_slice(taken);
    Ok(end.is_some())
}
