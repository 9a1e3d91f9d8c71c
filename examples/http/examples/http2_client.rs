//! A client with two WebSockets on one connection of HTTP/2, by hyper: `http2_client ADDRESS PATH`.

use http_body_util::Empty;
use hyper::{body::Bytes, client::conn::http2, ext::Protocol, http::Version, upgrade};
use hyper_util::rt::{TokioExecutor, TokioIo};
use statesocket::{Config, Role, handshake::Connect, tokio::WebSocket};
use std::{env, error::Error, sync::Arc};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().collect();
    let [_, address, path] = &args[..] else { return Err("usage: http2_client ADDRESS PATH".into()) };
    let stream = TcpStream::connect(address).await?;
    let (mut http, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);

    let (connect, config) = (Connect::new(&format!("ws://{address}{path}"))?, Arc::new(Config::default()));
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let (mut request, expected) = connect.to_request(Version::HTTP_2, &config);
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        let response = http.send_request(request.map(|()| Empty::<Bytes>::new())).await?;
        let agreed = expected.check(&response, &config)?;
        let stream = TokioIo::new(upgrade::on(response).await?);
        sockets.push(WebSocket::established(stream, Role::Client, agreed, config.clone()));
    }
    for (ws, text) in sockets.iter_mut().zip(["one", "two"]) {
        ws.send(text).await?;
        println!("{:?}", ws.recv().await?);
    }
    for mut ws in sockets {
        println!("{}", ws.close(1000, "bye").await?);
    }
    Ok(())
}
