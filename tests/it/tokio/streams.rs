//! Streams that do what pipes do not.

use super::once;
use crate::support::{Raw, config};
use ::tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Duration,
};
use statesocket::{Cause, Config, Role, SendError, Timer, handshake::Connect, tokio::WebSocket};
use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll},
};

/// A stream whose answers a test chooses.
#[derive(Default)]
struct Stream {
    /// What the next reads bring. Then reads are pending, unless `is_endless` or `read_error`.
    input: Vec<u8>,
    is_endless: bool,
    read_error: Option<ErrorKind>,
    written: Vec<u8>,
    write_error: Option<ErrorKind>,
    /// The bytes that a flush moves on, as of a TLS stream.
    flushed: usize,
    never_flushes: bool,
    flush_error: Option<ErrorKind>,
    never_shuts_down: bool,
    reads: usize,
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reads += 1;
        let len = self.input.len().min(buffer.remaining());
        buffer.put_slice(&self.input[..len]);
        if !self.is_endless {
            self.input.drain(..len);
        }
        match self.read_error {
            _ if len > 0 => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error.into())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.write_error {
            return Poll::Ready(Err(error.into()));
        }
        self.written.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.never_flushes {
            return Poll::Pending;
        }
        if let Some(error) = self.flush_error {
            return Poll::Ready(Err(error.into()));
        }
        self.flushed = self.written.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.never_shuts_down { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

fn server(stream: Stream, config: Config) -> WebSocket<Stream> {
    WebSocket::established(stream, Role::Server, Default::default(), config)
}

fn frame(frame: Raw) -> Vec<u8> {
    frame.for_endpoint(Role::Server)
}

#[::tokio::test]
async fn the_close_of_a_peer_that_takes_no_bytes_has_the_code() {
    let input = [frame(Raw::new(Raw::TEXT, "last words")), frame(Raw::close(4001, "bye"))].concat();
    let stream = Stream { input, write_error: Some(ErrorKind::BrokenPipe), ..Stream::default() };
    let mut ws = server(stream, Config::default());
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().as_text(), Some("last words"));
    let end = ws.recv().await.unwrap_err();
    assert_eq!((u16::from(end.code), &end.cause, end.sent), (4001, &Cause::PeerClosed, None));
}

#[::tokio::test]
async fn a_flush_says_that_the_stream_has_failed() {
    let error = Some(ErrorKind::BrokenPipe);
    for (write_error, flush_error) in [(error, None), (None, error)] {
        let mut ws = server(Stream { write_error, flush_error, ..Stream::default() }, Config::default());
        ws.feed("hello").await.unwrap();
        assert_eq!(ws.flush().await, Err(SendError::TransportLost));
        assert_eq!(ws.recv().await.unwrap_err().cause.kind(), statesocket::CauseKind::TransportLost);
    }
}

#[::tokio::test]
async fn everything_is_flushed_before_a_wait() {
    let mut ws = server(Stream::default(), Config::default());
    ws.feed("hello").await.unwrap();
    assert!(once(ws.recv()).await.is_none());
    assert_eq!(ws.stream().flushed, 7);
    ws.send("hello").await.unwrap();
    assert_eq!(ws.stream().flushed, 14, "also by a send");
}

#[::tokio::test(start_paused = true)]
async fn no_flush_or_shutdown_that_never_ends_keeps_a_connection() {
    for (never_flushes, never_shuts_down) in [(true, false), (false, true), (true, true)] {
        let stream = Stream { never_flushes, never_shuts_down, ..Stream::default() };
        let mut ws = server(stream, Config::default());
        let ended = ::tokio::time::timeout(Duration::from_secs(60), ws.close(1000, "")).await;
        assert!(!ended.expect("the timers bound it").unwrap().is_clean);
    }
}

/// As `rustls` reports an end without `close_notify`.
#[::tokio::test]
async fn an_end_without_the_goodbye_of_tls_is_the_end_of_the_stream() {
    let input = frame(Raw::close(4001, "bye"));
    let stream = Stream { input, read_error: Some(ErrorKind::UnexpectedEof), ..Stream::default() };
    let end = server(stream, Config::default()).recv().await.unwrap_err();
    assert_eq!((u16::from(end.code), end.is_clean), (4001, true));

    let stream = Stream { read_error: Some(ErrorKind::UnexpectedEof), ..Stream::default() };
    let end = server(stream, Config::default()).recv().await.unwrap_err();
    assert_eq!(end.cause, Cause::TransportLost(None), "no error of the system");

    let input = b"HTTP/1.1 403 Forbidden\r\n\r\nmembers on".to_vec();
    let stream = Stream { input, read_error: Some(ErrorKind::UnexpectedEof), ..Stream::default() };
    let mut ws = WebSocket::client(stream, &Connect::new("ws://a/").unwrap(), Config::default());
    let cut_off = ws.opened().await.unwrap_err();
    let stream = Stream { input: b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec(), ..Stream::default() };
    let mut ws = WebSocket::client(stream, &Connect::new("ws://a/").unwrap(), Config::default());
    assert!(once(ws.opened()).await.is_none(), "the body ends with the stream");
    assert_eq!(cut_off.end.cause.kind(), statesocket::CauseKind::Rejected, "{cut_off:?}");
}

/// Every read brings more, so the task never waits.
#[::tokio::test]
async fn a_flood_does_not_stop_the_clock() {
    let input = frame(Raw::new(Raw::BINARY, vec![0; 60_000]));
    let stream = Stream { input, is_endless: true, ..Stream::default() };
    let mut ws = server(stream, config(|config| config.ping_interval = Some(Duration::ZERO)));
    while ws.stream().reads < 300 {
        ws.recv().await.unwrap();
    }
    assert!(ws.stream().written.starts_with(&[0x89]), "a keepalive Ping");
}

/// Every read brings a piece of the same message, so no poll ends.
#[::tokio::test]
async fn a_message_that_does_not_end_does_not_stop_the_clock() {
    let input = [&[0x82, 0xFF][..], &(1u64 << 20).to_be_bytes(), &[0; 4]].concat();
    for drives in [false, true] {
        let stream = Stream { input: input.clone(), is_endless: true, ..Stream::default() };
        let short = Some(Duration::from_millis(1));
        let mut ws = server(
            stream,
            config(|config| {
                (config.message_timeout, config.closing_timeout, config.linger_timeout) = (short, short, short)
            }),
        );
        let end = if drives { ws.drive(|_, _| {}).await } else { ws.recv().await.unwrap_err() };
        assert_eq!(end.cause, Cause::TimedOut(Timer::Message), "by drive: {drives}");
    }
}
