//! A server in memory, with clients of two kinds: a [`Guest`] may be slow to ask, and a [`RawClient`] writes any bytes.

mod guest;
mod served;
mod stream;

pub(crate) use guest::Guest;
pub(crate) use served::Served;
pub(crate) use stream::RawClient;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
pub(crate) use stream::Stream;

use statesocket::{
    Config, Message,
    server::{Handler, Session},
    testing::TestServer,
};

pub(crate) struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("the connection is open");
    }
}

/// A server that echoes at `/ws`.
pub(crate) fn server(config: Config) -> TestServer {
    let mut server = TestServer::new(config).expect("the configuration is right");
    server.route("/ws", || Echo).expect("the route is new");
    server
}
