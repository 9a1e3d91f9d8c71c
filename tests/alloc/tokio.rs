//! The memory of a connection for tasks of tokio: what it needs only while it is polled is the thread's.

use super::support::Raw;
use allocation_counter::{AllocationInfo, measure};
use statesocket::{Agreed, Config, Role, tokio::WebSocket};
use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
};

/// A stream that hands out `input` in one read, and takes every byte.
#[derive(Clone, Default)]
struct Stream {
    input: Arc<Mutex<Vec<u8>>>,
    written: Arc<Mutex<usize>>,
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut input = self.input.lock().expect("nothing panics with it");
        if input.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(&input);
        input.clear();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        *self.written.lock().expect("nothing panics with it") += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls a future once.
fn once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Receives `frames`, all in one read, and feeds an echo of each. Returns what that allocates, and the length of the
/// echoes.
fn echo(ws: &mut WebSocket<Stream>, frames: &[u8]) -> (AllocationInfo, usize) {
    let stream = ws.stream().clone();
    stream.input.lock().expect("nothing panics with it").extend(frames);
    *stream.written.lock().expect("nothing panics with it") = 0;
    let counts = measure(|| {
        while let Poll::Ready(message) = once(ws.recv()) {
            assert!(once(ws.feed(message.expect("a message"))).is_ready());
        }
    });
    let written = *stream.written.lock().expect("nothing panics with it");
    (counts, written)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn hundred() -> Vec<u8> {
    (0..100).flat_map(|_| Raw::new(Raw::TEXT, "Hello").for_endpoint(Role::Server)).collect()
}

#[test]
fn an_echo_that_is_fed_allocates_nothing_but_its_message() {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut ws = WebSocket::established(Stream::default(), Role::Server, Agreed::new(), Config::default());
    for n in 0..8 {
        let (counts, written) = echo(&mut ws, &hundred());
        let found = (written, counts.count_total, counts.bytes_total, counts.bytes_current);
        assert!(n < 3 || found == (700, 100, 500, 0), "{found:?}");
    }
}

#[test]
fn connections_that_wait_share_one_buffer() {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut open = Vec::new();
    for n in 0..10 {
        let mut ws = WebSocket::established(Stream::default(), Role::Server, Agreed::new(), Config::default());
        let (counts, _) = echo(&mut ws, &hundred());
        open.push(ws);
        // The alarm stays. The echoes take 700 bytes.
        assert!(n == 0 || counts.bytes_current < 500, "connection {n} holds {} bytes", counts.bytes_current);
    }
}

/// An engine to compress or to inflate with has 47 KB or more.
#[cfg(feature = "deflate")]
#[test]
fn connections_that_wait_share_the_engines() {
    use super::{deflate, support::drain};

    let runtime = runtime();
    let _context = runtime.enter();
    let config = Config::default().with(|config| config.deflate = Some(statesocket::Deflate::default()));
    let text = "a text that is long enough to be compressed. ".repeat(40);
    let mut open = Vec::new();
    for n in 0..4 {
        let mut client = deflate::open(Role::Client, deflate::NO_TAKEOVER, |_| {});
        client.send_text(&text).expect("there is room");
        let agreed = Agreed::new().deflate(deflate::agreed(deflate::NO_TAKEOVER));
        let mut ws = WebSocket::established(Stream::default(), Role::Server, agreed, config.clone());
        let (counts, written) = echo(&mut ws, &drain(&mut client));
        open.push(ws);
        assert!((20..text.len() / 2).contains(&written), "{written} bytes");
        assert!(n == 0 || counts.bytes_current < 1024, "connection {n} holds {} bytes", counts.bytes_current);
    }
}
