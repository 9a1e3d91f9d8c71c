//! Adding routes to a server.

use super::{
    Server,
    handler::Handler,
    params::Params,
    routes::{Factory, Route, RouteError},
};
use crate::{
    Config,
    handshake::{Request, Response},
};
use std::sync::Arc;

/// # Routes
impl Server {
    /// Routes `path` to handlers that `factory` makes. The loop calls `factory` once per request that it routes there.
    /// What all handlers share, such as a pool of a database, is cloned into each by `factory`.
    /// [`on_message`](super::on_message) makes a handler of a closure.
    ///
    /// A path may have parameters. Each is a whole segment or a part of one: `/ws/{room_id}`. The last may be the rest
    /// of the path: `/files/{*path}`. A literal path takes precedence over a parameter. [`Session::param`] returns the
    /// values, percent-decoded.
    ///
    /// The parameters of other routers are errors: a segment that is `:room_id`, `*path` or `<room_id>`. In all other
    /// places a colon or a star stands for itself, as in `/rooms:join`.
    ///
    /// ```
    /// use statesocket::{Config, server::{Handler, Server}};
    ///
    /// struct Chat;
    /// impl Handler for Chat {}
    ///
    /// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
    /// server.route("/ws/{room_id}", || Chat)?;
    /// let error = server.route("/chat/:room_id", || Chat).expect_err("the syntax of another router");
    /// assert_eq!(error.reason, "a parameter is {room_id}, not :room_id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Paths are compared in their normal form (RFC 3986 section 6.2.2.2): `/café` is also `/caf%c3%a9`.
    ///
    /// A request for a path without a route is answered with 404. A request of plain HTTP gets no handler, and is
    /// answered with 426 and `Upgrade: websocket`; [`route_http`](Self::route_http) serves it.
    ///
    /// [`Session::param`]: super::Session::param
    ///
    /// # Errors
    /// [`RouteError`] if no request can have this path, if it is written for another router, or if it conflicts with
    /// another route.
    pub fn route<H: Handler + 'static>(
        &mut self,
        path: &str,
        factory: impl FnMut() -> H + 'static,
    ) -> Result<(), RouteError> {
        self.shared.routes.insert(path, Route::Handlers { factory: boxed(factory), config: None })
    }

    /// The same, with a factory that sees the request and the parameters of the path, and may answer the request itself
    /// instead of making a handler.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Request, http::StatusCode, server::{Handler, Params, Server}};
    ///
    /// struct Member {
    ///     room: String,
    /// }
    /// impl Handler for Member {}
    ///
    /// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
    /// let check = |request: &Request, params: &Params| match request.query("token").as_deref() {
    ///     Some("secret") => Ok(Member { room: params.get("room").unwrap_or_default().to_owned() }),
    ///     Some(_) => Err(StatusCode::FORBIDDEN.into()),
    ///     None => Err(StatusCode::UNAUTHORIZED.into()),
    /// };
    /// server.route_checked("/ws/{room}", check)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`route`](Self::route). A response that cannot be written is logged as an error, and the answer is 500.
    pub fn route_checked<H: Handler + 'static>(
        &mut self,
        path: &str,
        mut factory: impl FnMut(&Request, &Params) -> Result<H, Box<Response>> + 'static,
    ) -> Result<(), RouteError> {
        let factory: Factory =
            Box::new(move |request, params| Ok(Box::new(factory(request, params)?) as Box<dyn Handler>));
        self.shared.routes.insert(path, Route::Handlers { factory, config: None })
    }

    /// Like [`route`](Self::route), with a configuration for this route: that of the server, as `change` changes it.
    /// Its connections get it before [`on_request`](Handler::on_request) is called, as by
    /// [`Connection::set_config`](crate::Connection::set_config). A configuration without a [`date`](Config::date) gets
    /// that of the server.
    ///
    /// With `config.plain_http = true` the handlers of this route get requests of plain HTTP, too. They tell them by
    /// [`Request::is_websocket`], and answer with [`Session::respond`](super::Session::respond), now or later.
    ///
    /// ```
    /// use statesocket::{Config, Delivery, server::{Handler, Server}};
    ///
    /// struct Chat;
    /// impl Handler for Chat {}
    ///
    /// struct Upload;
    /// impl Handler for Upload {}
    ///
    /// let mut server = Server::bind("127.0.0.1:0", Config::default().with(|config| config.max_message_bytes = 4096))?;
    /// server.route("/chat", || Chat)?;
    /// let large = |config: &mut Config| {
    ///     config.max_message_bytes = 1 << 30;
    ///     config.delivery = Delivery::Chunks;
    /// };
    /// server.route_with("/upload", large, || Upload)?;
    /// assert!(server.route_with("/late", |config| config.max_headers = 10, || Chat).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`route`](Self::route). [`RouteError`] also if `change` changes a field that can have no effect here:
    /// the head of a request is read before its route is known, so `max_head_bytes`, `max_request_line_bytes`,
    /// `max_headers`, `max_list_elements` and `opening_timeout` are those of the server; `max_rejection_body_bytes` and
    /// `client_high_water` are for clients.
    pub fn route_with<H: Handler + 'static>(
        &mut self,
        path: &str,
        change: impl FnOnce(&mut Config),
        factory: impl FnMut() -> H + 'static,
    ) -> Result<(), RouteError> {
        let mut config = Config::clone(&self.config).with(|config| config.plain_http = false).with(change);
        config.date = config.date.or(self.config.date);
        if let Some(field) = field_without_effect(&self.config, &config) {
            let reason = format!("{field} has no effect on one route");
            return Err(RouteError { path: path.to_owned(), reason });
        }
        self.shared.routes.insert(path, Route::Handlers { factory: boxed(factory), config: Some(Arc::new(config)) })
    }

    /// Routes requests of plain HTTP for `path`, GET and HEAD, to `page`, which answers them at once. The loop answers
    /// a HEAD without the body. Paths are as in [`route`](Self::route), and may be routed by both: then a request for a
    /// WebSocket goes there, and a plain one here.
    ///
    /// The origin of a plain request is not checked; the host is, by the server's [`Admission`](super::Admission). Each
    /// answer is one line in the log, and counts as [`CauseKind::Answered`](crate::CauseKind::Answered). If `page`
    /// panics, or its response cannot be written, the answer is 500.
    ///
    /// ```
    /// use statesocket::{Config, handshake::{Request, Response}, http::StatusCode, server::{Params, Server}};
    ///
    /// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
    /// server.route_http("/hello/{name}", |_: &Request, params: &Params| {
    ///     Response::new(StatusCode::OK).body(format!("Hello {}", params.get("name").unwrap_or_default()))
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`route`](Self::route). A conflict is another route for plain requests.
    pub fn route_http(
        &mut self,
        path: &str,
        page: impl FnMut(&Request, &Params) -> Response + 'static,
    ) -> Result<(), RouteError> {
        self.shared.routes.insert(path, Route::Page(Box::new(page)))
    }
}

fn boxed<H: Handler + 'static>(mut factory: impl FnMut() -> H + 'static) -> Factory {
    Box::new(move |_, _| Ok(Box::new(factory())))
}

/// A field in which `route` differs from `server`, and which cannot differ.
fn field_without_effect(server: &Config, route: &Config) -> Option<&'static str> {
    let fields = [
        ("max_head_bytes", server.max_head_bytes != route.max_head_bytes),
        ("max_request_line_bytes", server.max_request_line_bytes != route.max_request_line_bytes),
        ("max_headers", server.max_headers != route.max_headers),
        ("max_list_elements", server.max_list_elements != route.max_list_elements),
        ("opening_timeout", server.opening_timeout != route.opening_timeout),
        ("max_rejection_body_bytes", server.max_rejection_body_bytes != route.max_rejection_body_bytes),
        ("client_high_water", server.client_high_water != route.client_high_water),
    ];
    fields.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
}
