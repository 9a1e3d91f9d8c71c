//! Connections whose opening handshake was done elsewhere.

use super::{Connection, Incoming};
use crate::{config::Config, message::reader::Reader, random::Random, state::Phase};
use std::{sync::Arc, time::Instant};
use tungstenite::protocol::Role;

/// What an opening handshake that was done elsewhere has agreed on. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Agreed {
    /// The subprotocol.
    pub subprotocol: Option<String>,
    /// What all randomness follows from, for tests; see [`Connect::seed`](crate::handshake::Connect::seed).
    pub seed: Option<[u8; 32]>,
}

impl Agreed {
    /// Nothing agreed on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the subprotocol.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Connection {
    /// A connection whose opening handshake was done elsewhere: by an HTTP server, or over HTTP/2 (RFC 8441) or HTTP/3
    /// (RFC 9220). It is [`Open`](Phase::Open). Bytes that came behind the handshake go to
    /// [`receive`](Connection::receive) first.
    ///
    /// ```
    /// use statesocket::{Agreed, Config, Connection, Event, Role};
    /// use std::{sync::Arc, time::Instant};
    ///
    /// let config = Arc::new(Config::default());
    /// let mut connection = Connection::established(Role::Client, Agreed::new(), config, Instant::now());
    /// // The example of RFC 6455 section 5.7.
    /// let mut bytes = *b"\x81\x05Hello";
    /// let Some(Event::Message(message)) = connection.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
    /// assert_eq!(message.as_text(), Some("Hello"));
    /// ```
    #[must_use]
    pub fn established(role: Role, agreed: Agreed, config: Arc<Config>, now: Instant) -> Self {
        let incoming = Incoming::Frames(Reader::new(role, &config));
        let random = match role {
            Role::Client => Some(agreed.seed.map_or_else(Random::from_system, Random::from_seed)),
            Role::Server => None,
        };
        let mut connection = Self::new(role, Phase::Open, incoming, random, config, now);
        connection.subprotocol = agreed.subprotocol.map(String::into_boxed_str);
        connection
    }
}
