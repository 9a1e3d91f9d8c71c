use super::{PATIENCE, dial};
use statesocket::{
    Config, Disconnect, Event, Message,
    blocking::WebSocket,
    handshake::{Connect, Response},
};
use std::net::{TcpStream, ToSocketAddrs};

/// Our client role over a blocking socket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) ws: WebSocket<TcpStream>,
}

impl Client {
    /// Connects, and leaves the request queued. A wait that is too long ends the connection.
    pub(crate) fn start(connect: &Connect) -> Self {
        let mut addresses = connect.address().to_socket_addrs().expect("a loopback address");
        let stream = dial(addresses.next().expect("an address"));
        let config = Config::default().with(|config| {
            (config.ping_interval, config.idle_timeout) = (None, Some(PATIENCE));
            (config.opening_timeout, config.closing_timeout) = (Some(PATIENCE), Some(PATIENCE));
            config.linger_timeout = Some(PATIENCE);
        });
        Self { ws: WebSocket::client(stream, connect, config) }
    }

    /// Connects to `url`, and waits until the connection is open.
    pub(crate) fn open(url: &str) -> Self {
        let mut client = Self::start(&Connect::new(url).expect("a valid URL"));
        client.accepted();
        client
    }

    /// The next event, which is the 101.
    #[track_caller]
    pub(crate) fn accepted(&mut self) -> Response {
        match self.next() {
            Event::Accepted(response) => *response,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// The next event, which is a rejection.
    #[track_caller]
    pub(crate) fn rejected(&mut self) -> Response {
        match self.next() {
            Event::Rejected(response) => *response,
            other => panic!("not rejected: {other:?}"),
        }
    }

    /// The next event, which is a message.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Message<'static> {
        match self.next() {
            Event::Message(message) => message,
            other => panic!("no message: {other:?}"),
        }
    }

    /// The next event, which is the end. The socket is shut down then.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Disconnect {
        let Event::Disconnect(disconnect) = self.next() else { panic!("the connection has not ended") };
        assert_eq!(self.ws.event(), None, "nothing follows the end");
        *disconnect
    }

    /// The next event. Its answer has left.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Event<'static> {
        let event = self.ws.event().expect("the connection has ended");
        self.ws.flush();
        event
    }

    /// Writes `bytes` directly to the socket, without the connection.
    #[cfg(feature = "server")]
    pub(crate) fn write_raw(&mut self, bytes: &[u8]) {
        std::io::Write::write_all(&mut self.ws.stream(), bytes).expect("the server reads");
    }
}
