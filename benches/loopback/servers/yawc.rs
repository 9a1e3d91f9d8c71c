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

fn accept(mut request: Request<Incoming>) -> yawc::Result<Response<Empty<Bytes>>> {
    let options = Options::default()
        .without_compression()
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
