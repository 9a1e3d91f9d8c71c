//! sockudo-ws, with its defaults and without compression; messages that are ready leave in one write. It checks UTF-8
//! (simdutf8), masks, reserved bits, and limits of 64 MiB per message and 16 MiB per frame; it has Pings and timeouts.

use super::tasks::run;
use futures_util::{FutureExt, SinkExt, StreamExt};
use sockudo_ws::{Config, Error, Message, Role, WebSocketStream, handshake::server_handshake};
use std::{io, net::TcpListener};
use tokio::net::TcpStream;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, echo)
}

async fn echo(mut stream: TcpStream) -> Result<(), Error> {
    let handshake = server_handshake(&mut stream).await?;
    let mut socket =
        WebSocketStream::from_raw_with_leftover(stream, Role::Server, Config::default(), handshake.leftover);
    while let Some(message) = socket.next().await {
        let mut ready = Some(message);
        while let Some(message) = ready {
            match message? {
                Message::Close(_) => return Ok(()),
                message @ (Message::Text(_) | Message::Binary(_)) => socket.feed(message).await?,
                Message::Ping(_) | Message::Pong(_) => {}
            }
            ready = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}
