//! The request of a session, and its answer.

use super::{
    super::{logging::LOG, refusal::Refusal},
    Session,
};
use crate::{
    AcceptError, Config, RejectError, SetConfigError,
    handshake::{Accept, Response},
};
use std::sync::Arc;

/// # The answer to a request
impl Session<'_> {
    /// Answers the waiting request, usually one of plain HTTP, with 426 and `Upgrade: websocket`. Does nothing if no
    /// request waits.
    pub fn require_upgrade(&mut self) {
        // The only error is that no request waits.
        let _ = self.reject(Refusal::OnlyWebSocket.response());
    }

    /// Replaces the configuration while a request waits, for a choice that depends on more than the route, such as the
    /// user. A configuration without a [`date`](Config::date) is copied, and the copy gets that of the server. See
    /// [`Connection::set_config`](crate::Connection::set_config).
    ///
    /// # Errors
    /// Those of [`Connection::set_config`](crate::Connection::set_config).
    pub fn set_config(&mut self, mut config: Arc<Config>) -> Result<(), SetConfigError> {
        if config.date.is_none() {
            Arc::make_mut(&mut config).date = self.view.connection.config().date;
        }
        self.after_own().set_config(config)
    }

    /// Accepts the request that waits for an answer, and opens the session, which is one line in the log. If the client
    /// has offered subprotocols and none is chosen, a debug line says so; another one has the agreement on compression.
    /// See
    /// [`Connection::accept`](crate::Connection::accept).
    ///
    /// # Errors
    /// Those of [`Connection::accept`](crate::Connection::accept).
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        let (offer, path) = (self.offer_to_log(), self.path_to_log());
        self.after_own().accept(accept)?;
        self.view.common.tally.opened += 1;
        if let Some(path) = path {
            log::info!(target: LOG, "{} {}: the request for {path} is accepted", self.id(), self.address());
        }
        #[cfg(feature = "deflate")]
        if let Some(agreed) = self.deflate() {
            log::debug!(target: LOG, "{} {}: permessage-deflate: {agreed}", self.id(), self.address());
        }
        if let Some(offer) = offer
            && self.subprotocol().is_none()
        {
            let (id, address) = (self.id(), self.address());
            log::debug!(
                target: LOG,
                "{id} {address}: accepted without a subprotocol, though the client offered {offer}: a browser \
                fails this connection"
            );
        }
        Ok(())
    }

    /// Answers the request that waits with `response` instead of opening the session. See
    /// [`Connection::reject`](crate::Connection::reject).
    ///
    /// # Errors
    /// Those of [`Connection::reject`](crate::Connection::reject).
    pub fn reject(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        let response = response.into();
        let (id, address, status) = (self.id(), self.address(), response.status);
        let path = self.view.connection.request().map(|request| request.path().to_owned()).unwrap_or_default();
        self.after_own().reject(response)?;
        log::info!(target: LOG, "{id} {address}: the request for {path} is answered with {status} by its handler");
        Ok(())
    }

    /// Answers the request of plain HTTP that waits, which is one line in the log. See
    /// [`Connection::respond`](crate::Connection::respond), and
    /// [`Server::route_with`](super::super::Server::route_with) for the routes that get plain requests.
    ///
    /// # Errors
    /// Those of [`Connection::respond`](crate::Connection::respond).
    pub fn respond(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        let response = response.into();
        let (id, address, status) = (self.id(), self.address(), response.status);
        let request = self.view.connection.request();
        let what = request.map(|request| format!("{} {}", request.method(), request.path())).unwrap_or_default();
        self.after_own().respond(response)?;
        log::info!(target: LOG, "{id} {address}: {what} is answered with {status}");
        Ok(())
    }

    /// The path of the request, if it is logged. The query may hold secrets.
    fn path_to_log(&self) -> Option<String> {
        let is_logged = log::log_enabled!(target: LOG, log::Level::Info);
        self.request().filter(|_| is_logged).map(|request| request.path().to_owned())
    }

    /// The subprotocols that the client has offered, if there are any and a debug line is logged. They are tokens, so
    /// they contain no control characters.
    fn offer_to_log(&self) -> Option<String> {
        let offered = self.request()?.subprotocols();
        let is_logged = !offered.is_empty() && log::log_enabled!(target: LOG, log::Level::Debug);
        is_logged.then(|| offered.join(", "))
    }
}
