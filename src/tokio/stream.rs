//! The traits of `futures`.

use super::{
    socket::WebSocket,
    spawn::Receiver,
    split::{Reader, Writer},
};
use crate::{close_code::CloseCode, error::SendError, message::Message};
use futures_core::Stream;
use futures_sink::Sink;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// Messages until the end, of which [`disconnected`](crate::Connection::disconnected) tells.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// # use statesocket::{SendError, tokio::WebSocket};
/// # use tokio::net::TcpStream;
///
/// async fn echo(mut ws: WebSocket<TcpStream>) -> Result<(), SendError> {
///     while let Some(message) = ws.next().await {
///         SinkExt::send(&mut ws, message).await?;
///     }
///     println!("{:?}", ws.disconnected());
///     Ok(())
/// }
/// # let _ = echo;
/// ```
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<T> {
    type Item = Message<'static>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<'static>>> {
        self.driver.poll_recv(cx).map(Result::ok)
    }
}

/// Messages until the end, of which [`recv`](Receiver::recv) tells.
impl Stream for Receiver {
    type Item = Message<'static>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<'static>>> {
        self.poll_message(cx)
    }
}

/// Messages until the end, of which [`recv`](Reader::recv) tells.
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for Reader<T> {
    type Item = Message<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<'static>>> {
        self.poll_recv(cx).map(Result::ok)
    }
}

/// `poll_ready` waits until at most 64 KiB are queued. `start_send` refuses what
/// [`Config::max_output_bytes`](crate::Config::max_output_bytes) does not allow beside them, with
/// [`SendError::OutputFull`]; [`WebSocket::send`] waits for its room. `poll_close` queues Close 1000 unless a Close has
/// left, and is ready when everything is written. The end comes by the stream, or by [`WebSocket::finish`].
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message<'static>> for WebSocket<T> {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.driver.poll_room(cx, 0).map(Ok)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        self.driver.lend();
        self.driver.connection.send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.driver.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.driver.connection.ensure_closed(CloseCode::NORMAL_CLOSURE, "");
        self.driver.poll_flush(cx)
    }
}

/// The same for a half in a task of its own. `start_send` queues, and `poll_flush` writes. All writers of a connection
/// share its room, so `start_send` may find it taken by another one, and `poll_close` closes for all. The [`Reader`]
/// sees the end.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// # use statesocket::{Message, SendError, tokio::Writer};
/// # use tokio::net::TcpStream;
///
/// /// Sends the lines, and closes.
/// async fn tell(lines: Vec<String>, writer: Writer<TcpStream>) -> Result<(), SendError> {
///     stream::iter(lines).map(|line| Ok(Message::from(line))).forward(writer).await
/// }
/// # let _ = tell;
/// ```
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message<'static>> for Writer<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_room(cx).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        self.queue(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Self::poll_flush(&mut self, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.with(|connection| connection.ensure_closed(CloseCode::NORMAL_CLOSURE, ""));
        Self::poll_flush(&mut self, cx)
    }
}
