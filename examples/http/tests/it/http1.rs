//! HTTP/1.1, with the crate's own client, and with requests by hand.

use super::{serve, text};
use statesocket::{CauseKind, Config, handshake::Connect, tokio::WebSocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_client_talks_to_a_handler_of_axum() {
    let (address, mut ends) = serve().await;
    let connect = Connect::new(&format!("ws://{address}/ws/red?name=anna")).expect("a URL");
    let connect = connect.subprotocol("soap").expect("a token").subprotocol("chat").expect("a token");
    let mut ws = WebSocket::connect(&connect, Config::default()).await.expect("the server listens");
    ws.opened().await.expect("the server accepts");
    assert_eq!(ws.subprotocol(), Some("soap"), "the first offer of the client");
    assert_eq!(text(&ws.recv().await.expect("a greeting")), "red, Some(\"anna\")");
    for len in [0, 1, 126, 70_000, 1 << 20] {
        let payload = vec![7_u8; len];
        ws.send(payload.clone()).await.expect("the connection is open");
        assert!(ws.recv().await.expect("an echo").as_bytes() == payload, "{len}");
    }
    assert!(ws.close(4001, "bye").await.expect("the connection is open").is_clean);
    let end = ends.recv().await.expect("the handler tells its end");
    assert_eq!((u16::from(end.code), &*end.reason, end.cause.kind()), (4001, "bye", CauseKind::PeerClosed));
}

#[tokio::test]
async fn compression_is_agreed_if_the_router_has_a_configuration_with_it() {
    let config = Config::default().with(|config| config.deflate = Some(statesocket::Deflate::default()));
    let app = axum::Router::new()
        .route(
            "/",
            axum::routing::any(async |upgrade: statesocket_http_examples::upgrade::Upgrade| {
                upgrade.accept(async |mut ws| {
                    let has_deflate = ws.deflate().is_some();
                    let _ = ws.send(format!("{has_deflate}").repeat(100)).await;
                    ws.finish().await;
                })
            }),
        )
        .layer(axum::Extension(std::sync::Arc::new(config.clone())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let connect = Connect::new(&format!("ws://{}/", listener.local_addr().expect("it listens"))).expect("a URL");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut ws = WebSocket::connect(&connect, config).await.expect("the server listens");
    ws.opened().await.expect("the server accepts");
    assert!(ws.deflate().is_some());
    assert_eq!(text(&ws.recv().await.expect("a text")), "true".repeat(100));
}

/// The answer to a request with these lines.
async fn answer(lines: &[&str]) -> String {
    let (address, _ends) = serve().await;
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let request = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server ends the stream");
    answer
}

#[tokio::test]
async fn bad_requests_are_answered_as_the_rules_say() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let good = ["Host: a", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key];
    let with = |line: &'static str, changed: &'static str| {
        good.iter().map(|it| if *it == line { changed } else { it }).collect::<Vec<_>>()
    };
    for (first, lines, status) in [
        ("GET /ws/red HTTP/1.1", vec!["Host: a"], "426 "),
        ("GET /ws/red HTTP/1.1", with("Upgrade: websocket", "Upgrade: h2c"), "426 "),
        ("GET /ws/red HTTP/1.1", with("Connection: Upgrade", "X: y"), "400 "),
        ("GET /ws/red HTTP/1.1", with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), "426 "),
        ("GET /ws/red HTTP/1.1", with(key, "Sec-WebSocket-Key: short"), "400 "),
        ("GET /ws/red HTTP/1.1", with("Host: a", "Host: a\r\nOrigin: "), "400 "),
        ("GET /ws/red HTTP/1.1", with("Host: a", "Host: a\r\nSec-WebSocket-Protocol: a b"), "400 "),
        ("POST /ws/red HTTP/1.1", good.to_vec(), "405 "),
        ("GET /nowhere HTTP/1.1", good.to_vec(), "404 "),
    ] {
        let lines = [&[first][..], &lines].concat();
        let answer = answer(&lines).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{lines:?}: {answer}");
        assert_eq!(
            answer.to_ascii_lowercase().contains("sec-websocket-version: 13"),
            status == "426 ",
            "{lines:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn bytes_behind_the_request_are_the_first_of_the_websocket() {
    let (address, mut ends) = serve().await;
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let request = "GET /ws/red HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // A Close with 1000, masked with zeros.
    let close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];
    stream.write_all(&[request.as_bytes(), &close].concat()).await.expect("the server reads");
    assert_eq!(u16::from(ends.recv().await.expect("the handler tells its end").code), 1000);
}
