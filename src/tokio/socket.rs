//! The WebSocket of one task.

use super::{alarm::now, dial, driver::Driver};
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
};
use std::{future::poll_fn, io, ops::Deref, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A WebSocket over an async stream. It derefs to its [`Connection`], which has the states of both parties. See the
/// [module](super) for an example.
///
/// Dropping it drops the stream, and the peer sees code 1006. [`close`](Self::close) ends it as the RFC asks.
#[derive(Debug)]
pub struct WebSocket<T> {
    pub(super) driver: Driver<T>,
}

impl WebSocket<TcpStream> {
    /// Connects to the server of a `ws` URI, and asks for a WebSocket. [`opened`](Self::opened) waits for the answer,
    /// before which nothing can be sent. The addresses of the host are tried by RFC 8305 ("happy eyeballs"): one family
    /// after the other, 250 ms apart, and the first that answers is taken. [`Config::opening_timeout`] bounds all of
    /// this. [`connect_with`](Self::connect_with) is for `wss`.
    ///
    /// # Errors
    /// The error of the system for the last address of the host, [`TimedOut`](io::ErrorKind::TimedOut) if no address
    /// answers in time, and [`InvalidInput`](io::ErrorKind::InvalidInput) for a `wss` URI.
    pub async fn connect(connect: &Connect, config: impl Into<Arc<Config>>) -> io::Result<Self> {
        connect.check_plain()?;
        Self::connect_with(connect, config, async |stream| Ok(stream)).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
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
    /// such as one with TLS. [`Config::opening_timeout`] bounds that, too. Whether the URI is `ws` or `wss` makes no
    /// difference.
    ///
    /// ```
    /// # #[cfg(feature = "tls-ring")]
    /// # mod example {
    /// use statesocket::{Config, handshake::Connect, tokio::WebSocket};
    /// use std::{error::Error, sync::Arc};
    /// use tokio_rustls::{TlsConnector, rustls::{ClientConfig, pki_types::ServerName}};
    ///
    /// async fn greet(connect: &Connect, tls: Arc<ClientConfig>) -> Result<(), Box<dyn Error>> {
    ///     let (tls, (host, _)) = (TlsConnector::from(tls), connect.address());
    ///     let name = ServerName::try_from(host.to_owned())?;
    ///     let mut ws = WebSocket::connect_with(connect, Config::default(), |tcp| tls.connect(name, tcp)).await?;
    ///     ws.opened().await?;
    ///     ws.send("hello").await?;
    ///     println!("{}", ws.close(1000, "").await?);
    ///     Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the system and of `secure`, and [`TimedOut`](io::ErrorKind::TimedOut).
    pub async fn connect_with<F: Future<Output = io::Result<T>>>(
        connect: &Connect,
        config: impl Into<Arc<Config>>,
        secure: impl FnOnce(TcpStream) -> F,
    ) -> io::Result<Self> {
        let (config, began) = (config.into(), now());
        let opening = async { secure(dial::dial(connect.address()).await?).await };
        let stream = dial::within(config.opening_timeout, opening).await?;
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

    /// Waits for the request of the client, on a server. Then [`accept`](Self::accept) or [`reject`](Self::reject) it.
    ///
    /// # Errors
    /// The end, if no request comes or it has been refused.
    #[doc(alias = "accept_hdr_async")]
    pub async fn request(&mut self) -> Result<Arc<Request>, Disconnect> {
        while let Some(event) = self.event().await {
            if let Event::Request(request) = event {
                return Ok(request);
            }
        }
        Err(self.end())
    }

    /// Accepts the request. The answer leaves with the next wait.
    ///
    /// # Errors
    /// As [`Connection::accept`].
    pub fn accept(&mut self, accept: Accept) -> Result<(), AcceptError> {
        self.driver.lend();
        self.driver.connection.accept(accept)
    }

    /// Answers the request with a final response other than 101, or a status alone. It leaves with
    /// [`finish`](Self::finish).
    ///
    /// ```
    /// use statesocket::{Config, http::StatusCode, tokio::WebSocket};
    /// use tokio::io::{AsyncRead, AsyncWrite};
    ///
    /// async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut ws = WebSocket::server(stream, Config::default());
    ///     ws.request().await?;
    ///     ws.reject(StatusCode::FORBIDDEN)?;
    ///     println!("{}", ws.finish().await);
    ///     Ok(())
    /// }
    /// # let _ = |stream: tokio::net::TcpStream| refuse(stream);
    /// ```
    ///
    /// # Errors
    /// As [`Connection::reject`].
    pub fn reject(&mut self, response: impl Into<Response>) -> Result<(), RejectError> {
        self.driver.lend();
        self.driver.connection.reject(response)
    }

    /// Waits for the 101 of the server, on a client.
    ///
    /// # Errors
    /// [`NotOpened`] if the server rejects the request or there is no valid answer: the end and, if there is one, the
    /// response. A future that is dropped after the response has come takes it along.
    pub async fn opened(&mut self) -> Result<Box<Response>, NotOpened> {
        let mut refusal = None;
        while let Some(event) = self.event().await {
            if let Event::Accepted(response) = event {
                return Ok(response);
            }
            if let Event::Rejected(response) | Event::InvalidResponse(response) = event {
                refusal = Some(response);
            }
        }
        Err(NotOpened { end: self.end(), response: refusal })
    }

    /// Waits for the next message. With [`Delivery::Chunks`](crate::Delivery::Chunks) use [`event`](Self::event) or
    /// [`drive`](Self::drive), which hand out chunks.
    ///
    /// # Errors
    /// The end. Everything has been written then, and the stream is shut down, so it can be dropped. With
    /// [`CloseReply::Manual`](crate::CloseReply::Manual) the end comes before that: [`close`](Self::close) answers the
    /// peer's Close.
    #[doc(alias = "read")]
    pub async fn recv(&mut self) -> Result<Message<'static>, Disconnect> {
        poll_fn(|cx| self.driver.poll_recv(cx)).await
    }

    /// Waits for the next event. `None` once everything has been written and the stream is shut down.
    pub async fn event(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.driver.poll_event(cx)).await
    }

    /// Calls `on_event` with each event until the connection has ended. Nothing is copied, and the answers to all
    /// events of a read leave with one write.
    ///
    /// ```
    /// use statesocket::{Config, Event, handshake::Connect, tokio::WebSocket};
    ///
    /// async fn echo() -> std::io::Result<()> {
    ///     let connect = Connect::new("ws://127.0.0.1:8080/").expect("a valid URI");
    ///     let mut ws = WebSocket::connect(&connect, Config::default()).await?;
    ///     let end = ws.drive(|connection, event| {
    ///         if let Event::Message(message) = event {
    ///             // After our Close a message of the peer may still arrive, which needs no echo.
    ///             let _ = connection.send(message);
    ///         }
    ///     });
    ///     println!("{}", end.await);
    ///     Ok(())
    /// }
    /// # let _ = echo;
    /// ```
    pub async fn drive(&mut self, mut on_event: impl FnMut(&mut Connection, Event<'_>)) -> Disconnect {
        poll_fn(|cx| self.driver.poll_drive(cx, &mut on_event)).await;
        self.end()
    }

    /// Sends a message: waits until there is room for it, queues it, and writes what the stream takes at once. There
    /// is room while at most 64 KiB are queued and [`Config::max_output_bytes`] allows the message. The rest leaves
    /// with the next wait. If the message cannot be written, the next [`recv`](Self::recv) says why.
    ///
    /// # Errors
    /// As [`Connection::send`]. Nothing has been sent.
    pub async fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.driver.poll_send(cx, &mut message)).await
    }

    /// Queues a message once there is [room](Self::send) for it. It leaves with the next wait, so several leave with
    /// one write.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let message = message.into();
        poll_fn(|cx| self.driver.poll_room(cx, message.len())).await;
        self.driver.lend();
        self.driver.connection.send(message)
    }

    /// Waits until everything queued is written.
    ///
    /// # Errors
    /// [`SendError::TransportLost`] if the stream has failed or a timer has expired before. The next
    /// [`recv`](Self::recv) says which.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.driver.poll_flush(cx)).await
    }

    /// Closes the connection, and sees it to its [end](Self::finish). Messages that still come are dropped. If the
    /// future is dropped, the Close has been queued.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<Disconnect, CloseError> {
        self.driver.connection.close(code, reason)?;
        Ok(self.finish().await)
    }

    /// Waits until the connection has ended, everything is written and the stream is shut down. Messages that still
    /// come are dropped.
    pub async fn finish(&mut self) -> Disconnect {
        self.drive(|_, _| {}).await
    }

    /// The connection, for its other commands, such as [`ping`](Connection::ping). What they queue leaves with the next
    /// wait.
    pub fn connection_mut(&mut self) -> &mut Connection {
        self.driver.resume();
        &mut self.driver.connection
    }

    fn end(&self) -> Disconnect {
        self.driver.end()
    }
}

impl<T> WebSocket<T> {
    /// The stream. Bytes that are read from it or written to it are missing in the connection.
    #[must_use]
    pub const fn stream(&self) -> &T {
        &self.driver.stream
    }
}

impl<T> Deref for WebSocket<T> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.driver.connection
    }
}
