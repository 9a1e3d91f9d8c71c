//! What a client expects of the answer to its request.

#[cfg(feature = "deflate")]
use super::deflate;
use super::{
    extension::Extension,
    grammar::{self, Budget, is_token, lists_token},
};
use crate::{agreed::Agreed, config::Config, error::HandshakeError};
use http::{
    HeaderMap, StatusCode, Version,
    header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};
use tungstenite::handshake::derive_accept_key;

/// What a client expects of the answer to a request of [`Connect::to_request`](super::Connect::to_request). It has an
/// example.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The answer to the key; `None` for a CONNECT, which has no key.
    accept_key: Option<String>,
    subprotocols: Vec<String>,
    seed: Option<[u8; 32]>,
    #[cfg(feature = "deflate")]
    is_without_deflate: bool,
}

impl Expected {
    /// The answer to a request with this key and these offers.
    pub(super) fn new(key: Option<&str>, subprotocols: &[String], seed: Option<[u8; 32]>) -> Self {
        Self {
            accept_key: key.map(|key| derive_accept_key(key.as_bytes())),
            subprotocols: subprotocols.to_vec(),
            seed,
            #[cfg(feature = "deflate")]
            is_without_deflate: false,
        }
    }

    /// Sets whether compression is not offered, whatever the configuration says.
    #[cfg(feature = "deflate")]
    pub(super) const fn without_deflate(mut self, is_without: bool) -> Self {
        self.is_without_deflate = is_without;
        self
    }

    /// Checks the answer that an HTTP library has read, by the rules for one that a [`Connection`](crate::Connection)
    /// reads (RFC 6455 section 4.1). Returns what is agreed on, for
    /// [`Connection::established`](crate::Connection::established). `config` is the one that the request was made with.
    ///
    /// To a CONNECT any 2xx accepts. RFC 9110 section 9.3.6: "Any 2xx (Successful) response indicates that the sender
    /// (and all inbound proxies) will switch to tunnel mode".
    ///
    /// # Errors
    /// The rule that the answer breaks; [`HandshakeError::NotAccepted`] if the server has not accepted the request.
    pub fn check<B>(&self, response: &http::Response<B>, config: &Config) -> Result<Agreed, HandshakeError> {
        let status = response.status();
        let is_accepted = match self.accept_key {
            Some(_) => status == StatusCode::SWITCHING_PROTOCOLS,
            None => status.is_success(),
        };
        if !is_accepted {
            return Err(HandshakeError::NotAccepted(status));
        }
        if response.headers().len() > config.max_headers {
            return Err(HandshakeError::TooManyHeaders { limit: config.max_headers });
        }
        self.verify(response.version(), response.headers(), config)
    }

    /// Checks items 2 to 6 of section 4.1: "The client MUST validate the server's response as follows".
    pub(super) fn verify(
        &self,
        version: Version,
        headers: &HeaderMap,
        config: &Config,
    ) -> Result<Agreed, HandshakeError> {
        let limit = config.max_list_elements;
        let single = |name: &HeaderName| {
            grammar::single(headers, name).map_err(|_| HandshakeError::DuplicateHeader(name.clone()))
        };
        if let Some(accept_key) = &self.accept_key {
            check_upgrade(version, headers, limit)?;
            if single(&SEC_WEBSOCKET_ACCEPT)? != Some(accept_key) {
                return Err(HandshakeError::InvalidAccept);
            }
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
            Some(name) if !self.subprotocols.iter().any(|offer| offer == name) => {
                return Err(HandshakeError::SubprotocolNotOffered);
            }
            subprotocol => subprotocol.map(str::to_owned),
        };
        Ok(Agreed {
            subprotocol,
            seed: self.seed,
            #[cfg(feature = "deflate")]
            deflate,
        })
    }
}

/// Checks that the stream becomes a WebSocket.
fn check_upgrade(version: Version, headers: &HeaderMap, limit: usize) -> Result<(), HandshakeError> {
    if version < Version::HTTP_11 {
        return Err(HandshakeError::VersionNotSupported);
    }
    // Item 2: "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value that is
    // not an ASCII case-insensitive match for the value "websocket", the client MUST _Fail the WebSocket Connection_."
    if !matches!(grammar::single(headers, &UPGRADE), Ok(Some(value)) if value.eq_ignore_ascii_case("websocket")) {
        return Err(HandshakeError::UpgradeMissing);
    }
    match lists_token(headers, &CONNECTION, "upgrade", Budget(limit)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(HandshakeError::ConnectionMissing),
        Err(_) => Err(HandshakeError::TooManyElements { limit }),
    }
}
