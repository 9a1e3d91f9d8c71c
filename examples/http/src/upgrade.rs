//! An extractor for axum: a handler with an [`Upgrade`] among its arguments serves WebSockets, over HTTP/1.1 and
//! HTTP/2.
//!
//! Route it with `any`: over HTTP/2 the method is CONNECT. `axum::serve` announces that it takes such requests; a
//! server of your own on hyper-util does after `enable_connect_protocol`.
//!
//! A copy of this file needs, beside axum and tokio, `hyper` with the feature `http2` and `hyper-util` with `tokio`.

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use hyper::{
    ext::Protocol,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use statesocket::{
    Config, HandshakeError, Role,
    handshake::{self, Accept, Request},
};
use std::sync::Arc;

/// A WebSocket over a connection of HTTP/1.1, or a stream of HTTP/2.
pub type WebSocket = statesocket::tokio::WebSocket<TokioIo<Upgraded>>;

/// A request for a WebSocket that waits for its answer.
pub struct Upgrade {
    request: Request,
    on_upgrade: OnUpgrade,
    accept: Accept,
    config: Arc<Config>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        // A router can bring one: `.layer(Extension(Arc::new(config)))`.
        let config = parts.extensions.get::<Arc<Config>>().cloned().unwrap_or_default();
        let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
        let request = Request::from_parts(parts, protocol, &config).map_err(Refused)?;
        // HTTP/1.0 has none.
        let on_upgrade = parts.extensions.remove().ok_or(Refused(HandshakeError::UpgradeRequired))?;
        Ok(Self { request, on_upgrade, accept: Accept::new(), config })
    }
}

impl Upgrade {
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Chooses the first of the client's offers that is `supported`.
    #[must_use]
    pub fn preferred_by_client(mut self, supported: &[&str]) -> Self {
        self.accept = self.accept.preferred_by_client(&self.request, supported);
        self
    }

    /// Accepts the request. `serve` gets the connection once it is open. A client that has left meanwhile is not
    /// served.
    pub fn accept<F>(self, serve: impl FnOnce(WebSocket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let answer = self.accept.into_response(&self.request, &self.config);
        let (response, agreed) = answer.expect("the request is for a WebSocket, and offers the subprotocol");
        tokio::spawn(async move {
            if let Ok(upgraded) = self.on_upgrade.await {
                serve(WebSocket::established(TokioIo::new(upgraded), Role::Server, agreed, self.config)).await;
            }
        });
        response.map(|()| Body::empty())
    }
}

/// A request that breaks a rule.
#[derive(Debug)]
pub struct Refused(pub HandshakeError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        axum::http::Response::from(handshake::Response::from(&self.0)).map(Body::from)
    }
}
