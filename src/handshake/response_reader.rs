//! The opening handshake of a client: bytes to a response.

#[cfg(feature = "deflate")]
use super::deflate;
use super::{
    Response,
    body::Body,
    connect::Connect,
    extension::Extension,
    first_line::StatusLine,
    grammar::{self, Budget, is_token, lists_token},
    head::{Head, HeadReader},
};
use crate::{agreed::Agreed, config::Config, error::HandshakeError};
use bytes::Bytes;
use http::{
    StatusCode,
    header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};
use tungstenite::handshake::derive_accept_key;

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
    accept_key: String,
    offered: Vec<String>,
    rejection: Option<(Response, Body)>,
    #[cfg(feature = "deflate")]
    is_without_deflate: bool,
}

impl ResponseReader {
    pub(crate) fn new(connect: &Connect, key: &str) -> Self {
        Self {
            head: HeadReader::default(),
            accept_key: derive_accept_key(key.as_bytes()),
            offered: connect.subprotocols().to_vec(),
            rejection: None,
            #[cfg(feature = "deflate")]
            is_without_deflate: connect.is_without_deflate(),
        }
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
                return Ok(Some(match self.verify(&head.first_line, &response, config) {
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

    /// Checks items 2 to 6 of section 4.1: "The client MUST validate the server's response as follows".
    fn verify(&self, line: &StatusLine, response: &Response, config: &Config) -> Result<Agreed, HandshakeError> {
        if line.minor_version == 0 {
            return Err(HandshakeError::VersionNotSupported);
        }
        let headers = &response.headers;
        let limit = config.max_list_elements;
        let single = |name: &HeaderName| {
            grammar::single(headers, name).map_err(|_| HandshakeError::DuplicateHeader(name.clone()))
        };
        // Item 2: "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value that
        // is not an ASCII case-insensitive match for the value "websocket", the client MUST _Fail the WebSocket
        // Connection_."
        if !matches!(grammar::single(headers, &UPGRADE), Ok(Some(value)) if value.eq_ignore_ascii_case("websocket")) {
            return Err(HandshakeError::UpgradeMissing);
        }
        if !lists_token(headers, &CONNECTION, "upgrade", Budget(limit))
            .map_err(|_| HandshakeError::TooManyElements { limit })?
        {
            return Err(HandshakeError::ConnectionMissing);
        }
        if single(&SEC_WEBSOCKET_ACCEPT)? != Some(&self.accept_key) {
            return Err(HandshakeError::InvalidAccept);
        }
        single(&SEC_WEBSOCKET_EXTENSIONS)?;
        let extensions = Extension::all(headers, limit)?;
        #[cfg(feature = "deflate")]
        let offered = config.deflate.as_ref().filter(|_| !self.is_without_deflate);
        #[cfg(feature = "deflate")]
        let deflate = deflate::agree_on_own(offered, &extensions)?;
        #[cfg(not(feature = "deflate"))]
        if !extensions.is_empty() {
            return Err(HandshakeError::ExtensionNotOffered);
        }
        let subprotocol = match single(&SEC_WEBSOCKET_PROTOCOL)? {
            Some(name) if !is_token(name) => return Err(HandshakeError::InvalidSubprotocol),
            Some(name) if !self.offered.iter().any(|offer| offer == name) => {
                return Err(HandshakeError::SubprotocolNotOffered);
            }
            subprotocol => subprotocol.map(str::to_owned),
        };
        Ok(Agreed {
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate,
            ..Agreed::default()
        })
    }
}

fn parse(head: &Head<StatusLine>) -> Result<Response, HandshakeError> {
    let mut response = Response::new(head.first_line.status);
    response.reason = head.share(head.in_first_line(&head.first_line.reason));
    response.headers = head.headers()?;
    Ok(response)
}
