//! A connection of a member, driven step by step, so that one thread speaks and listens.

use statesocket::{Config, Connection, Event, Inbox, SocketAction, handshake::Connect};
use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// A TCP stream with its connection.
pub struct Socket {
    stream: TcpStream,
    pub connection: Connection,
    inbox: Inbox,
    is_over: bool,
}

impl Socket {
    /// Connects to a port of the loopback, and asks for a WebSocket.
    pub fn connect(port: u16, target: &str) -> io::Result<Self> {
        let connect = Connect::new(&format!("ws://127.0.0.1:{port}{target}")).map_err(io::Error::other)?;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_millis(100)))?;
        let config = Config::default().with(|config| config.opening_timeout = Some(Duration::from_secs(3)));
        let connection = Connection::client(&connect, Arc::new(config), Instant::now());
        Ok(Self { stream, connection, inbox: Inbox::new(), is_over: false })
    }

    /// Whether the connection has ended, and the stream with it.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Writes, waits for at most `wait`, reads, and returns what has come.
    pub fn step(&mut self, wait: Duration) -> Vec<Event<'static>> {
        let Self { stream, connection, inbox, .. } = self;
        let mut events = Vec::new();
        match connection.write_to(&mut *stream) {
            Err(error) if !is_no_failure(error.kind()) => inbox.write_failed(connection, &mut *stream),
            Ok(_) | Err(_) => {}
        }
        match connection.poll_socket() {
            Some(SocketAction::Close) => self.is_over = true,
            Some(_) => stream.shutdown(Shutdown::Write).unwrap_or_default(),
            None => {}
        }
        let before_wait = Instant::now();
        if inbox.wants_read(connection) && !self.is_over {
            // A timeout of zero would be none.
            let wait = stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
            let read = wait.and_then(|()| inbox.read_from(connection, &mut *stream, Instant::now()));
            if read.is_err_and(|error| !is_no_failure(error.kind())) {
                connection.transport_failed();
            }
        }
        while let Some(event) = inbox.next_event(connection, Instant::now()) {
            events.push(event.into_owned());
        }
        inbox.handle_timeout(connection, &mut *stream, before_wait);
        while let Some(event) = inbox.next_event(connection, Instant::now()) {
            events.push(event.into_owned());
        }
        events
    }
}

fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
