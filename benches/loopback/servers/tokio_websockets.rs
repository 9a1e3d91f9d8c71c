//! tokio-websockets, with its defaults. It checks UTF-8 (simdutf8), masks, reserved bits, and a limit of 64 MiB per
//! message. `next` writes all queued messages before it waits, so a server cannot write a batch in one call.

use super::tasks::run;
use futures_util::{SinkExt, StreamExt};
use std::{io, net::TcpListener};
use tokio::net::TcpStream;
use tokio_websockets::{Error, ServerBuilder};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, echo)
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let (_, mut socket) = ServerBuilder::new().accept(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
