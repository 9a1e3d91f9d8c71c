//! The paths of the server.

use crate::{bus::Bus, member::Member};
use statesocket::{
    Config,
    handshake::{Request, Response},
    http::{StatusCode, header::CONTENT_TYPE},
    server::{Params, RouteError, Server},
};

const PAGE: &str = include_str!("page.html");

/// The configuration of all connections.
#[must_use]
pub fn config() -> Config {
    Config::default().with(|config| {
        config.max_message_bytes = 16 << 10;
        config.max_frame_bytes = 16 << 10;
    })
}

/// Adds the routes of one loop.
///
/// # Errors
/// [`RouteError`], if the server has one of them already.
pub fn add(server: &mut Server, bus: &Bus) -> Result<(), RouteError> {
    let bus = bus.clone();
    server.route("/ws/{room_id}", move || Member::new(bus.clone()))?;
    for path in ["/", "/{room_id}"] {
        server.route_http(path, page)?;
    }
    server.route_metrics("/metrics")?;
    // A process whose broker is lost is well: its members stay, and would find no better one.
    server.route_http("/health", |_, _| Response::new(StatusCode::OK).body("ok\n"))
}

fn page(_: &Request, _: &Params) -> Response {
    let page = Response::new(StatusCode::OK).body(PAGE);
    page.header(CONTENT_TYPE, "text/html; charset=utf-8").expect("not a reserved header")
}
