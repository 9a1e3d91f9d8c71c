//! The body of a rejection, as a client reads it (RFC 9112 sections 6 and 7).

use super::{
    Response,
    grammar::{Malformed, is_digits, trim},
};
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// The longest line before a chunk, in bytes: its size, its extensions and the line end.
const MAX_SIZE_LINE: usize = 1024;

/// The body of a response, as far as it has come. A fault ends it.
///
/// RFC 9112 section 8: a response is incomplete if "decoding a supposedly chunked transfer coding fails".
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
    /// The line with the size of the next chunk.
    SizeLine(SizeLine),
    /// A chunk, with this number of bytes left.
    Chunk(u64),
    /// The line end after a chunk, with these bytes left.
    LineEnd(&'static [u8]),
    /// Nothing: the body has ended.
    End,
}

impl Body {
    /// Reads the framing of the body of `response` (RFC 9112 section 6.3).
    pub(super) fn of(response: &Response) -> Self {
        let headers = &response.headers;
        let next = if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status) {
            Next::End
        } else if headers.contains_key(TRANSFER_ENCODING) {
            if is_chunked(headers) { Next::SizeLine(SizeLine::default()) } else { Next::Unsized }
        } else {
            match content_length(headers) {
                Ok(Some(length)) => Next::Sized(length),
                Ok(None) => Next::Unsized,
                // Section 6.3 item 5: "the message framing is invalid".
                Err(Malformed) => Next::End,
            }
        };
        Self { bytes: Vec::new(), next }
    }

    /// The memory of the bytes so far, in bytes.
    pub(super) const fn buffered(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes the bytes of the body off the front of `input`. Returns whether the body has ended or has reached `limit`
    /// bytes, where it is cut off.
    pub(super) fn read(&mut self, input: &mut &mut [u8], limit: usize) -> bool {
        loop {
            let room = limit - self.bytes.len();
            // Without memory the body is cut off, as at the limit.
            let has_memory = self.bytes.try_reserve(room.min(input.len())).is_ok();
            if !has_memory || matches!(self.next, Next::Sized(0) | Next::End) || room == 0 {
                return true;
            }
            if input.is_empty() {
                return false;
            }
            match &mut self.next {
                Next::Sized(left) => {
                    let data = take(input, *left, room);
                    *left -= data.len() as u64;
                    self.bytes.extend_from_slice(data);
                }
                Next::Unsized => self.bytes.extend_from_slice(take(input, u64::MAX, room)),
                Next::Chunk(left) => {
                    let data = take(input, *left, room);
                    *left -= data.len() as u64;
                    self.bytes.extend_from_slice(data);
                    if *left == 0 {
                        self.next = Next::LineEnd(b"\r\n");
                    }
                }
                Next::LineEnd(missing) => {
                    let Some(&mut byte) = input.split_off_first_mut() else { return false };
                    self.next = match missing.strip_prefix(&[byte]) {
                        Some([]) => Next::SizeLine(SizeLine::default()),
                        Some(missing) => Next::LineEnd(missing),
                        None => Next::End,
                    };
                }
                Next::SizeLine(line) => {
                    let Some(&mut byte) = input.split_off_first_mut() else { return false };
                    match line.push(byte) {
                        Ok(None) => {}
                        // The trailers are not read: the connection ends after the body.
                        Ok(Some(0)) | Err(Malformed) => self.next = Next::End,
                        Ok(Some(size)) => self.next = Next::Chunk(size),
                    }
                }
                Next::End => return true,
            }
        }
    }
}

/// `chunk-size [ chunk-ext ] CRLF` (RFC 9112 section 7.1), byte by byte.
#[derive(Clone, Debug, Default)]
struct SizeLine {
    size: u64,
    len: usize,
    part: SizePart,
}

#[derive(Clone, Copy, Debug, Default)]
enum SizePart {
    #[default]
    Start,
    Digits,
    /// White space after the digits.
    Space,
    Extensions,
    /// The line feed.
    Feed,
}

impl SizeLine {
    /// Takes the next byte. Returns the size once the line has ended.
    fn push(&mut self, byte: u8) -> Result<Option<u64>, Malformed> {
        self.len += 1;
        if self.len > MAX_SIZE_LINE {
            return Err(Malformed);
        }
        self.part = match (self.part, byte) {
            (SizePart::Start | SizePart::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map(u64::from).ok_or(Malformed)?;
                self.size = self.size.checked_mul(16).ok_or(Malformed)? | digit;
                SizePart::Digits
            }
            (SizePart::Feed, b'\n') => return Ok(Some(self.size)),
            (SizePart::Start | SizePart::Feed, _) | (_, b'\n') => return Err(Malformed),
            (_, b'\r') => SizePart::Feed,
            (SizePart::Digits | SizePart::Space, b' ' | b'\t') => SizePart::Space,
            (SizePart::Digits | SizePart::Space, b';') | (SizePart::Extensions, _) => SizePart::Extensions,
            (SizePart::Digits | SizePart::Space, _) => return Err(Malformed),
        };
        Ok(None)
    }
}

/// The length in the headers. RFC 9110 section 8.6 allows a recipient to accept a list of "the same decimal value
/// repeated".
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for element in value.to_str().map_err(|_| Malformed)?.split(',').map(trim) {
            let number = Some(element).filter(|text| is_digits(text)).and_then(|text| text.parse().ok());
            let number = number.ok_or(Malformed)?;
            if *length.get_or_insert(number) != number {
                return Err(Malformed);
            }
        }
    }
    Ok(length)
}

/// Whether chunked is the final transfer coding (RFC 9112 section 6.3). RFC 9110 section 5.6.1.2: "A recipient MUST
/// parse and ignore a reasonable number of empty list elements".
fn is_chunked(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TRANSFER_ENCODING).iter().rev();
    let codings = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let last = codings.map(|coding| coding.trim_ascii()).find(|coding| !coding.is_empty());
    last.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
}

/// Takes at most `left` and at most `room` bytes off the front of `input`.
fn take<'b>(input: &mut &'b mut [u8], left: u64, room: usize) -> &'b mut [u8] {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(room).min(input.len());
    input.split_off_mut(..len).expect("the length is at most that of the input")
}
