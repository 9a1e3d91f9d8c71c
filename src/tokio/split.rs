//! Halves for several tasks.

use super::{driver::Driver, shared::Shared, socket::WebSocket};
use crate::{
    close_code::CloseCode,
    connection::Connection,
    error::{CloseError, SendError},
    event::{Disconnect, Event},
    message::Message,
};
use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// The half of a [`WebSocket`] that receives. It drives the connection: while no task awaits one of its methods, no
/// Ping is answered and no timer expires.
pub struct Reader<T>(Arc<Shared<T>>);

/// The half of a [`WebSocket`] that sends. Clones of it send on the same connection. It is also a `Sink`.
pub struct Writer<T> {
    shared: Arc<Shared<T>>,
    /// The `poll_flush` of the sink that was last pending has left bytes in the queue.
    is_flushing: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
    /// Splits the WebSocket in two halves for two tasks, or more.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, tokio::WebSocket};
    /// use std::time::Duration;
    ///
    /// async fn talk() -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut ws = WebSocket::connect(&Connect::new("ws://127.0.0.1:8080/")?, Config::default()).await?;
    ///     // Before the answer has come, nothing can be sent.
    ///     ws.opened().await?;
    ///     let (mut reader, writer) = ws.split();
    ///     tokio::spawn(async move {
    ///         while writer.send("tick").await.is_ok() {
    ///             tokio::time::sleep(Duration::from_secs(1)).await;
    ///         }
    ///     });
    ///     while let Ok(message) = reader.recv().await {
    ///         println!("{message:?}");
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = talk;
    /// ```
    #[must_use]
    pub fn split(mut self) -> (Reader<T>, Writer<T>) {
        self.driver.resume();
        let shared = Arc::new(Shared::new(self.driver));
        (Reader(Arc::clone(&shared)), Writer::new(shared))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Reader<T> {
    /// Waits for the next message, as [`WebSocket::recv`] does.
    ///
    /// # Errors
    /// The end, as there.
    pub async fn recv(&mut self) -> Result<Message<'static>, Disconnect> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits for the next event, as [`WebSocket::event`] does.
    pub async fn event(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.0.poll_with(cx, Driver::poll_event)).await
    }

    /// Calls `act` with the connection, for its getters and other commands. What they queue leaves at once.
    pub fn with<R>(&mut self, act: impl FnOnce(&mut Connection) -> R) -> R {
        self.0.with(act)
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<Message<'static>, Disconnect>> {
        self.0.poll_with(cx, Driver::poll_recv)
    }

    /// Writes and passes the time, but takes no event. Never ready.
    pub(super) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_with(cx, Driver::poll_idle)
    }

    /// Whether there is no writer any more. The last one wakes the reader.
    pub(super) fn has_no_writer(&self) -> bool {
        self.0.has_no_writer()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Writer<T> {
    /// Sends a message, as [`WebSocket::send`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| {
            let len = message.as_ref().map_or(0, Message::len);
            self.shared.poll_with_room(cx, len, |driver, cx| {
                driver.send_now(cx, message.take().expect("a future is not polled after it was ready"))
            })
        })
        .await
    }

    /// Waits until everything queued is written.
    ///
    /// # Errors
    /// [`SendError::TransportLost`] if the stream has failed or a timer has expired before.
    pub async fn flush(&self) -> Result<(), SendError> {
        let mut is_flushing = false;
        poll_fn(|cx| self.shared.poll_flush(cx, &mut is_flushing)).await
    }

    /// Queues a Close, which begins the closing handshake. The [`Reader`] sees it to its end.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), CloseError> {
        self.with(|connection| connection.close(code, reason))
    }

    /// Calls `act` with the connection, for its getters and other commands. What they queue leaves at once.
    ///
    /// ```
    /// # use statesocket::{State, tokio::Writer};
    /// # use tokio::net::TcpStream;
    /// fn is_open(writer: &Writer<TcpStream>) -> bool {
    ///     writer.with(|connection| connection.client_state()) == State::Connected
    /// }
    /// # let _ = is_open;
    /// ```
    pub fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> R {
        self.shared.with(act)
    }

    /// Ready when there is room for a message, or no message can be sent any more.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_room(cx, 0).map(drop)
    }

    /// Queues a message, which leaves with the next write.
    pub(super) fn queue(&self, message: Message<'_>) -> Result<(), SendError> {
        self.shared.queue(message)
    }

    /// Ready when everything queued is written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.poll_flush(cx, &mut self.is_flushing)
    }
}

impl<T> Writer<T> {
    const fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, is_flushing: false }
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        self.shared.add_writer();
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.shared.remove_writer();
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
