//! A client on a blocking socket that reacts to events where they lie.

use statesocket::{Config, Connection, Event, blocking::WebSocket, handshake::Connect};
use std::{error::Error, sync::Arc};

/// Connects to `url`, and calls `on_event` for each event until the connection has ended.
pub(crate) fn drive(
    url: &str,
    config: &Arc<Config>,
    on_event: impl FnMut(&mut Connection, Event<'_>),
) -> Result<(), Box<dyn Error>> {
    WebSocket::connect(&Connect::new(url)?, Arc::clone(config))?.drive(on_event);
    Ok(())
}
