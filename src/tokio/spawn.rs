//! A task that drives a connection whatever the program does.

use super::{
    socket::WebSocket,
    split::{Reader, Writer},
};
use crate::{
    close_code::CloseCode,
    connection::Connection,
    event::{Cause, Disconnect},
    message::Message,
    state::Party,
};
use std::{
    future::poll_fn,
    panic,
    pin::pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
};

/// The messages that the task of [`WebSocket::spawn`] receives.
///
/// Without a receiver the task drops the messages that come. Without a receiver and any [`Writer`] it sends Close 1001.
#[derive(Debug)]
pub struct Receiver {
    messages: mpsc::Receiver<Message<'static>>,
    task: JoinHandle<Disconnect>,
    local_party: Party,
    end: Option<Disconnect>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<T> {
    /// Gives the connection to a task of its own, which answers Pings, keeps the timers, and writes what is queued. The
    /// task holds up to `capacity` messages, and one more. While they are not taken it reads nothing; the peer is not
    /// blamed for that, but its own `write_timeout` may expire.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Accept, tokio::WebSocket};
    /// use tokio::net::TcpStream;
    ///
    /// async fn serve(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut ws = WebSocket::server(stream, Config::default());
    ///     ws.request().await?;
    ///     ws.accept(Accept::new())?;
    ///     let (writer, mut receiver) = ws.spawn(16);
    ///     while let Ok(message) = receiver.recv().await {
    ///         // Pings are answered meanwhile.
    ///         tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    ///         writer.send(message).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = serve;
    /// ```
    ///
    /// # Panics
    /// Outside of a runtime of tokio, and if `capacity` is 0.
    #[must_use]
    pub fn spawn(self, capacity: usize) -> (Writer<T>, Receiver) {
        let local_party = self.local_party();
        let (reader, writer) = self.split();
        let (sender, messages) = mpsc::channel(capacity);
        let run = run(reader, sender);
        #[cfg(feature = "tracing")]
        let run = tracing::Instrument::in_current_span(run);
        let task = tokio::spawn(run);
        (writer, Receiver { messages, task, local_party, end: None })
    }
}

async fn run<T: AsyncRead + AsyncWrite + Unpin>(
    mut reader: Reader<T>,
    sender: mpsc::Sender<Message<'static>>,
) -> Disconnect {
    loop {
        let message = match next_message(&mut reader, &sender).await {
            Ok(message) => message,
            Err(end) => return end,
        };
        let Err(TrySendError::Full(message)) = sender.try_send(message) else { continue };
        let was_paused = reader.with(|connection| {
            let was_paused = connection.is_reading_paused();
            connection.pause_reading();
            was_paused
        });
        let mut permit = pin!(sender.reserve());
        let permit = poll_fn(|cx| match permit.as_mut().poll(cx) {
            Poll::Ready(permit) => Poll::Ready(permit),
            Poll::Pending => {
                let _ = reader.poll_idle(cx);
                Poll::Pending
            }
        });
        if let Ok(permit) = permit.await {
            permit.send(message);
        }
        if !was_paused {
            reader.with(Connection::resume_reading);
        }
    }
}

/// The next message. Closes the connection if nobody can receive or send any more.
async fn next_message<T: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<T>,
    sender: &mpsc::Sender<Message<'static>>,
) -> Result<Message<'static>, Disconnect> {
    let mut closed = pin!(sender.closed());
    let (mut has_receiver, mut has_closed) = (true, false);
    poll_fn(|cx: &mut Context<'_>| {
        loop {
            let poll = reader.poll_recv(cx);
            if poll.is_ready() {
                return poll;
            }
            has_receiver = has_receiver && closed.as_mut().poll(cx).is_pending();
            if has_receiver || has_closed || !reader.has_no_writer() {
                return Poll::Pending;
            }
            has_closed = true;
            reader.with(|connection| connection.ensure_closed(CloseCode::GOING_AWAY, ""));
        }
    })
    .await
}

impl Receiver {
    /// Waits for the next message.
    ///
    /// # Errors
    /// The end, as of [`WebSocket::recv`]. If the runtime has shut down meanwhile, the cause is
    /// [`Cause::Aborted`](crate::Cause::Aborted).
    pub async fn recv(&mut self) -> Result<Message<'static>, Disconnect> {
        if let Some(message) = poll_fn(|cx| self.poll_message(cx)).await {
            return Ok(message);
        }
        if self.end.is_none() {
            self.end = Some(match (&mut self.task).await {
                Ok(end) => end,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => panic::resume_unwind(panic),
                    Err(_) => self.aborted(),
                },
            });
        }
        Err(self.end.clone().expect("it is set above"))
    }

    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message<'static>>> {
        self.messages.poll_recv(cx)
    }

    /// The end of a connection whose task the runtime has dropped, and its stream with it.
    fn aborted(&self) -> Disconnect {
        Disconnect {
            code: CloseCode::ABNORMAL_CLOSURE,
            reason: String::new(),
            cause: Cause::Aborted,
            received: None,
            sent: None,
            initiator: Some(self.local_party),
            is_clean: false,
        }
    }
}
