//! Paths and their handlers.

use super::{
    handler::Handler,
    logging::{DropCaught, caught},
    normal_path::{normal_path, normal_route},
    params::Params,
    refusal::Refusal,
};
use crate::{
    Config,
    handshake::{Request, Response},
};
use percent_encoding::percent_decode_str;
use std::{fmt, sync::Arc};

/// Makes the handler of a session, or answers the request.
pub(super) type Factory = Box<dyn FnMut(&Request, &Params) -> Result<Box<dyn Handler>, Box<Response>>>;

/// Answers a request of plain HTTP.
pub(super) type Page = Box<dyn FnMut(&Request, &Params) -> Response>;

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

/// Your code for a path.
pub(super) enum Route {
    /// With the configuration of the sessions, if that is not the server's.
    Handlers {
        factory: Factory,
        config: Option<Arc<Config>>,
    },
    Page(Page),
}

/// What a request is routed to.
pub(super) enum Routed {
    Handler {
        handler: Box<dyn Handler>,
        params: Params,
        config: Option<Arc<Config>>,
    },
    Page(Response),
    /// The answer of the factory, which has made no handler.
    Rejection(Box<Response>),
}

/// The routes, and the paths of the two kinds of requests with the number of their route.
#[derive(Default)]
pub(super) struct Routes {
    routes: Vec<DropCaught<Route>>,
    websocket: matchit::Router<usize>,
    plain: matchit::Router<usize>,
}

impl Route {
    const fn takes_websocket(&self) -> bool {
        matches!(self, Self::Handlers { .. })
    }

    /// Whether it takes requests of plain HTTP.
    fn takes_plain(&self) -> bool {
        match self {
            Self::Handlers { config, .. } => config.as_ref().is_some_and(|config| config.plain_http),
            Self::Page(_) => true,
        }
    }

    /// Your code may panic. Then only this request ends.
    fn serve(&mut self, request: &Request, params: Params) -> Result<Routed, Refusal> {
        let path = request.path();
        match self {
            Self::Handlers { factory, config } => {
                let made = caught(format_args!("the factory of a handler for {path}"), || factory(request, &params));
                Ok(match made.ok_or(Refusal::NoHandler)? {
                    Ok(handler) => Routed::Handler { handler, params, config: config.clone() },
                    Err(response) => Routed::Rejection(response),
                })
            }
            Self::Page(page) => {
                let response = caught(format_args!("the page at {path}"), || page(request, &params));
                response.map(Routed::Page).ok_or(Refusal::NoPage)
            }
        }
    }
}

impl Routes {
    pub(super) fn insert(&mut self, path: &str, route: Route) -> Result<(), RouteError> {
        let error = |reason| RouteError { path: path.to_owned(), reason };
        let normal = normal_route(path).map_err(|reason| error(reason.into_owned()))?;
        let number = self.routes.len();
        let add = |router: &mut matchit::Router<usize>, applies: bool| {
            if applies {
                router.insert(normal.clone(), number).map_err(|reason| error(reason.to_string()))
            } else {
                Ok(())
            }
        };
        // A conflict in one of them must not leave a part of the route in the other.
        let mut plain = self.plain.clone();
        add(&mut plain, route.takes_plain())?;
        add(&mut self.websocket, route.takes_websocket())?;
        self.plain = plain;
        self.routes.push(DropCaught::new(route));
        Ok(())
    }

    /// Has the route of `request` serve it.
    ///
    /// Parameters are decoded after the path has been split: an encoded slash in a value does not end its segment.
    ///
    /// # Errors
    /// The reason to refuse the request.
    pub(super) fn serve(&mut self, request: &Request) -> Result<Routed, Refusal> {
        let path = normal_path(request.path());
        let (router, others, refusal) = if request.is_websocket() {
            (&self.websocket, &self.plain, Refusal::NoWebSocket)
        } else {
            (&self.plain, &self.websocket, Refusal::OnlyWebSocket)
        };
        let Ok(found) = router.at(&path) else {
            return Err(if others.at(&path).is_ok() { refusal } else { Refusal::NoRoute });
        };
        let decode = |value| percent_decode_str(value).decode_utf8().map_err(|_| Refusal::BadParameter);
        let decoded = found.params.iter().map(|(name, value)| decode(value).map(|value| (name.into(), value.into())));
        let params = Params::new(decoded.collect::<Result<Vec<_>, _>>()?);
        let route = self.routes[*found.value].get_mut().expect("a route stays until it is dropped");
        route.serve(request, params)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routes")
    }
}
