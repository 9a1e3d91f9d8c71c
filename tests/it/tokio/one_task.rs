use super::{once, pair, pair_with};
use crate::support::{Raw, config, manual};
use ::tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    task::yield_now,
    time::{Duration, Instant},
};
use statesocket::{
    Cause, CloseCode, Config, Disconnect, Event, Phase, Role, SendError, State,
    handshake::{Accept, Connect, Response},
    http::StatusCode,
    tokio::WebSocket,
};
use std::{cell::Cell, error::Error, rc::Rc};

#[::tokio::test]
async fn a_client_and_a_server_open_echo_and_close() {
    let (client, server) = duplex(4096);
    let server = ::tokio::spawn(async move {
        let mut ws = WebSocket::server(server, Config::default());
        let request = ws.request().await.unwrap();
        assert_eq!(
            (request.path(), ws.phase(), ws.application_state()),
            ("/ws/7", Phase::Requested, State::Connecting)
        );
        ws.accept(Accept::new().preferred_by_client(&request, &["chat"])).unwrap();
        loop {
            match ws.recv().await {
                Ok(message) => ws.send(message).await.unwrap(),
                Err(end) => break (end, ws.recv().await.unwrap_err()),
            }
        }
    });
    let connect = Connect::new("ws://example.com/ws/7").unwrap().subprotocol("chat").unwrap();
    let mut ws = WebSocket::client(client, &connect, Config::default());
    assert_eq!(ws.opened().await.unwrap().status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!((ws.subprotocol(), ws.phase()), (Some("chat"), Phase::Open));
    for message in ["", "hello", &"long ".repeat(100_000)] {
        ws.send(message).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().as_text(), Some(message));
    }
    assert!(ws.close(1000, "bye").await.unwrap().is_clean);
    let (end, again) = server.await.unwrap();
    assert_eq!((end.code, end.reason.as_str(), end.is_clean), (CloseCode::NORMAL_CLOSURE, "bye", true));
    assert_eq!(again, end, "the end is told again");
    assert!(matches!(ws.send("late").await, Err(SendError::Transition(_))));
    assert!(matches!(ws.feed("late").await, Err(SendError::Transition(_))));
}

#[::tokio::test]
async fn a_rejected_client_gets_the_response_and_the_end() {
    let (client, server) = duplex(4096);
    let server = async {
        let mut ws = WebSocket::server(server, Config::default());
        ws.request().await.unwrap();
        ws.reject(Response::new(StatusCode::FORBIDDEN).body("members only")).unwrap();
        ws.finish().await
    };
    let connect = Connect::new("ws://example.com/").unwrap();
    let mut ws = WebSocket::client(client, &connect, Config::default());
    let client = async { (ws.opened().await.unwrap_err(), ws.opened().await.unwrap_err()) };
    let (server, (error, again)) = ::tokio::join!(server, client);
    let response = error.response.unwrap();
    assert_eq!((response.status, response.body.as_ref()), (StatusCode::FORBIDDEN, &b"members only"[..]));
    assert_eq!(error.end.cause, Cause::Rejected(StatusCode::FORBIDDEN));
    assert_eq!((again.end, again.response), (error.end, None), "the response is handed out once");
    assert_eq!(server.cause, Cause::Rejected(StatusCode::FORBIDDEN));
}

#[::tokio::test]
async fn a_client_that_is_not_opened_gets_what_the_server_has_answered() {
    for (answer, status) in [(&b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..], Some(101)), (b"", None)] {
        let (client, mut raw) = duplex(4096);
        raw.write_all(answer).await.unwrap();
        raw.shutdown().await.unwrap();
        let mut ws = WebSocket::client(client, &Connect::new("ws://a/").unwrap(), Config::default());
        let error = ws.opened().await.unwrap_err();
        assert_eq!(error.response.as_ref().map(|response| response.status.as_u16()), status);
        assert_eq!((error.to_string(), error.source().is_none()), (error.end.to_string(), true));
        assert_eq!(Disconnect::from(error.clone()), error.end);
    }
}

#[::tokio::test]
async fn a_request_that_is_no_request_is_refused() {
    let (mut raw, server) = duplex(4096);
    raw.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut ws = WebSocket::server(server, Config::default());
    assert!(matches!(ws.request().await.unwrap_err().cause, Cause::Handshake(_)));
    drop(ws);
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[::tokio::test]
async fn what_is_fed_leaves_with_one_write() {
    let (mut raw, server) = duplex(4096);
    let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
    for _ in 0..3 {
        ws.feed("x").await.unwrap();
    }
    let mut byte = [0];
    assert!(once(raw.read(&mut byte)).await.is_none(), "nothing has left");
    ws.flush().await.unwrap();
    let mut bytes = [0; 100];
    assert_eq!(raw.read(&mut bytes).await.unwrap(), 9);
}

#[::tokio::test]
async fn the_manual_answer_to_a_close_is_the_programs() {
    let (mut client, mut server) = pair_with(4096, manual());
    client.connection_mut().close(4000, "bye").unwrap();
    assert!(once(client.recv()).await.is_none());
    let end = server.recv().await.unwrap_err();
    assert_eq!((u16::from(end.code), server.phase()), (4000, Phase::ClientClosed));
    server.send("a last word").await.unwrap();
    let (end, last) = ::tokio::join!(server.close(4001, "too"), async {
        let last = client.recv().await.unwrap();
        assert_eq!(client.recv().await.unwrap_err().received.unwrap().code, 4001);
        client.connection_mut().ensure_closed(1000, "");
        client.finish().await;
        last
    });
    assert_eq!((end.unwrap().is_clean, last.as_text()), (true, Some("a last word")));
}

#[::tokio::test]
async fn a_handler_may_send_on_another_connection() {
    let (mut client, mut server) = pair(4096);
    let (mut there, mut here) = pair(4096);
    client.send("over").await.unwrap();
    client.connection_mut().close(1000, "").unwrap();
    let relay = server.drive(|_, event| {
        if let Event::Message(message) = event {
            let sent = pin_now(here.send(message));
            sent.expect("there is room").unwrap();
        }
    });
    let (end, _) = ::tokio::join!(relay, client.finish());
    assert!(end.is_clean);
    assert_eq!(there.recv().await.unwrap().as_text(), Some("over"));
}

/// The result of a future that needs no wait.
fn pin_now<F: Future>(future: F) -> Option<F::Output> {
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// One read has 9,000 messages, and the task that takes them lets others run.
#[::tokio::test]
async fn a_read_full_of_messages_does_not_keep_other_tasks_waiting() {
    for is_driven in [false, true] {
        let (mut raw, server) = duplex(1 << 20);
        let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
        let frames = Raw::new(Raw::BINARY, "x").for_endpoint(Role::Server).repeat(9000);
        raw.write_all(&frames).await.unwrap();
        let local = ::tokio::task::LocalSet::new();
        let (turns, taken) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (ticks, counted) = (Rc::clone(&turns), Rc::clone(&taken));
        local
            .run_until(async move {
                let other = ::tokio::task::spawn_local(async move {
                    loop {
                        ticks.set(ticks.get() + 1);
                        yield_now().await;
                    }
                });
                let reading = ::tokio::task::spawn_local(async move {
                    if is_driven {
                        ws.drive(|_, event| {
                            counted.set(counted.get() + usize::from(matches!(event, Event::Message(_))))
                        })
                        .await;
                    } else {
                        while ws.recv().await.is_ok() {
                            counted.set(counted.get() + 1);
                        }
                    }
                });
                while taken.get() < 9000 {
                    yield_now().await;
                }
                other.abort();
                reading.abort();
            })
            .await;
        assert!(turns.get() > 9000 / 200, "driven: {is_driven}, {} turns", turns.get());
    }
}

/// The bytes of two messages come with one read, and the second one is held back while the output is full.
#[::tokio::test(start_paused = true)]
async fn a_held_message_does_not_wait_for_a_deadline_once_the_hold_ends() {
    for is_split in [false, true] {
        let (mut raw, server) = duplex(200_000);
        let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
        let began = Instant::now();
        raw.write_all(&Raw::new(Raw::TEXT, "a").for_endpoint(Role::Server).repeat(2)).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().as_text(), Some("a"));
        ws.connection_mut().send(vec![0; 100_000]).unwrap();
        assert!(ws.held_by().is_some());
        if is_split {
            let (mut reader, writer) = ws.split();
            let (received, ()) = ::tokio::join!(reader.recv(), async { writer.flush().await.unwrap() });
            received.unwrap();
        } else {
            ws.recv().await.unwrap();
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "split: {is_split}");
    }
}

#[::tokio::test]
async fn a_message_over_the_limit_waits_until_nothing_else_is_queued() {
    let config = config(|config| config.max_output_bytes = 100_000);
    let (mut client, mut server) = pair_with(1000, config);
    server.send(vec![1; 50_000]).await.unwrap();
    let sending = async {
        server.send(vec![2; 200_000]).await.unwrap();
        server.flush().await.unwrap();
    };
    let ((), received) =
        ::tokio::join!(sending, async { [client.recv().await.unwrap().len(), client.recv().await.unwrap().len()] });
    assert_eq!(received, [50_000, 200_000]);
}
