//! A client that connects again.

use super::{
    alarm::now,
    socket::{WebSocket, check_plain},
};
use crate::{
    config::Config,
    event::{Disconnect, Event},
    handshake::Connect,
    reconnect::{Backoff, Reconnect},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::sleep,
};

/// A client that connects again, after the delays of [`Reconnect`].
///
/// ```
/// use statesocket::{Config, handshake::Connect, reconnect::Backoff, tokio::{OpenError, Reconnecting}};
///
/// async fn follow(connect: Connect) -> Result<(), OpenError> {
///     let mut client = Reconnecting::new(connect, Config::default(), Backoff::default());
///     loop {
///         let mut ws = client.open().await?;
///         let end = loop {
///             match ws.recv().await {
///                 Ok(message) => println!("{message:?}"),
///                 Err(end) => break end,
///             }
///         };
///         println!("disconnected: {end}");
///         if !client.ended(&end) {
///             return Ok(());
///         }
///     }
/// }
/// # let _ = follow;
/// ```
#[derive(Debug)]
pub struct Reconnecting {
    connect: Connect,
    config: Arc<Config>,
    reconnect: Reconnect,
    /// The delay before the next attempt.
    delay: Duration,
}

/// The error of [`Reconnecting::open`]: the last failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There was no TCP connection, or it could not be secured.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection ended before it was open.
    #[error("cannot open: {0}")]
    Disconnect(#[source] Disconnect),
}

impl Reconnecting {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(connect: Connect, config: impl Into<Arc<Config>>, backoff: Backoff) -> Self {
        Self { connect, config: config.into(), reconnect: Reconnect::new(backoff), delay: Duration::ZERO }
    }

    /// Waits for the delay of the last end, and connects until the connection is open. If the future is dropped, the
    /// next call begins again, without a delay. [`open_with`](Self::open_with) is for `wss`.
    ///
    /// # Errors
    /// The last failure, if it is not [worth a retry](Disconnect::is_retryable) or all attempts have been made. At once
    /// for a `wss` URI.
    pub async fn open(&mut self) -> Result<WebSocket<TcpStream>, OpenError> {
        check_plain(&self.connect).map_err(OpenError::Connect)?;
        self.open_with(async |stream| Ok(stream)).await
    }

    /// The same over the streams that `secure` makes of those of TCP, as
    /// [`connect_with`](WebSocket::connect_with) does. A failure of `secure` is worth a retry: certificates are
    /// renewed.
    ///
    /// ```
    /// use statesocket::tokio::{OpenError, Reconnecting, WebSocket};
    /// use std::io;
    /// use tokio::{io::BufStream, net::TcpStream};
    ///
    /// async fn secure(stream: TcpStream) -> io::Result<BufStream<TcpStream>> {
    ///     Ok(BufStream::new(stream)) // in place of TLS
    /// }
    ///
    /// async fn open(client: &mut Reconnecting) -> Result<WebSocket<BufStream<TcpStream>>, OpenError> {
    ///     client.open_with(secure).await
    /// }
    /// # let _ = open;
    /// ```
    ///
    /// # Errors
    /// As there.
    pub async fn open_with<T, F>(&mut self, secure: impl Fn(TcpStream) -> F) -> Result<WebSocket<T>, OpenError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<T>>,
    {
        loop {
            sleep(std::mem::take(&mut self.delay)).await;
            let (error, delay) = match WebSocket::connect_with(&self.connect, Arc::clone(&self.config), &secure).await {
                Err(error) => (OpenError::Connect(error), self.reconnect.failed(now())),
                Ok(mut ws) => match self.wait_until_open(&mut ws).await {
                    Ok(()) => return Ok(ws),
                    Err(end) => {
                        let delay = self.reconnect.disconnected(&end, now());
                        (OpenError::Disconnect(end), delay)
                    }
                },
            };
            self.delay = delay.ok_or(error)?;
        }
    }

    async fn wait_until_open<T: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        ws: &mut WebSocket<T>,
    ) -> Result<(), Disconnect> {
        while let Some(event) = ws.event().await {
            match event {
                Event::Accepted(_) => {
                    self.reconnect.opened(now());
                    return Ok(());
                }
                Event::Rejected(response) => self.reconnect.rejected(&response),
                Event::Request(_)
                | Event::InvalidResponse(_)
                | Event::Message(_)
                | Event::Chunk { .. }
                | Event::Ping(_)
                | Event::Pong(_)
                | Event::Disconnect(_) => {}
            }
        }
        Err(ws.end())
    }

    /// Records the end of an open connection. Returns whether [`open`](Self::open) shall be called again: the end is
    /// [worth a retry](Disconnect::is_retryable), and not all attempts have been made.
    #[must_use]
    pub fn ended(&mut self, end: &Disconnect) -> bool {
        let delay = self.reconnect.disconnected(end, now());
        self.delay = delay.unwrap_or_default();
        delay.is_some()
    }

    /// The number of attempts since the connection was last stable.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.reconnect.attempts()
    }
}
