//! An echo server on hyper, without a framework: `hyper_echo [ADDRESS]`.

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    ext::Protocol,
    upgrade,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use statesocket::{
    Config, HandshakeError, Role,
    handshake::{self, Accept},
    tokio::WebSocket,
};
use std::{convert::Infallible, env, io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, time::sleep};

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:3012")).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        // There may be no descriptor left.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(async move {
            let service = hyper::service::service_fn(async |request| {
                Ok::<_, Infallible>(
                    serve(request)
                        .unwrap_or_else(|error| Response::from(handshake::Response::from(&error)).map(Full::new)),
                )
            });
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // With it a head of HTTP/1.1 that does not end is cut off after 30 s.
            builder.http1().timer(TokioTimer::new());
            // Clients of HTTP/2 ask for no WebSocket before the server announces that it takes such requests.
            builder.http2().enable_connect_protocol();
            if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}

fn serve(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HandshakeError> {
    let config = Arc::new(Config::default());
    let (parts, body) = request.into_parts();
    let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
    let checked = handshake::Request::from_parts(&parts, protocol, &config)?;
    let (response, agreed) =
        Accept::new().into_response(&checked, &config).expect("nothing is chosen that can be wrong");
    let on_upgrade = upgrade::on(Request::from_parts(parts, body));
    tokio::spawn(async move {
        let Ok(upgraded) = on_upgrade.await else { return };
        let mut ws = WebSocket::established(TokioIo::new(upgraded), Role::Server, agreed, config);
        while let Ok(message) = ws.recv().await {
            // It can fail only at the end, which the next `recv` tells.
            let _ = ws.send(message).await;
        }
    });
    Ok(response.map(|()| Full::default()))
}
