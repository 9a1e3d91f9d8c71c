//! Clients of a server in memory.

use super::endpoint::Endpoint;
use crate::{
    CloseCode, CloseError, Config, Connection, Disconnect, Event, Message, Party, Phase, PingError, SendError, State,
    handshake::Response,
};
use std::{
    cell::RefCell,
    io,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

/// The settings of a [`Client`].
///
/// ```
/// use statesocket::{Config, handshake::Connect, server::{Handler, Limits}, testing::{ClientOptions, TestServer}};
///
/// struct Quiet;
/// impl Handler for Quiet {}
///
/// let mut server = TestServer::new(Config::default())?;
/// server.route("/", || Quiet)?;
/// server.set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 1));
/// let connect = Connect::new("ws://localhost/")?;
/// let from = |address: [u8; 4]| ClientOptions::default().with(|options| options.address = address.into());
/// let clients = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|address| server.connect_with(&connect, &from(address)));
/// let third = server.connect_with(&connect, &from([192, 0, 2, 1]));
/// assert_eq!(third.response().map(|response| response.status.as_u16()), Some(429));
/// # let _ = clients;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The configuration of the connection. Default that of [`Config`] without timeouts: only the server ends a
    /// connection that is late, and only the server sends keepalive Pings.
    pub config: Config,
    /// The address from which the client connects. Default 127.0.0.1.
    pub address: IpAddr,
    /// How many bytes the pipe to the server holds in each direction, at least 1. Default 64 KiB.
    pub pipe_bytes: usize,
}

impl ClientOptions {
    /// Changes some fields, in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            config: Config::default().with(switch_timeouts_off),
            address: Ipv4Addr::LOCALHOST.into(),
            pipe_bytes: 64 << 10,
        }
    }
}

fn switch_timeouts_off(config: &mut Config) {
    for timeout in [
        &mut config.opening_timeout,
        &mut config.accept_timeout,
        &mut config.ping_interval,
        &mut config.pong_timeout,
        &mut config.idle_timeout,
        &mut config.message_timeout,
        &mut config.write_timeout,
        &mut config.drain_timeout,
        &mut config.closing_timeout,
        &mut config.linger_timeout,
    ] {
        *timeout = None;
    }
}

/// A client of a [`TestServer`](super::TestServer), with the states of both parties as this end knows them.
///
/// Its calls put bytes into the pipe; [`settle`](super::TestServer::settle) has the server read them. It answers Pings
/// and Closes by itself while the server settles. Dropping it is the end of a client that has crashed: the server finds
/// the end of the stream without a Close.
#[derive(Debug)]
pub struct Client {
    endpoint: Rc<RefCell<Endpoint>>,
}

/// # What it knows
impl Client {
    pub(super) const fn new(endpoint: Rc<RefCell<Endpoint>>) -> Self {
        Self { endpoint }
    }

    /// The joint state of both parties.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.endpoint.borrow().connection.phase()
    }

    /// The state of one party.
    #[must_use]
    pub fn state(&self, party: Party) -> State {
        self.phase().state_of(party)
    }

    /// The answer of the server to the request, whatever it is. `None` before it has come.
    #[must_use]
    pub fn response(&self) -> Option<Response> {
        self.endpoint.borrow().response.clone()
    }

    /// The subprotocol that both parties agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        self.endpoint.borrow().connection.subprotocol().map(str::to_owned)
    }

    /// The end, once it has come, whether it has been [received](Self::receive) or not.
    #[must_use]
    pub fn disconnected(&self) -> Option<Disconnect> {
        self.endpoint.borrow().connection.disconnected().cloned()
    }
}

/// # Receiving
impl Client {
    /// The next event that has come, apart from Pings and Pongs, which are dropped. The answer to the request is no
    /// event, but the [`response`](Self::response).
    pub fn receive(&mut self) -> Option<Event<'static>> {
        loop {
            let event = self.receive_any();
            if !matches!(event, Some(Event::Ping(_) | Event::Pong(_))) {
                return event;
            }
        }
    }

    /// The same, with Pings and Pongs. By default the server sends a keepalive Ping after 20 s.
    ///
    /// ```
    /// use statesocket::{Config, Event, server::Handler, testing::TestServer};
    ///
    /// struct Quiet;
    /// impl Handler for Quiet {}
    ///
    /// let config = Config::default();
    /// let interval = config.ping_interval.expect("keepalive is on by default");
    /// let mut server = TestServer::new(config)?;
    /// server.route("/", || Quiet)?;
    /// let mut client = server.connect("/");
    /// server.advance(interval);
    /// assert!(matches!(client.receive_any(), Some(Event::Ping(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive_any(&mut self) -> Option<Event<'static>> {
        let mut endpoint = self.endpoint.borrow_mut();
        endpoint.act();
        endpoint.events.pop_front()
    }

    /// The next event of [`receive`](Self::receive), which is a text message.
    ///
    /// # Panics
    /// If it is another event, or if none has come. So too in the next two methods.
    #[track_caller]
    pub fn receive_text(&mut self) -> String {
        match self.receive() {
            Some(Event::Message(message)) if message.is_text() => message.as_text().unwrap_or_default().to_owned(),
            other => panic!("no text message has come, but {other:?}"),
        }
    }

    /// The next event of [`receive`](Self::receive), which is a binary message.
    #[track_caller]
    pub fn receive_binary(&mut self) -> Vec<u8> {
        match self.receive() {
            Some(Event::Message(message)) if !message.is_text() => message.as_bytes().to_vec(),
            other => panic!("no binary message has come, but {other:?}"),
        }
    }

    /// The next event of [`receive`](Self::receive), which is the end of the connection.
    #[track_caller]
    pub fn receive_end(&mut self) -> Disconnect {
        match self.receive() {
            Some(Event::Disconnect(end)) => *end,
            other => panic!("the connection has not ended; what has come is {other:?}"),
        }
    }
}

/// # Sending
impl Client {
    /// Sends a text message.
    ///
    /// # Errors
    /// Those of [`Connection::send_text`].
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.command(|connection| connection.send_text(text))
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// Those of [`Connection::send_binary`].
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.command(|connection| connection.send_binary(bytes))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        self.command(|connection| connection.send(message))
    }

    /// Sends a Ping.
    ///
    /// # Errors
    /// Those of [`Connection::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), PingError> {
        self.command(|connection| connection.ping(payload))
    }

    /// Begins the closing handshake.
    ///
    /// # Errors
    /// Those of [`Connection::close`].
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.command(|connection| connection.close(code, reason))
    }

    /// Calls any command of the connection, and sends what it queues.
    ///
    /// ```
    /// use statesocket::{Config, testing::TestServer};
    ///
    /// let mut server = TestServer::new(Config::default())?;
    /// let mut client = server.connect("/no/route");
    /// let refused = client.command(|connection| connection.begin_text("the first part of a text"));
    /// assert!(refused.is_err(), "the server has answered 404");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn command<T>(&mut self, command: impl FnOnce(&mut Connection) -> T) -> T {
        let mut endpoint = self.endpoint.borrow_mut();
        let result = command(&mut endpoint.connection);
        endpoint.flush();
        result
    }
}

/// # Misbehaving
impl Client {
    /// Sends the request of a client that was [dialled](super::TestServer::dial).
    pub fn send_request(&mut self) {
        self.endpoint.borrow_mut().release();
    }

    /// Takes the request of a client that was [dialled](super::TestServer::dial), which then sends no other. A test may
    /// send the bytes in pieces, or others, with [`send_raw`](Self::send_raw).
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, testing::{ClientOptions, TestServer}};
    /// use std::time::Duration;
    ///
    /// let mut server = TestServer::new(Config::default())?;
    /// let mut slow = server.dial(&Connect::new("ws://localhost/")?, &ClientOptions::default());
    /// let request = slow.take_request();
    /// slow.send_raw(&request[..20]);
    /// server.advance(Duration::from_secs(10));
    /// assert_eq!(slow.response().map(|response| response.status.as_u16()), Some(408));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_request(&mut self) -> Vec<u8> {
        self.endpoint.borrow_mut().take_output()
    }

    /// Sends any bytes, behind everything that was sent before. The connection of this client does not know of them.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.endpoint.borrow_mut().send_raw(bytes);
    }

    /// Takes the bytes that have come and that the connection of this client has not read, so that it never sees them.
    /// After [`stop_reading`](Self::stop_reading) these are all bytes.
    pub fn receive_raw(&mut self) -> Vec<u8> {
        self.endpoint.borrow_mut().receive_raw()
    }

    /// Reads bytes past the connection of this client, as [`receive_raw`](Self::receive_raw) takes them, and also tells
    /// how the stream ends. After [`stop_reading`](Self::stop_reading) the end is not lost on the connection, either.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, testing::{ClientOptions, TestServer}};
    ///
    /// let mut server = TestServer::new(Config::default())?;
    /// let mut client = server.dial(&Connect::new("ws://localhost/no/route")?, &ClientOptions::default());
    /// client.stop_reading();
    /// client.send_request();
    /// server.settle();
    /// assert!(client.receive_raw().starts_with(b"HTTP/1.1 404 "));
    /// assert_eq!(client.read_raw(&mut [0; 100])?, 0, "the server ends the stream, and does not reset it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As of a socket that does not block: [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come, and
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset). The end of the stream is no error, but 0 bytes.
    pub fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.endpoint.borrow_mut().read_raw(buffer)
    }

    /// Reads nothing until [`resume_reading`](Self::resume_reading), so that the pipe fills: a slow client.
    pub fn stop_reading(&mut self) {
        self.endpoint.borrow_mut().is_reading = false;
    }

    /// Reads again.
    pub fn resume_reading(&mut self) {
        let mut endpoint = self.endpoint.borrow_mut();
        endpoint.is_reading = true;
        endpoint.act();
    }

    /// Ends the direction to the server; the other one goes on.
    pub fn shut_down_writing(&mut self) {
        self.endpoint.borrow_mut().shut_down_writing();
    }

    /// Breaks the connection, as a network or a crash does: both ends lose the transport.
    pub fn reset(&mut self) {
        self.endpoint.borrow_mut().reset();
    }
}
