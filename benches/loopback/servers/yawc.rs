//! yawc, as its own benchmark tunes it: hyper for the opening handshake, a buffer of 128 KiB, batches of up to 32
//! messages that are ready. It checks UTF-8 (simdutf8), masks, reserved bits, and a limit per message, here 16 MiB.

use super::tasks::{run, spawn, upgrade};
use futures_util::{FutureExt, SinkExt};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use std::{io, net::TcpListener};
use yawc::{OpCode, Options, UpgradeFut, WebSocket, WebSocketError};

const BATCH: usize = 32;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, |stream| upgrade(stream, accept))
}

/// The same with compression. The windows are those of the client, at most 32 KiB; engines are per connection, or from
/// a pool for messages that refer to no others.
#[cfg(feature = "deflate")]
pub fn serve_compressed(listener: TcpListener) -> io::Result<()> {
    run(listener, |stream| upgrade(stream, accept_compressed))
}

fn accept(request: Request<Incoming>) -> yawc::Result<Response<Empty<Bytes>>> {
    accept_with(request, Options::default().without_compression())
}

#[cfg(feature = "deflate")]
fn accept_compressed(request: Request<Incoming>) -> yawc::Result<Response<Empty<Bytes>>> {
    static POOL: std::sync::LazyLock<yawc::DeflatePool> = std::sync::LazyLock::new(|| yawc::DeflatePool::new(8));
    let compression = yawc::DeflateOptions {
        // Without these, it has a client use 512 bytes.
        server_max_window_bits: Some(15),
        client_max_window_bits: Some(15),
        pool: Some(POOL.clone()),
        ..yawc::DeflateOptions::balanced()
    };
    accept_with(request, Options { compression: Some(compression), ..Options::default() })
}

fn accept_with(mut request: Request<Incoming>, options: Options) -> yawc::Result<Response<Empty<Bytes>>> {
    let options = options
        .with_utf8()
        .with_limits(16 << 20, 32 << 20)
        .with_read_buffer_capacity(128 << 10)
        .with_backpressure_boundary(64 << 10);
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
    spawn(echo(upgraded));
    Ok(response)
}

async fn echo(upgraded: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = upgraded.await?;
    loop {
        let mut frame = socket.next_frame().await?;
        for _ in 0..BATCH {
            match frame.opcode() {
                OpCode::Text | OpCode::Binary => socket.feed(frame).await?,
                OpCode::Close => return socket.close().await,
                _ => {}
            }
            match socket.next_frame().now_or_never() {
                Some(next) => frame = next?,
                None => break,
            }
        }
        socket.flush().await?;
    }
}
