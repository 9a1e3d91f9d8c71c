//! WebSockets beside axum and hyper, with real clients on the loopback.

mod examples;
mod http1;
mod http2;

use axum::{Router, extract::Path, routing::any};
use statesocket::{Disconnect, Message};
use statesocket_http_examples::upgrade::Upgrade;
use std::net::SocketAddr;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// An axum server that echoes at `/ws/{room}`, and tells the end of each connection. Its first message describes the
/// request.
async fn serve() -> (SocketAddr, UnboundedReceiver<Disconnect>) {
    let (sender, ends) = unbounded_channel();
    let app = Router::new().route(
        "/ws/{room}",
        any(async move |Path(room): Path<String>, upgrade: Upgrade| {
            let greeting = format!("{room}, {:?}", upgrade.request().query("name"));
            upgrade.preferred_by_client(&["chat", "soap"]).accept(async move |mut ws| {
                let _ = ws.send(greeting).await;
                let end = loop {
                    match ws.recv().await {
                        Ok(message) => drop(ws.send(message).await),
                        Err(end) => break end,
                    }
                };
                let _ = sender.send(end);
            })
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, ends)
}

fn text(message: &Message<'_>) -> String {
    message.as_text().expect("a text").to_owned()
}
