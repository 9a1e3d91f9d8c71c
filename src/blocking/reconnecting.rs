//! A client that connects again.

use super::{
    driver::{now, sleep},
    socket::WebSocket,
    stream::Stream,
};
use crate::{
    config::Config,
    event::Disconnect,
    handshake::Connect,
    reconnect::{Attempts, Backoff, OpenError},
};
use std::{io, net::TcpStream, sync::Arc};

/// A client that connects again, after the delays of [`Reconnect`](crate::reconnect::Reconnect).
///
/// ```
/// use statesocket::{Config, blocking::{OpenError, Reconnecting}, handshake::Connect, reconnect::Backoff};
///
/// fn follow(connect: Connect) -> Result<(), OpenError> {
///     let mut client = Reconnecting::new(connect, Config::default(), Backoff::default());
///     loop {
///         let mut ws = client.open()?;
///         let end = loop {
///             match ws.recv() {
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
pub struct Reconnecting(Attempts);

impl Reconnecting {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(connect: Connect, config: impl Into<Arc<Config>>, backoff: Backoff) -> Self {
        Self(Attempts::new(connect, config.into(), backoff))
    }

    /// Waits for the delay of the last end, and connects until the connection is open. With the defaults of
    /// [`Backoff`] that is nine minutes on average if no server answers. [`open_with`](Self::open_with) is for `wss`.
    ///
    /// # Errors
    /// The last failure, if it is not [worth a retry](Disconnect::is_retryable) or all attempts have been made. At once
    /// for a `wss` URI.
    pub fn open(&mut self) -> Result<WebSocket<TcpStream>, OpenError> {
        self.0.connect.check_plain().map_err(OpenError::Connect)?;
        self.open_with(Ok)
    }

    /// The same over the streams that `secure` makes of those of TCP, as [`connect_with`](WebSocket::connect_with)
    /// does. A failure of `secure` is worth a retry: certificates are renewed.
    ///
    /// ```
    /// use statesocket::blocking::{OpenError, Reconnecting, Stream, WebSocket};
    /// use std::{io, net::TcpStream};
    ///
    /// /// `secure` makes a stream with TLS.
    /// fn open<T: Stream>(
    ///     client: &mut Reconnecting,
    ///     secure: fn(TcpStream) -> io::Result<T>,
    /// ) -> Result<WebSocket<T>, OpenError> {
    ///     client.open_with(secure)
    /// }
    /// # let _ = open::<TcpStream>;
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn open_with<T: Stream>(
        &mut self,
        secure: impl Fn(TcpStream) -> io::Result<T>,
    ) -> Result<WebSocket<T>, OpenError> {
        loop {
            sleep(self.0.take_delay());
            let config = Arc::clone(&self.0.config);
            let opened = match WebSocket::connect_with(&self.0.connect, config, &secure) {
                Ok(mut ws) => ws.opened().map(|_| ws).map_err(OpenError::NotOpened),
                Err(error) => Err(OpenError::Connect(error)),
            };
            match opened {
                Ok(ws) => {
                    self.0.opened(now());
                    return Ok(ws);
                }
                Err(failure) => self.0.failed(failure, now())?,
            }
        }
    }

    /// Records the end of an open connection. Returns whether [`open`](Self::open) shall be called again: the end is
    /// [worth a retry](Disconnect::is_retryable), and not all attempts have been made.
    #[must_use]
    pub fn ended(&mut self, end: &Disconnect) -> bool {
        self.0.ended(end, now())
    }

    /// The number of attempts since the connection was last stable.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.0.count()
    }
}
