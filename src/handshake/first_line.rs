//! The first line of a head: a request line (RFC 9112 section 3) or a status line (section 4).

use super::grammar::{is_token, is_token_byte};
use crate::{config::Config, error::HandshakeError};
use http::StatusCode;
use std::ops::Range;

/// The first line of a head. A [`HeadReader`](super::head::HeadReader) parses it as soon as it is complete.
pub(super) trait FirstLine: Sized {
    /// The beginning that is recognised byte by byte, before the line is complete. A server knows by it that the answer
    /// must have no body, a client that the peer speaks HTTP.
    const START: [u8; 5];

    /// Whether a header may be folded over several lines. RFC 9112 section 5.2: a server rejects that, or replaces each
    /// fold with spaces; "A user agent [...] MUST replace each received obs-fold with one or more SP octets".
    const MAY_FOLD: bool;

    /// Whether a first line can have `byte` after the first `at` bytes of [`START`](Self::START).
    fn can_follow(at: usize, byte: u8) -> bool;

    /// The limit of the line in bytes. Its line end and the empty lines before it count.
    fn max_len(config: &Config) -> usize;

    /// Parses a line without its line end.
    fn parse(line: &[u8]) -> Result<Self, HandshakeError>;
}

/// `method SP request-target SP HTTP-version`
#[derive(Clone, Debug)]
pub(super) struct RequestLine {
    /// The method is HEAD. It is GET otherwise.
    pub(super) is_head: bool,
    pub(super) minor_version: u8,
    /// The place of the target in the line.
    pub(super) target: Range<usize>,
}

impl FirstLine for RequestLine {
    const START: [u8; 5] = *b"HEAD ";
    const MAY_FOLD: bool = false;

    fn can_follow(at: usize, byte: u8) -> bool {
        is_token_byte(byte) || (at > 0 && byte == b' ')
    }

    fn max_len(config: &Config) -> usize {
        config.max_request_line_bytes
    }

    fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(HandshakeError::Malformed);
        };
        if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
            return Err(HandshakeError::Malformed);
        }
        let minor_version = minor_version(version)?;
        let is_head = match method {
            b"GET" => false,
            b"HEAD" => true,
            _ => return Err(HandshakeError::MethodNotAllowed),
        };
        let start = method.len() + 1;
        Ok(Self { is_head, minor_version, target: start..start + target.len() })
    }
}

/// `HTTP-version SP status-code SP [ reason-phrase ]`. Without a phrase, the second space may be missing too.
#[derive(Clone, Debug)]
pub(super) struct StatusLine {
    pub(super) minor_version: u8,
    pub(super) status: StatusCode,
    /// The place of the reason phrase in the line.
    pub(super) reason: Range<usize>,
}

impl FirstLine for StatusLine {
    const START: [u8; 5] = *b"HTTP/";
    const MAY_FOLD: bool = true;

    fn can_follow(at: usize, byte: u8) -> bool {
        byte == Self::START[at]
    }

    fn max_len(_: &Config) -> usize {
        usize::MAX
    }

    fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        let mut words = line.splitn(3, |&byte| byte == b' ');
        let (Some(version), Some(status)) = (words.next(), words.next()) else { return Err(HandshakeError::Malformed) };
        let minor_version = minor_version(version)?;
        let status = StatusCode::from_bytes(status).map_err(|_| HandshakeError::Malformed)?;
        let reason_len = words.next().map_or(0, <[u8]>::len);
        Ok(Self { minor_version, status, reason: line.len() - reason_len..line.len() })
    }
}

/// The minor version in `HTTP-version = HTTP-name "/" DIGIT "." DIGIT` (section 2.3). A major version other than 1 is
/// an error (RFC 9110 section 15.6.6).
fn minor_version(word: &[u8]) -> Result<u8, HandshakeError> {
    match word {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => Ok(minor - b'0'),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HandshakeError::VersionNotSupported),
        _ => Err(HandshakeError::Malformed),
    }
}
