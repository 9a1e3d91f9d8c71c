//! permessage-deflate: RFC 7692.

mod messages;

use statesocket::{
    Agreed, AgreedDeflate, Config, Connection, Deflate, Role,
    handshake::{Extension, deflate},
    http,
};
use std::{sync::Arc, time::Instant};

/// What both ends agree on if the client offers and the server answers this.
fn agreed(offer: &str, answer: &str) -> AgreedDeflate {
    let parsed = |value: &str| {
        let headers = [(http::header::SEC_WEBSOCKET_EXTENSIONS, value.parse().unwrap())];
        Extension::all(&headers.into_iter().collect(), 100).unwrap()
    };
    deflate::agree(&parsed(offer), &parsed(answer)).unwrap().unwrap()
}

/// An open connection that has agreed on compression by `answer`.
fn compressing(role: Role, answer: &str, change: impl FnOnce(&mut Config)) -> Connection {
    let config = Config::default().with(|config| config.deflate = Some(Deflate::default())).with(change);
    let offer = "permessage-deflate; client_max_window_bits; server_max_window_bits=8, permessage-deflate; \
        client_max_window_bits";
    let agreed = Agreed::new().deflate(agreed(offer, answer)).seed([7; 32]);
    Connection::established(role, agreed, Arc::new(config), Instant::now())
}
