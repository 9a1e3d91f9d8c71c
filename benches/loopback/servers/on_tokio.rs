//! This crate's WebSocket for tasks of tokio, with its defaults, in three ways to echo.

use super::tasks::run;
use statesocket::{Config, Connection, Disconnect, Event, handshake::Accept, tokio::WebSocket};
use std::{
    io,
    net::TcpListener,
    sync::{Arc, LazyLock},
};
use tokio::io::{AsyncRead, AsyncWrite};

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);

/// One write per message.
pub fn serve_sending(listener: TcpListener) -> io::Result<()> {
    run(listener, |stream| async {
        let Ok(mut socket) = open(stream).await else { return };
        while let Ok(message) = socket.recv().await {
            let _ = socket.send(message).await;
        }
    })
}

/// One write per read.
pub fn serve_feeding(listener: TcpListener) -> io::Result<()> {
    run(listener, |stream| async {
        let Ok(mut socket) = open(stream).await else { return };
        while let Ok(message) = socket.recv().await {
            let _ = socket.feed(message).await;
        }
    })
}

/// Messages where they lie, and one write per read.
pub fn serve_lent(listener: TcpListener) -> io::Result<()> {
    run(listener, lent)
}

pub async fn lent<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<Disconnect, Disconnect> {
    let echo = |connection: &mut Connection, event: Event<'_>| {
        if let Event::Message(message) = event {
            let _ = connection.send(message);
        }
    };
    Ok(open(stream).await?.drive(echo).await)
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<WebSocket<S>, Disconnect> {
    let mut socket = WebSocket::server(stream, Arc::clone(&CONFIG));
    socket.request().await?;
    socket.accept(Accept::new()).expect("the request waits");
    Ok(socket)
}
