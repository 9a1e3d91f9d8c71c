//! An echo server on axum, over HTTP/1.1 and HTTP/2: `axum_echo [ADDRESS]`.
use axum::{Router, extract::Path, routing::any};
use statesocket_http_examples::upgrade::Upgrade;
use std::{env, io};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3012".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on ws://{}/ws/lobby", listener.local_addr()?);
    let app = Router::new().route(
        "/ws/{room}",
        any(async |Path(room): Path<String>, upgrade: Upgrade| {
            upgrade.preferred_by_client(&["chat"]).accept(async move |mut ws| {
                while let Ok(message) = ws.recv().await {
                    let _ = ws.send(format!("{room}: {}", message.as_text().unwrap_or_default())).await;
                }
            })
        }),
    );
    axum::serve(listener, app).await
}
