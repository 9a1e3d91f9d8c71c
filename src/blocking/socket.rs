//! The WebSocket of a thread.

use super::{
    driver::{Driver, now},
    stream::{self, Stream},
};
use crate::{
    agreed::Agreed,
    close_code::CloseCode,
    config::Config,
    connection::Connection,
    error::{AcceptError, CloseError, RejectError, SendError},
    event::{Disconnect, Event, NotOpened},
    handshake::{Accept, Connect, Request, Response},
    message::Message,
    role::Role,
    state::Action,
};
use std::{
    io,
    net::TcpStream,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

/// [`WebSocket::feed`] writes first while more than this is queued, in bytes.
const HIGH_WATER: usize = 64 << 10;

/// A WebSocket over a blocking stream. It derefs to its [`Connection`], which has the states of both parties. See the
/// [module](super) for an example.
#[derive(Debug)]
pub struct WebSocket<T> {
    driver: Driver<T>,
}

impl WebSocket<TcpStream> {
    /// Connects to the server of a `ws` URI, and asks for a WebSocket. [`opened`](Self::opened) waits for the answer,
    /// before which nothing can be sent. [`Config::opening_timeout`] bounds both together.
    /// [`connect_with`](Self::connect_with) is for `wss`.
    ///
    /// # Errors
    /// The error of the system for the last address of the host, and [`InvalidInput`](io::ErrorKind::InvalidInput) for
    /// a `wss` URI.
    pub fn connect(connect: &Connect, config: impl Into<Arc<Config>>) -> io::Result<Self> {
        connect.check_plain()?;
        Self::connect_with(connect, config, Ok)
    }
}

impl<T: Stream> WebSocket<T> {
    /// The server's end of a new connection. [`request`](Self::request) waits for the request.
    #[must_use]
    pub fn server(stream: T, config: impl Into<Arc<Config>>) -> Self {
        Self::new(stream, Connection::server(config.into(), now()))
    }

    /// The client's end of a new connection over a stream to the server, such as one with TLS.
    /// [`opened`](Self::opened) waits for the answer, before which nothing can be sent.
    #[must_use]
    pub fn client(stream: T, connect: &Connect, config: impl Into<Arc<Config>>) -> Self {
        Self::new(stream, Connection::client(connect, config.into(), now()))
    }

    /// Connects as [`connect`](WebSocket::connect) does, and asks over the stream that `secure` makes of that of TCP,
    /// such as one with TLS. [`Config::opening_timeout`] bounds the wait for TCP and for the answer, and not what
    /// `secure` itself waits for. Whether the URI is `ws` or `wss` makes no difference.
    ///
    /// ```
    /// use statesocket::{Config, blocking::{Stream, WebSocket}, handshake::Connect};
    /// use std::{error::Error, io, net::TcpStream};
    ///
    /// /// `secure` makes a stream with TLS to a server of that name.
    /// fn greet<T: Stream>(secure: fn(TcpStream, &str) -> io::Result<T>) -> Result<(), Box<dyn Error>> {
    ///     let connect = Connect::new("wss://example.com/")?;
    ///     let mut ws = WebSocket::connect_with(&connect, Config::default(), |tcp| secure(tcp, connect.host()))?;
    ///     ws.opened()?;
    ///     ws.send("hello")?;
    ///     println!("{}", ws.close(1000, "")?);
    ///     Ok(())
    /// }
    /// # let _ = greet::<TcpStream>;
    /// ```
    ///
    /// # Errors
    /// Those of the system and of `secure`.
    pub fn connect_with(
        connect: &Connect,
        config: impl Into<Arc<Config>>,
        secure: impl FnOnce(TcpStream) -> io::Result<T>,
    ) -> io::Result<Self> {
        let (config, began) = (config.into(), now());
        let deadline = config.opening_timeout.and_then(|timeout| began.checked_add(timeout));
        let stream = secure(stream::dial(connect, deadline)?)?;
        Ok(Self::new(stream, Connection::client(connect, config, began)))
    }

    /// A connection whose opening handshake was done elsewhere, as by [`Connection::established`].
    #[must_use]
    pub fn established(stream: T, role: Role, agreed: Agreed, config: impl Into<Arc<Config>>) -> Self {
        Self::new(stream, Connection::established(role, agreed, config.into(), now()))
    }

    fn new(stream: T, connection: Connection) -> Self {
        Self { driver: Driver::new(stream, connection) }
    }

    /// The stream. Bytes that are read from it or written to it are missing in the connection.
    #[must_use]
    pub const fn stream(&self) -> &T {
        &self.driver.stream
    }

    /// The connection, for its other commands, such as [`ping`](Connection::ping). What they queue leaves with the next
    /// call that waits. A [pause](Connection::pause_reading) lasts until the next wait for an event.
    pub const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.driver.connection
    }

    /// Waits for the request of the client, on a server. Then [`accept`](Self::accept) or [`reject`](Self::reject) it.
    ///
    /// # Errors
    /// The end, if no request comes or it has been refused.
    #[doc(alias = "accept_hdr")]
    pub fn request(&mut self) -> Result<Arc<Request>, Disconnect> {
        while let Some(event) = self.event() {
            if let Event::Request(request) = event {
                return Ok(request);
            }
        }
        Err(self.driver.end())
    }

    /// Accepts the request, and writes the answer.
    ///
    /// # Errors
    /// As [`Connection::accept`].
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        self.driver.connection.accept(accept)?;
        self.flush();
        Ok(())
    }

    /// Answers the request with a final response other than 101, or a status alone. It leaves with
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`Connection::reject`].
    pub fn reject(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        self.driver.connection.reject(response)
    }

    /// Waits for the 101 of the server, on a client.
    ///
    /// # Errors
    /// [`NotOpened`] if the server rejects the request or there is no valid answer: the end and, if there is one, the
    /// response.
    pub fn opened(&mut self) -> Result<Box<Response>, NotOpened> {
        let mut refusal = None;
        while let Some(event) = self.event() {
            if let Event::Accepted(response) = event {
                return Ok(response);
            }
            if let Event::Rejected(response) | Event::InvalidResponse(response) = event {
                refusal = Some(response);
            }
        }
        Err(NotOpened { end: self.driver.end(), response: refusal })
    }

    /// Waits for the next message. With [`Delivery::Chunks`](crate::Delivery::Chunks) use [`event`](Self::event) or
    /// [`drive`](Self::drive), which hand out chunks.
    ///
    /// # Errors
    /// The end. Everything has been written then, and the stream is shut down, so it can be dropped. With
    /// [`CloseReply::Manual`](crate::CloseReply::Manual) the end comes before that: [`close`](Self::close) answers the
    /// peer's Close.
    #[doc(alias = "read")]
    pub fn recv(&mut self) -> Result<Message<'static>, Disconnect> {
        self.recv_until(None).map(|message| message.expect("only a time ends the wait before"))
    }

    /// Waits for the next message, and for `timeout` at most: `None` if no message has come by then. So one thread can
    /// send and receive. With a timeout of zero it returns a message that has already come, or `None`.
    ///
    /// ```
    /// use statesocket::blocking::WebSocket;
    /// use std::{error::Error, net::TcpStream, sync::mpsc::Receiver, time::Duration};
    ///
    /// /// Sends the lines of another thread, and prints the messages that come.
    /// fn talk(mut ws: WebSocket<TcpStream>, lines: Receiver<String>) -> Result<(), Box<dyn Error>> {
    ///     loop {
    ///         for line in lines.try_iter() {
    ///             ws.send(line)?;
    ///         }
    ///         if let Some(message) = ws.recv_timeout(Duration::from_millis(50))? {
    ///             println!("{message:?}");
    ///         }
    ///     }
    /// }
    /// # let _ = talk;
    /// ```
    ///
    /// # Errors
    /// The end, as of [`recv`](Self::recv).
    #[doc(alias = "set_read_timeout")]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message<'static>>, Disconnect> {
        // A time that is too long for the clock never comes.
        self.recv_until(now().checked_add(timeout))
    }

    fn recv_until(&mut self, until: Option<Instant>) -> Result<Option<Message<'static>>, Disconnect> {
        let mut is_over = false;
        loop {
            match self.driver.take_event() {
                Some(Event::Message(message)) => return Ok(Some(message)),
                Some(Event::Disconnect(end)) if self.can(Action::Close) => return Err(*end),
                Some(_) => continue,
                None if is_over => return Ok(None),
                None => {}
            }
            // Whatever has come by then is read first.
            is_over = until.is_some_and(|until| until <= now());
            if !self.driver.step(until) {
                return Err(self.driver.end());
            }
        }
    }

    /// Waits for the next event. `None` once everything has been written and the stream is shut down.
    pub fn event(&mut self) -> Option<Event<'static>> {
        loop {
            let event = self.driver.take_event();
            if event.is_some() || !self.driver.step(None) {
                return event;
            }
        }
    }

    /// Calls `on_event` with each event until the connection has ended. Nothing is copied.
    ///
    /// ```no_run
    /// use statesocket::{Config, Event, blocking::WebSocket, handshake::Connect};
    ///
    /// let mut ws = WebSocket::connect(&Connect::new("ws://127.0.0.1:8080/")?, Config::default())?;
    /// let end = ws.drive(|connection, event| {
    ///     if let Event::Message(message) = event {
    ///         // After our Close a message of the peer may still arrive, which needs no echo.
    ///         let _ = connection.send(message);
    ///     }
    /// });
    /// println!("{end}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drive(&mut self, on_event: impl FnMut(&mut Connection, Event<'_>)) -> Disconnect {
        self.driver.drive(on_event);
        self.driver.end()
    }

    /// Sends a message, and waits until it is written. If it cannot be written, the next [`recv`](Self::recv) says why.
    ///
    /// # Errors
    /// As [`Connection::send`]. Nothing has been sent.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        self.feed(message)?;
        self.flush();
        Ok(())
    }

    /// Queues a message, which leaves with the next call that waits, so several leave with one write. Writes first
    /// while more than 64 KiB are queued.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        if self.output_len() > HIGH_WATER {
            self.flush();
        }
        self.driver.connection.send(message)
    }

    /// Waits until everything queued is written, or dropped because the transport has failed or a timer has run out.
    pub fn flush(&mut self) {
        self.driver.flush();
    }

    /// Closes the connection, and sees it to its [end](Self::finish). Messages that still come are dropped.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<Disconnect, CloseError> {
        self.driver.connection.close(code, reason)?;
        Ok(self.finish())
    }

    /// Waits until the connection has ended, everything is written and the stream is shut down. Messages that still
    /// come are dropped.
    pub fn finish(&mut self) -> Disconnect {
        self.drive(|_, _| {})
    }
}

impl<T> Deref for WebSocket<T> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.driver.connection
    }
}
