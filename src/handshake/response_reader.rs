//! The opening handshake of a client: bytes to a response.

use super::{
    Response,
    body::Body,
    expected::Expected,
    first_line::StatusLine,
    head::{Head, HeadReader},
};
use crate::{agreed::Agreed, config::Config, error::HandshakeError};
use bytes::Bytes;
use http::{StatusCode, Version};

/// The answer of the server.
#[derive(Debug)]
pub(crate) enum Answer {
    Accepted {
        response: Response,
        agreed: Agreed,
    },
    Rejected(Response),
    /// A 101 that breaks a rule.
    Invalid {
        response: Response,
        error: HandshakeError,
    },
}

/// Reads the answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct ResponseReader {
    head: HeadReader<StatusLine>,
    expected: Expected,
    rejection: Option<(Response, Body)>,
}

impl ResponseReader {
    pub(crate) fn new(expected: Expected) -> Self {
        Self { head: HeadReader::default(), expected, rejection: None }
    }

    /// The memory of the bytes so far, in bytes.
    pub(crate) fn buffered(&self) -> usize {
        self.head.buffered() + self.rejection.as_ref().map_or(0, |(_, body)| body.buffered())
    }

    /// Whether the head of a rejection has come and its body has not ended.
    pub(crate) const fn has_rejection(&self) -> bool {
        self.rejection.is_some()
    }

    /// Takes an answer off the front of `input`, or all of `input` if the answer does not end there.
    pub(crate) fn read(&mut self, input: &mut &mut [u8], config: &Config) -> Result<Option<Answer>, HandshakeError> {
        while self.rejection.is_none() {
            let Some(head) = self.head.read(input, config)? else { return Ok(None) };
            let response = parse(&head)?;
            if response.status == StatusCode::SWITCHING_PROTOCOLS {
                let is_old = head.first_line.minor_version == 0;
                let version = if is_old { Version::HTTP_10 } else { Version::HTTP_11 };
                return Ok(Some(match self.expected.verify(version, &response.headers, config) {
                    Ok(agreed) => Answer::Accepted { response, agreed },
                    Err(error) => Answer::Invalid { response, error },
                }));
            }
            // RFC 9110 section 15.2: "A client MUST be able to parse one or more 1xx responses received prior to a
            // final response".
            if !response.status.is_informational() {
                let body = Body::of(&response);
                self.rejection = Some((response, body));
            }
        }
        let Some((_, body)) = &mut self.rejection else { return Ok(None) };
        if !body.read(input, config.max_rejection_body_bytes) {
            return Ok(None);
        }
        Ok(self.end_of_stream().map(Answer::Rejected))
    }

    /// The rejection with the body as far as it has come: the end of the stream ends it.
    pub(crate) fn end_of_stream(&mut self) -> Option<Response> {
        let (mut response, body) = self.rejection.take()?;
        response.body = Bytes::from(body.into_bytes());
        Some(response)
    }
}

fn parse(head: &Head<StatusLine>) -> Result<Response, HandshakeError> {
    let mut response = Response::new(head.first_line.status);
    response.reason = head.share(head.in_first_line(&head.first_line.reason));
    response.headers = head.headers()?;
    Ok(response)
}
