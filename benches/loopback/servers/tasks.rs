//! A task per connection on one thread of tokio.

use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{error::Error, future::Future, io};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime, task,
};

/// The result of a connection is ignored: its client notices every error.
pub fn run<F: Future + Send + 'static>(listener: std::net::TcpListener, serve: fn(TcpStream) -> F) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn(serve(stream));
        }
    })
}

/// Spawns a task without tokio's budget, as several of the examples do.
pub fn spawn<F: Future + Send + 'static>(future: F) {
    task::spawn(task::unconstrained(async {
        future.await;
    }));
}

/// Answers a request, and serves the connection behind it.
pub type Upgrade<E> = fn(Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>;

/// Has hyper do the opening handshake.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send + 'static, E: Error + Send + Sync + 'static>(
    stream: S,
    upgrade: Upgrade<E>,
) -> hyper::Result<()> {
    let service = service_fn(move |request| async move { upgrade(request) });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await
}
