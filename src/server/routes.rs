//! Paths and their handlers.

use super::{
    handler::Handler,
    logging::{DropCaught, caught},
    normal_path::{normal_path, normal_route},
    params::Params,
    refusal::Refusal,
};
use percent_encoding::percent_decode_str;
use std::fmt;

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

#[derive(Default)]
pub(super) struct Routes(matchit::Router<DropCaught<Factory>>);

impl Routes {
    pub(super) fn insert(&mut self, path: &str, factory: Factory) -> Result<(), RouteError> {
        let error = |reason| RouteError { path: path.to_owned(), reason };
        let normal = normal_route(path).map_err(|reason| error(reason.to_owned()))?;
        self.0.insert(normal, DropCaught::new(factory)).map_err(|reason| error(reason.to_string()))
    }

    /// Makes a handler for `path` and returns it with the parameters.
    ///
    /// Parameters are decoded after the path has been split: an encoded slash in a value does not end its segment.
    ///
    /// # Errors
    /// The reason to refuse the request.
    pub(super) fn find(&mut self, path: &str) -> Result<(Box<dyn Handler>, Params), Refusal> {
        let normal = normal_path(path);
        let found = self.0.at_mut(&normal).map_err(|_| Refusal::NoRoute)?;
        let decode = |value| percent_decode_str(value).decode_utf8().map_err(|_| Refusal::BadParameter);
        let decoded = found.params.iter().map(|(name, value)| decode(value).map(|value| (name.into(), value.into())));
        let params = Params::new(decoded.collect::<Result<Vec<_>, _>>()?);
        // A factory is your code, like a handler. Its panic ends only one request.
        let factory = found.value.get_mut().expect("a route keeps its factory until it is dropped");
        let handler = caught(format_args!("the factory of a handler for {path}"), factory).ok_or(Refusal::NoHandler)?;
        Ok((handler, params))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routes")
    }
}
