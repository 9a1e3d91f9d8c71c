//! Sockets: dialling, and a client that connects again.

use ::tokio::net::TcpListener;
use statesocket::{
    Cause, CloseCode, Config,
    handshake::{Accept, Connect, Response},
    http::StatusCode,
    reconnect::Backoff,
    tokio::{OpenError, Reconnecting, WebSocket},
};
use std::{io::ErrorKind, time::Duration};

async fn listener() -> (TcpListener, Connect) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, Connect::new(&url).unwrap())
}

fn quick(max_attempts: u32) -> Backoff {
    Backoff::default().with(|backoff| {
        backoff.first_delay = Duration::from_millis(1);
        backoff.restart_delay = Duration::ZERO..=Duration::from_millis(1);
        backoff.max_attempts = max_attempts;
    })
}

#[::tokio::test]
async fn a_wss_uri_needs_a_stream_with_tls() {
    let connect = Connect::new("wss://localhost/").unwrap();
    let error = WebSocket::connect(&connect, Config::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = Reconnecting::new(connect, Config::default(), quick(20)).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Connect(error) if error.kind() == ErrorKind::InvalidInput));
}

/// `localhost` may have an address of IPv6 first, on which nobody listens.
#[::tokio::test]
async fn a_client_finds_the_address_on_which_the_server_listens() {
    let (listener, connect) = listener().await;
    let (client, server) = ::tokio::join!(WebSocket::connect(&connect, Config::default()), listener.accept());
    assert!(client.unwrap().stream().nodelay().unwrap());
    server.unwrap();
}

#[::tokio::test]
async fn a_port_without_a_listener_is_refused_after_all_attempts() {
    let (listener, connect) = listener().await;
    drop(listener);
    let error = WebSocket::connect(&connect, Config::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let mut client = Reconnecting::new(connect, Config::default(), quick(3));
    let error = client.open().await.unwrap_err();
    assert!(matches!(error, OpenError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused));
    assert_eq!(client.attempts(), 3);
}

#[::tokio::test]
async fn a_client_comes_back_until_the_server_is_done() {
    let (listener, connect) = listener().await;
    let server = ::tokio::spawn(async move {
        for n in 0..4 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut ws = WebSocket::server(stream, Config::default());
            ws.request().await.unwrap();
            match n {
                0 => drop(ws),
                1 => {
                    ws.reject(Response::new(StatusCode::SERVICE_UNAVAILABLE)).unwrap();
                    ws.finish().await;
                }
                _ => {
                    ws.accept(Accept::new()).unwrap();
                    let code = if n == 2 { CloseCode::SERVICE_RESTART } else { CloseCode::NORMAL_CLOSURE };
                    ws.close(code, "").await.unwrap();
                }
            }
        }
    });
    let mut client = Reconnecting::new(connect, Config::default(), quick(20));
    let mut ends = vec![];
    loop {
        let mut ws = client.open().await.unwrap();
        let end = ws.recv().await.unwrap_err();
        ends.push(u16::from(end.code));
        if !client.ended(&end) {
            break;
        }
    }
    assert_eq!(ends, [1012, 1000]);
    server.await.unwrap();
}

#[::tokio::test]
async fn a_rejection_that_would_be_repeated_is_the_error() {
    let (listener, connect) = listener().await;
    let server = ::tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut ws = WebSocket::server(stream, Config::default());
        ws.request().await.unwrap();
        ws.reject(Response::new(StatusCode::FORBIDDEN)).unwrap();
        ws.finish().await;
    });
    let error = Reconnecting::new(connect, Config::default(), quick(20)).open().await.unwrap_err();
    assert!(
        matches!(&error, OpenError::Disconnect(end) if end.cause == Cause::Rejected(StatusCode::FORBIDDEN)),
        "{error}"
    );
    server.await.unwrap();
}
