//! Whose requests a server takes.

use crate::handshake::Request;
use http::StatusCode;

/// Which pages may connect. A client that sends no `Origin` is no browser, and is not asked (RFC 6455 section 4.2.1
/// item 7); what protects from it is authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Any page: for servers that mean to serve everyone, or whose handlers ask by themselves.
    #[default]
    Any,
    /// Pages of the host that the request is for; see [`Request::is_same_origin`].
    Same,
    /// Pages of these origins, such as `https://example.com`; upper and lower case are the same.
    List(Vec<String>),
}

/// Whose requests a server takes, before any handler is asked. By default everybody's.
///
/// RFC 6455 section 10.2: "Servers that are not intended to process input from any web page but only for certain sites
/// SHOULD verify the |Origin| field is an origin they expect."
///
/// ```
/// use statesocket::{Config, server::{OriginPolicy, Policy, Server}};
///
/// let mut policy = Policy::default();
/// policy.origin = OriginPolicy::Same;
/// policy.hosts = Some(vec!["example.com".to_owned()]);
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.set_policy(policy);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Which pages may connect; a request from another one is answered with 403.
    pub origin: OriginPolicy,
    /// The hosts, without ports, that the server is known by; a request for another one is answered with 421. It keeps
    /// a page out that has pointed a name of its own at this server (DNS rebinding). `None` is any host.
    pub hosts: Option<Vec<String>>,
}

impl Policy {
    /// The status to refuse `request` with, if it is to be refused.
    pub(super) fn refusal(&self, request: &Request) -> Option<StatusCode> {
        let is_host = |host: &String| host.eq_ignore_ascii_case(request.authority().host());
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
