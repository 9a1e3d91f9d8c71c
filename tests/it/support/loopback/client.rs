use super::{PATIENCE, dial};
use statesocket::{
    Config, Connection, Disconnect, Event, Message, SocketAction, handshake::Connect, handshake::Response,
};
use std::{
    io::{ErrorKind, Read},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    ops::Range,
    sync::Arc,
    time::Instant,
};

/// The most bytes of one read.
const READ: usize = 64 << 10;

/// Our client role over a blocking socket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: Connection,
    stream: TcpStream,
    input: Box<[u8]>,
    /// The bytes of the last read that are not consumed.
    unread: Range<usize>,
}

impl Client {
    /// Connects, and leaves the request queued.
    pub(crate) fn start(connect: &Connect) -> Self {
        let mut addresses = connect.address().to_socket_addrs().expect("a loopback address");
        let stream = dial(addresses.next().expect("an address"));
        let connection = Connection::client(connect, Arc::new(Config::default()), Instant::now());
        Self { connection, stream, input: vec![0; READ].into(), unread: 0..0 }
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

    /// The next event, which is the end. Closes the socket as soon as the connection asks for that.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Disconnect {
        let Event::Disconnect(disconnect) = self.next() else { panic!("the connection has not ended") };
        assert_eq!(self.poll(), None, "nothing follows the end");
        *disconnect
    }

    /// The next event.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Event<'static> {
        self.poll().expect("the connection has ended")
    }

    /// The next event; `None` once the socket is closed.
    fn poll(&mut self) -> Option<Event<'static>> {
        loop {
            let mut input = &mut self.input[self.unread.clone()];
            let event = self.connection.receive(&mut input, Instant::now()).map(Event::into_owned);
            self.unread.start = self.unread.end - input.len();
            self.flush();
            if event.is_some() {
                return event;
            }
            match self.connection.poll_socket() {
                Some(SocketAction::Close) => {
                    self.stream.shutdown(Shutdown::Both).unwrap_or_default();
                    return None;
                }
                // This fails only if the peer is gone; then the next read reports it.
                Some(_) => self.stream.shutdown(Shutdown::Write).unwrap_or_default(),
                None => {}
            }
            self.read();
        }
    }

    /// Writes the output.
    pub(crate) fn flush(&mut self) {
        if self.connection.write_to(&mut self.stream).is_err() {
            self.connection.transport_failed();
        }
    }

    /// Writes `bytes` directly to the socket, without the connection.
    #[cfg(feature = "server")]
    pub(crate) fn write_raw(&mut self, bytes: &[u8]) {
        std::io::Write::write_all(&mut self.stream, bytes).expect("the server reads");
    }

    fn read(&mut self) {
        let length = match self.stream.read(&mut self.input) {
            Ok(0) => {
                self.connection.receive_eof();
                0
            }
            Ok(n) => n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing arrived within {PATIENCE:?}")
            }
            Err(_) => {
                self.connection.transport_failed();
                0
            }
        };
        self.unread = 0..length;
    }
}
