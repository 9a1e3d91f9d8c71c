//! Sockets: dialling, and a client that connects again.

use ::tokio::{
    io::{DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use statesocket::{
    Cause, CloseCode, Config, Phase, Role,
    handshake::{Accept, Connect, Response},
    http::StatusCode,
    reconnect::{Backoff, Reconnect},
    tokio::{OpenError, Reconnecting, WebSocket},
};
use std::{
    cell::Cell,
    future::pending,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

async fn listener() -> (TcpListener, Connect) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, Connect::new(&url).unwrap())
}

fn quick(max_attempts: u32) -> Backoff {
    Backoff::default().with(|backoff| {
        backoff.first_delay = Duration::from_millis(1);
        backoff.restart_delay = Duration::ZERO..=Duration::from_millis(1);
        backoff.stable_after = Duration::ZERO;
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

#[::tokio::test]
async fn a_client_asks_over_the_stream_that_is_made_of_the_one_of_tcp() {
    let (listener, _) = listener().await;
    let url = format!("wss://127.0.0.1:{}/chat", listener.local_addr().unwrap().port());
    let connect = Connect::new(&url).unwrap();
    let (secured, server) = duplex(1 << 10);
    let mut server = WebSocket::server(server, Config::default());
    let secure = async |tcp: TcpStream| {
        assert_eq!(tcp.peer_addr()?, listener.local_addr()?);
        assert!(tcp.nodelay()?);
        Ok(secured)
    };
    let mut client = WebSocket::connect_with(&connect, Config::default(), secure).await.unwrap();
    let (opened, _) = ::tokio::join!(client.opened(), async {
        assert_eq!(server.request().await.unwrap().path(), "/chat");
        server.accept(Accept::new()).unwrap();
        server.flush().await
    });
    assert_eq!(opened.unwrap().status, StatusCode::SWITCHING_PROTOCOLS);

    let fail = async |_| Err::<DuplexStream, _>(io::Error::new(ErrorKind::InvalidData, "not trusted"));
    let error = WebSocket::connect_with(&connect, Config::default(), fail).await.unwrap_err();
    assert_eq!(error.to_string(), "not trusted");
}

#[::tokio::test(start_paused = true)]
async fn the_opening_timeout_includes_what_is_done_to_the_stream() {
    let (listener, _) = listener().await;
    let connect = Connect::new(&format!("wss://{}/", listener.local_addr().unwrap())).unwrap();
    let (began, has_begun) = (Instant::now(), Cell::new(false));
    let never = async |_| {
        has_begun.set(true);
        pending::<io::Result<DuplexStream>>().await
    };
    let connecting = WebSocket::connect_with(&connect, Config::default(), never);
    let error = timeout(Duration::from_secs(3600), connecting).await.expect("it ends").unwrap_err();
    assert_eq!((error.kind(), has_begun.get()), (ErrorKind::TimedOut, true));
    assert_eq!(Some(began.elapsed()), Config::default().opening_timeout);
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

/// The clock of the test does not wait. It goes on only while nothing else does, so nothing else has a timeout.
#[::tokio::test(start_paused = true)]
async fn a_client_waits_for_the_delay_before_each_further_attempt() {
    let (listener, _) = listener().await;
    let connect = Connect::new(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let config = Arc::new(Config::default().with(|config| config.opening_timeout = None));
    let backoff = |max_attempts| {
        Backoff::default().with(|backoff| (backoff.max_attempts, backoff.seed) = (max_attempts, Some([7; 32])))
    };
    let mut same = Reconnect::new(backoff(3));
    let delays: Vec<_> = std::iter::from_fn(|| same.failed(std::time::Instant::now())).collect();
    let begin = Instant::now();
    let mut client = Reconnecting::new(connect.clone(), Arc::clone(&config), backoff(3));
    client.open().await.unwrap_err();
    let about = |time: Duration| time..time + Duration::from_millis(10);
    assert!(about(delays.iter().sum()).contains(&begin.elapsed()), "{delays:?}, {:?}", begin.elapsed());

    let (stream, _) = duplex(1);
    let mut lost = WebSocket::established(stream, Role::Client, Default::default(), Arc::clone(&config));
    let end = lost.recv().await.unwrap_err();
    let begin = Instant::now();
    let mut client = Reconnecting::new(connect, config, backoff(1));
    assert!(client.ended(&end));
    client.open().await.unwrap_err();
    assert!(about(delays[0]).contains(&begin.elapsed()), "{delays:?}, {:?}", begin.elapsed());
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
    assert_eq!((ends, client.attempts()), (vec![1012, 1000], 0), "both connections were stable");
    server.await.unwrap();
}

#[::tokio::test]
async fn a_rejection_that_would_be_repeated_is_the_error() {
    let (listener, connect) = listener().await;
    let server = ::tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut ws = WebSocket::server(stream, Config::default());
        ws.request().await.unwrap();
        ws.reject(StatusCode::FORBIDDEN).unwrap();
        ws.finish().await;
    });
    let error = Reconnecting::new(connect, Config::default(), quick(20)).open().await.unwrap_err();
    assert!(
        matches!(&error, OpenError::NotOpened(error) if error.end.cause == Cause::Rejected(StatusCode::FORBIDDEN)),
        "{error}"
    );
    server.await.unwrap();
}

#[::tokio::test]
async fn a_stream_that_cannot_be_secured_is_tried_again() {
    let (listener, _) = listener().await;
    let url = format!("wss://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let mut client = Reconnecting::new(Connect::new(&url).unwrap(), Config::default(), quick(3));
    let attempts = Cell::new(0);
    let secure = async |stream: TcpStream| {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 3 { Ok(stream) } else { Err(io::Error::new(ErrorKind::InvalidData, "not trusted")) }
    };
    let server = async {
        for _ in 0..2 {
            drop(listener.accept().await.unwrap());
        }
        let mut ws = WebSocket::server(listener.accept().await.unwrap().0, Config::default());
        ws.request().await.unwrap();
        ws.accept(Accept::new()).unwrap();
        ws.flush().await.unwrap();
        ws
    };
    let (ws, _server) = ::tokio::join!(async { client.open_with(secure).await.unwrap() }, server);
    assert_eq!((ws.phase(), attempts.get()), (Phase::Open, 3));

    let fail = async |_| Err::<DuplexStream, _>(io::Error::new(ErrorKind::InvalidData, "not trusted"));
    let error = client.open_with(fail).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect: not trusted");
}
