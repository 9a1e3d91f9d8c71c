//! tokio-tungstenite with its defaults: buffers of 128 KiB, one write per message. It checks UTF-8, masks, reserved
//! bits, and limits of 64 MiB per message and 16 MiB per frame.

use super::tasks::run;
use futures_core::Stream;
use futures_util::SinkExt;
use std::{future::poll_fn, io, net::TcpListener, pin::Pin};
use tokio::io::{AsyncRead, AsyncWrite};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, echo)
}

pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = poll_fn(|cx| Pin::new(&mut socket).poll_next(cx)).await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}
