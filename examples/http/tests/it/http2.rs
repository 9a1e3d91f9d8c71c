//! HTTP/2, by hyper's own client (RFC 8441).

use super::{serve, text};
use http_body_util::Empty;
use hyper::{
    Method, Request, StatusCode, Version,
    body::Bytes,
    client::conn::http2::{self, SendRequest},
    ext::Protocol,
    upgrade::{self, Upgraded},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use statesocket::{CauseKind, Config, Role, handshake::Connect, tokio::WebSocket};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;

async fn connect(address: SocketAddr) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (http, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    http
}

async fn open(http: &mut SendRequest<Empty<Bytes>>, config: &Arc<Config>) -> WebSocket<TokioIo<Upgraded>> {
    let connect = Connect::new("ws://example.com/ws/red").expect("a URL").subprotocol("chat").expect("a token");
    let (mut request, expected) = connect.to_request(Version::HTTP_2, config);
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let response = http.send_request(request.map(|()| Empty::new())).await.expect("an answer");
    assert_eq!(response.version(), Version::HTTP_2);
    let agreed = expected.check(&response, config).expect("the server accepts");
    assert_eq!(agreed.subprotocol.as_deref(), Some("chat"));
    let stream = TokioIo::new(upgrade::on(response).await.expect("a stream"));
    let mut ws = WebSocket::established(stream, Role::Client, agreed, Arc::clone(config));
    assert_eq!(text(&ws.recv().await.expect("a greeting")), "red, None");
    ws
}

#[tokio::test]
async fn two_websockets_share_a_connection_and_one_survives_the_other() {
    let (address, mut ends) = serve().await;
    let (mut http, config) = (connect(address).await, Arc::new(Config::default()));
    let (mut first, mut second) = (open(&mut http, &config).await, open(&mut http, &config).await);
    // More than the windows of HTTP/2 hold.
    for ws in [&mut first, &mut second] {
        let payload = vec![7_u8; 1 << 20];
        ws.send(payload.clone()).await.expect("the connection is open");
        assert!(ws.recv().await.expect("an echo").as_bytes() == payload);
    }
    // That resets its stream.
    drop(first);
    let end = ends.recv().await.expect("the handler tells its end");
    assert_eq!((u16::from(end.code), end.cause.kind()), (1006, CauseKind::TransportLost));
    second.send("still there").await.expect("the connection is open");
    assert_eq!(text(&second.recv().await.expect("an echo")), "still there");
    let end = second.close(4000, "bye").await.expect("the connection is open");
    assert!(end.is_clean, "{end}");
    let end = ends.recv().await.expect("the handler tells its end");
    assert_eq!((u16::from(end.code), end.is_clean), (4000, true));
    open(&mut http, &config).await.close(1000, "").await.expect("the connection of HTTP/2 goes on");
}

#[tokio::test]
async fn bad_requests_are_answered_as_the_rules_say() {
    let (address, _ends) = serve().await;
    let mut http = connect(address).await;
    let request = |method: Method| Request::builder().method(method).version(Version::HTTP_2).uri("http://a/ws/red");
    let (websocket, other) = (Protocol::from_static("websocket"), Protocol::from_static("connect-udp"));
    for (request, status) in [
        (request(Method::GET), StatusCode::UPGRADE_REQUIRED),
        (request(Method::POST), StatusCode::METHOD_NOT_ALLOWED),
        (request(Method::CONNECT).extension(websocket.clone()), StatusCode::UPGRADE_REQUIRED),
        (
            request(Method::CONNECT).extension(websocket).header("sec-websocket-version", "8"),
            StatusCode::UPGRADE_REQUIRED,
        ),
        (request(Method::CONNECT).extension(other).header("sec-websocket-version", "13"), StatusCode::NOT_IMPLEMENTED),
    ] {
        let request = request.body(Empty::new()).expect("a request");
        let shown = format!("{request:?}");
        let response = http.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), status, "{shown}");
        assert!(response.headers().get("connection").is_none(), "HTTP/2 has no such header: {shown}");
    }
    open(&mut http, &Arc::new(Config::default())).await.close(1000, "").await.expect("the connection goes on");
}
