//! A task for each connection, on one thread of tokio: how its peers are used.

use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{future::Future, io};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, task,
};

/// What a connection ends with says nothing that its client would not notice.
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

/// Without tokio's budget, as the examples of several peers do it.
pub fn spawn<F: Future + Send + 'static>(future: F) {
    task::spawn(task::unconstrained(async {
        future.await;
    }));
}

/// Answers a request, and sees to what comes after it.
pub type Upgrade<E> = fn(Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>;

/// For peers that leave the opening to hyper.
pub async fn upgrade<E: std::error::Error + Send + Sync + 'static>(
    stream: TcpStream,
    upgrade: Upgrade<E>,
) -> hyper::Result<()> {
    let service = service_fn(move |request| async move { upgrade(request) });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await
}
