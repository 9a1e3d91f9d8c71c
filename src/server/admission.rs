//! The origins and hosts that a server serves.

use super::refusal::Refusal;
use crate::handshake::{Request, is_host_and_port};
use http::uri::Authority;
use std::net::Ipv6Addr;

/// The pages that may connect. A client that sends no `Origin` is not a browser and is not checked (RFC 6455 section
/// 4.2.1 item 7); only authentication protects against it.
///
/// Without this check any page that a user of your server opens can connect to it with the user's cookies, and to a
/// server on the user's own machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Pages of the host that the request is for; see [`Request::is_same_origin`]. A proxy has to pass on the `Host` of
    /// the client, with its port, as nginx does with `proxy_set_header Host $http_host`.
    #[default]
    Same,
    /// Pages of these origins, such as `https://example.com`.
    List(Vec<String>),
    /// Any page: for a server that is meant for everyone, or whose handlers check the origin.
    Any,
}

/// The requests that a server serves, checked before any handler is called. The default serves pages of its own host,
/// and clients that are no browsers.
///
/// RFC 6455 section 10.2: "Servers that are not intended to process input from any web page but only for certain sites
/// SHOULD verify the |Origin| field is an origin they expect."
///
/// ```
/// use statesocket::{Config, server::{Admission, OriginPolicy, Server}};
///
/// let mut admission = Admission::default();
/// admission.origin = OriginPolicy::List(vec!["https://app.example.com".to_owned()]);
/// admission.hosts = Some(vec!["example.com".to_owned()]);
/// let mut server = Server::bind("127.0.0.1:0", Config::default())?;
/// server.set_admission(admission)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
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

/// An entry of an [`Admission`] that no request can match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} matches no request: {expected}")]
#[non_exhaustive]
pub struct AdmissionError {
    /// The entry.
    pub entry: String,
    /// What is expected in its place.
    pub expected: &'static str,
}

impl Admission {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same with each entry in its normal form.
    pub(super) fn normal(mut self) -> Result<Self, AdmissionError> {
        if let OriginPolicy::List(list) = &mut self.origin {
            // An address in the bar of a browser ends with a slash.
            let normal = |entry: &str| normal_origin(entry.strip_suffix('/').unwrap_or(entry));
            normalize(list, normal, "an origin is a scheme, a host, and maybe a port: https://example.com")?;
        }
        if let Some(hosts) = &mut self.hosts {
            normalize(hosts, normal_host, "a host is a name or an address, without a port: example.com")?;
        }
        Ok(self)
    }

    /// The reason to refuse `request`; `None` if it is served.
    pub(super) fn refusal(&self, request: &Request) -> Option<Refusal> {
        if let Some(hosts) = &self.hosts {
            let host = request.authority().and_then(|authority| normal_host(authority.host()));
            if !host.is_some_and(|host| hosts.contains(&host)) {
                return Some(Refusal::Host);
            }
        }
        let origin = request.origin()?;
        let is_allowed = match &self.origin {
            OriginPolicy::Any => true,
            OriginPolicy::Same => request.is_same_origin(),
            OriginPolicy::List(list) => normal_origin(origin).is_some_and(|origin| list.contains(&origin)),
        };
        (request.is_websocket() && !is_allowed).then_some(Refusal::Origin)
    }
}

fn normalize(
    entries: &mut [String],
    normal: impl Fn(&str) -> Option<String>,
    expected: &'static str,
) -> Result<(), AdmissionError> {
    for entry in entries {
        *entry = normal(entry).ok_or_else(|| AdmissionError { entry: entry.clone(), expected })?;
    }
    Ok(())
}

/// The origin as RFC 6454 section 6.2 serializes it: lower case, without the default port of the scheme. Schemes of
/// programs that are browsers inside, such as `tauri`, are allowed.
fn normal_origin(origin: &str) -> Option<String> {
    if origin.eq_ignore_ascii_case("null") {
        return Some("null".to_owned());
    }
    let (scheme, authority) = origin.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme_byte) {
        return None;
    }
    let authority: Authority = authority.parse().ok().filter(is_host_and_port)?;
    let host = normal_host(authority.host())?;
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = authority.port_u16().filter(|port| Some(*port) != default);
    Some(format!("{scheme}://{host}{}", port.map(|port| format!(":{port}")).unwrap_or_default()))
}

/// The host in lower case, or in the normal form of an IPv6 address, with brackets. `None` if it has bytes that no
/// browser writes, such as a wildcard.
fn normal_host(host: &str) -> Option<String> {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = address.parse::<Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_name_byte)).then(|| host.to_ascii_lowercase())
}
