//! A page of metrics.

use super::{Server, handler::Handler, refusal::Refusal, routes::RouteError, session::Session};
use crate::handshake::{Request, Response};
use http::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};

/// Version 0.0.4 of the text format of Prometheus.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers a plain request with the status of all loops.
struct Metrics;

impl Handler for Metrics {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        if request.is_websocket() {
            // The only error is that no request waits.
            let _ = session.reject(Refusal::NoWebSocket.response());
            return;
        }
        let (id, handle) = (session.id(), session.handle().clone());
        let told = session.handle().status(move |status| {
            let text = Response::new(StatusCode::OK).body(status.prometheus());
            let text = text.header(CONTENT_TYPE, PROMETHEUS).expect("not a reserved header");
            // Without its loop the session has ended, or the answer is that of a server which stops.
            let _ = handle.with_session(id, move |session| drop(session.respond(text)));
        });
        if told.is_err() {
            let _ = session.respond(Refusal::NoStatus.response());
        }
    }
}

/// # Metrics
impl Server {
    /// Routes requests of plain HTTP for `path`, GET and HEAD, to a page with the [status](super::Status) of the server
    /// in the text format of Prometheus; in a cluster, with the sum over all loops. The page
    /// [`guide::metrics`](crate::guide::metrics) lists what it has. For other metrics beside these, answer with
    /// [`Status::prometheus`](super::Status::prometheus) and more.
    ///
    /// Whoever can reach the server can read the page. It names no client, path or message.
    ///
    /// ```
    /// use statesocket::{Config, testing::TestServer};
    ///
    /// let mut server = TestServer::new(Config::default())?;
    /// server.route_metrics("/metrics")?;
    /// let page = server.get("/metrics").expect("it is answered at once");
    /// assert!(String::from_utf8_lossy(&page.body).contains("\nstatesocket_connections_accepted_total 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`route`](Self::route).
    pub fn route_metrics(&mut self, path: &str) -> Result<(), RouteError> {
        self.route_with(path, |config| config.plain_http = true, || Metrics)
    }
}
