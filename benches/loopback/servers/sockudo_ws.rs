//! sockudo-ws, with its defaults and without compression; messages that are ready leave in one write. It checks UTF-8
//! (simdutf8), masks, reserved bits, and limits of 64 MiB per message and 16 MiB per frame; it has Pings and timeouts.

use super::tasks::run;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::{Config, Error, Message, Role, WebSocketStream, handshake::server_handshake};
use std::{io, net::TcpListener};
use tokio::net::TcpStream;

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, echo)
}

/// The same with compression, and its defaults: level 6, engines per connection, windows of 32 KiB.
#[cfg(feature = "deflate")]
pub fn serve_compressed(listener: TcpListener) -> io::Result<()> {
    run(listener, echo_compressed)
}

async fn echo(mut stream: TcpStream) -> Result<(), Error> {
    let handshake = server_handshake(&mut stream).await?;
    echo_all(WebSocketStream::from_raw_with_leftover(stream, Role::Server, Config::default(), handshake.leftover)).await
}

/// `server_handshake` does not negotiate compression, so it is made of its parts.
#[cfg(feature = "deflate")]
async fn echo_compressed(mut stream: TcpStream) -> Result<(), Error> {
    use sockudo_ws::{CompressedWebSocketStream, DeflateConfig, deflate::negotiate_server_deflate, handshake};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut head = bytes::BytesMut::new();
    let (offers, key, len) = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((request, len)) = handshake::parse_request(&head)? {
            let offers = request.extensions.unwrap_or_default().to_owned();
            break (offers, handshake::generate_accept_key(request.key), len);
        }
    };
    let agreed = negotiate_server_deflate(&offers, &DeflateConfig::default());
    let agreed = agreed.ok_or(Error::HandshakeFailed("the client offers no compression"))?;
    stream.write_all(&handshake::build_response(&key, None, Some(&agreed.to_response_header()))).await?;
    let leftover = Some(head.split_off(len).freeze());
    let config = Config::default();
    echo_all(CompressedWebSocketStream::server_with_leftover(stream, config, agreed.config, leftover)).await
}

async fn echo_all<S>(mut socket: S) -> Result<(), Error>
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
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
