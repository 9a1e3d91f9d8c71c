//! Writing: messages, what is queued, and the steps for the stream.

use super::{super::adapter::Polled, Driver};
use crate::{connection::SocketAction, error::SendError, message::Message, state::Phase};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// A sender waits while more bytes than this are queued.
const HIGH_WATER: usize = 64 << 10;

/// The bytes that a frame adds to its payload at most.
const MAX_HEADER: usize = 14;

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Sends the message, and writes as much as the stream takes at once.
    pub(in crate::tokio) fn send_now(&mut self, cx: &mut Context<'_>, message: Message<'_>) -> Result<(), SendError> {
        self.lend();
        let sent = self.connection.send_through(message, Polled::new(&mut self.stream, cx));
        self.needs_flush |= sent.is_ok();
        let _ = self.poll_output(cx);
        sent
    }

    /// Ready when a message of `len` bytes can be queued, or no message can any more.
    pub(in crate::tokio) fn poll_room(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<()> {
        while !self.has_room(len) && self.connection.can_send() {
            if self.poll_output(cx).is_pending() {
                ready!(self.poll_wait(cx));
            }
        }
        Poll::Ready(())
    }

    pub(in crate::tokio) fn has_room(&self, len: usize) -> bool {
        let (queued, limit) = (self.connection.output_len(), self.connection.config().max_output_bytes);
        queued == 0 || (queued <= HIGH_WATER && queued.saturating_add(len).saturating_add(MAX_HEADER) <= limit)
    }

    /// Ready when everything is written.
    pub(in crate::tokio) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if let Poll::Ready(result) = self.poll_output(cx) {
                return Poll::Ready(result);
            }
            let queued = self.connection.output_len();
            ready!(self.poll_wait(cx));
            if queued > 0 && self.connection.output_len() == 0 {
                return Poll::Ready(Err(SendError::TransportLost));
            }
        }
    }

    /// Writes what is queued, and takes the steps for the stream. Ready when everything is written, or lost.
    pub(in crate::tokio) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let written = self.poll_write(cx);
        self.reclaim();
        loop {
            match self.connection.poll_socket() {
                Some(SocketAction::ShutdownWrite) => self.is_shutting_down = true,
                // The owner may keep the stream for long, and the peer waits for its end. Nobody waits for this
                // shutdown: no timer bounds it.
                Some(SocketAction::Close) => {
                    self.is_shutting_down = false;
                    let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
                }
                None if !self.is_shutting_down => break,
                None => {
                    let Poll::Ready(shut) = Pin::new(&mut self.stream).poll_shutdown(cx) else { break };
                    self.is_shutting_down = false;
                    if shut.is_err() {
                        self.connection.transport_failed();
                    }
                }
            }
        }
        written
    }

    /// Whether [`poll_output`](Self::poll_output) has anything to do.
    pub(super) fn has_output_work(&self) -> bool {
        let is_queued = self.connection.output_len() > 0 || self.needs_flush;
        is_queued || self.lent.has_output() || self.connection.phase() == Phase::Closed
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.connection.output_len() > 0 {
            self.needs_flush = true;
            if self.connection.write_to(Polled::new(&mut self.stream, cx)).is_err() {
                return Poll::Ready(self.write_failed(cx));
            }
            if self.connection.output_len() > 0 {
                return Poll::Pending;
            }
        }
        if self.needs_flush {
            if ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err() {
                return Poll::Ready(self.write_failed(cx));
            }
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what the peer has sent before it left.
    fn write_failed(&mut self, cx: &mut Context<'_>) -> Result<(), SendError> {
        self.needs_flush = false;
        self.read_last(cx, |inbox, connection, stream| inbox.write_failed(connection, stream));
        Err(SendError::TransportLost)
    }
}
