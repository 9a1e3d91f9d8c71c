//! Paths and their handlers.

use super::{
    handler::Handler,
    logging::{DropCaught, caught},
    normal_path::{normal_path, normal_route},
    params::Params,
    refusal::Refusal,
};
use crate::Config;
use percent_encoding::percent_decode_str;
use std::{fmt, sync::Arc};

/// Makes the handler of a session.
pub(super) type Factory = Box<dyn FnMut() -> Box<dyn Handler>>;

/// A path that cannot be a route, or conflicts with another route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} cannot be routed: {reason}")]
#[non_exhaustive]
pub struct RouteError {
    /// The path.
    pub path: String,
    /// The reason.
    pub reason: String,
}

/// A handler's factory, and the configuration of its sessions if that is not the server's.
pub(super) struct Route {
    factory: DropCaught<Factory>,
    config: Option<Arc<Config>>,
}

impl Route {
    pub(super) const fn new(factory: Factory, config: Option<Arc<Config>>) -> Self {
        Self { factory: DropCaught::new(factory), config }
    }
}

/// What a request is routed to.
pub(super) struct Routed {
    pub(super) handler: Box<dyn Handler>,
    pub(super) params: Params,
    pub(super) config: Option<Arc<Config>>,
}

#[derive(Default)]
pub(super) struct Routes(matchit::Router<Route>);

impl Routes {
    pub(super) fn insert(&mut self, path: &str, route: Route) -> Result<(), RouteError> {
        let error = |reason| RouteError { path: path.to_owned(), reason };
        let normal = normal_route(path).map_err(|reason| error(reason.to_owned()))?;
        self.0.insert(normal, route).map_err(|reason| error(reason.to_string()))
    }

    /// Makes a handler for `path`.
    ///
    /// Parameters are decoded after the path has been split: an encoded slash in a value does not end its segment.
    ///
    /// # Errors
    /// The reason to refuse the request.
    pub(super) fn find(&mut self, path: &str) -> Result<Routed, Refusal> {
        let normal = normal_path(path);
        let found = self.0.at_mut(&normal).map_err(|_| Refusal::NoRoute)?;
        let decode = |value| percent_decode_str(value).decode_utf8().map_err(|_| Refusal::BadParameter);
        let decoded = found.params.iter().map(|(name, value)| decode(value).map(|value| (name.into(), value.into())));
        let params = Params::new(decoded.collect::<Result<Vec<_>, _>>()?);
        // A factory is your code, like a handler. Its panic ends only one request.
        let factory = found.value.factory.get_mut().expect("a route keeps its factory until it is dropped");
        let handler = caught(format_args!("the factory of a handler for {path}"), factory).ok_or(Refusal::NoHandler)?;
        Ok(Routed { handler, params, config: found.value.config.clone() })
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routes")
    }
}
