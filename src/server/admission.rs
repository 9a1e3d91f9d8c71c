//! The origins and hosts that a server serves.

use crate::handshake::Request;
use http::StatusCode;

/// The pages that may connect. A client that sends no `Origin` is not a browser and is not checked (RFC 6455 section
/// 4.2.1 item 7); only authentication protects against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Any page: for a server that is meant for everyone, or whose handlers check the origin.
    #[default]
    Any,
    /// Pages of the host that the request is for; see [`Request::is_same_origin`].
    Same,
    /// Pages of these origins, such as `https://example.com`, in upper or lower case.
    List(Vec<String>),
}

/// The requests that a server serves, checked before any handler is called. The default serves all.
///
/// RFC 6455 section 10.2: "Servers that are not intended to process input from any web page but only for certain sites
/// SHOULD verify the |Origin| field is an origin they expect."
///
/// ```
/// use statesocket::{Config, server::{Admission, OriginPolicy, Server}};
///
/// let mut admission = Admission::default();
/// admission.origin = OriginPolicy::Same;
/// admission.hosts = Some(vec!["example.com".to_owned()]);
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.set_admission(admission);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// The pages that may connect. A WebSocket request from another page is answered with 403; plain HTTP is not
    /// checked.
    pub origin: OriginPolicy,
    /// The host names of the server, without ports. A request for another host is answered with 421. This keeps out a
    /// page that has pointed its own name at this server (DNS rebinding). `None` allows any host.
    pub hosts: Option<Vec<String>>,
}

impl Admission {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The status that refuses `request`; `None` if it is served.
    pub(super) fn refusal(&self, request: &Request) -> Option<StatusCode> {
        let is_host =
            |host: &String| request.authority().is_some_and(|authority| host.eq_ignore_ascii_case(authority.host()));
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(is_host)) {
            return Some(StatusCode::MISDIRECTED_REQUEST);
        }
        let origin = request.origin()?;
        let is_allowed = match &self.origin {
            OriginPolicy::Any => true,
            OriginPolicy::Same => request.is_same_origin(),
            OriginPolicy::List(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        };
        (request.is_websocket() && !is_allowed).then_some(StatusCode::FORBIDDEN)
    }
}
