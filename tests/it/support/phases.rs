//! Connections in every phase.

use super::{client, drain, established, peer_sends, pending, requested_server, sent::ROLES, wire::Raw};
use statesocket::{CloseReply, Config, Connection, Phase, Role};
use std::{sync::Arc, time::Instant};

/// The default configuration with a change.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    Config::default().with(change)
}

/// Disables every timeout.
pub(crate) fn without_timeouts(config: &mut Config) {
    for timeout in [
        &mut config.opening_timeout,
        &mut config.accept_timeout,
        &mut config.write_timeout,
        &mut config.drain_timeout,
        &mut config.ping_interval,
        &mut config.pong_timeout,
        &mut config.idle_timeout,
        &mut config.message_timeout,
        &mut config.closing_timeout,
        &mut config.linger_timeout,
    ] {
        *timeout = None;
    }
}

/// A configuration in which the application answers the peer's Close.
pub(crate) fn manual() -> Config {
    config(|config| config.close_reply = CloseReply::Manual)
}

/// The phase in which the local party has sent its Close and the peer has not.
pub(crate) fn after_own_close(role: Role) -> Phase {
    match role {
        Role::Client => Phase::ClientClosed,
        Role::Server => Phase::ApplicationClosed,
    }
}

/// The phase in which the peer has sent its Close and the local party has not.
pub(crate) fn after_peer_close(role: Role) -> Phase {
    match role {
        Role::Client => Phase::ApplicationClosed,
        Role::Server => Phase::ClientClosed,
    }
}

/// Both roles in every phase that they can be in, with an empty output and no pending event.
///
/// Phase Closed is there three times: after a closing handshake, after a violation, and after `abort`.
pub(crate) fn in_every_phase() -> Vec<(String, Connection)> {
    let mut connections = vec![Connection::server(Arc::new(Config::default()), Instant::now())];
    connections.push(requested_server(Config::default()));
    connections.push(client(Config::default(), &[]));
    for role in ROLES {
        let [open, mut half, mut peer_half, mut clean, mut failed, mut aborted] =
            std::array::from_fn(|_| established(role, manual()));
        half.close(1000, "done").expect("the connection is open");
        peer_sends(&mut peer_half, [Raw::close(1001, "away")]);
        peer_sends(&mut clean, [Raw::close(1001, "away")]);
        clean.close(1000, "done").expect("the peer's Close is unanswered");
        peer_sends(&mut failed, [Raw::new(0xB, "")]);
        aborted.abort();
        connections.extend([open, half, peer_half, clean, failed, aborted]);
    }
    for connection in &mut connections {
        pending(connection);
        drain(connection);
    }
    connections
        .into_iter()
        .map(|connection| (format!("{:?} in {:?}", connection.role(), connection.phase()), connection))
        .collect()
}
