//! Timers, on a clock that stands still unless all tasks wait.

use super::{once, pair, pair_with};
use crate::support::{Raw, config};
use ::tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Duration, Instant, sleep, timeout},
};
use statesocket::{Cause, CauseKind, Config, Role, SendError, Timer, handshake::Connect, tokio::WebSocket};
use std::{
    pin::pin,
    task::{Context, Waker},
};

#[::tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_by_the_keepalive() {
    let (mut raw, server) = duplex(4096);
    let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
    let began = Instant::now();
    let end = ws.recv().await.unwrap_err();
    assert_eq!(end.cause, Cause::TimedOut(Timer::Pong));
    // 20 s to the Ping, 20 s for the Pong, 3 s for the end of the stream.
    assert_eq!(began.elapsed().as_secs(), 43);
    drop(ws);
    let mut wire = vec![];
    raw.read_to_end(&mut wire).await.unwrap();
    assert_eq!(wire[0], 0x89);
    assert!(wire.ends_with(b"\x03\xF3no sign of life"), "{wire:x?}");
}

/// The alarm was set for the task that has polled first.
#[::tokio::test(start_paused = true)]
async fn the_task_that_polled_last_is_woken_at_the_deadline() {
    let (_raw, server) = duplex(4096);
    let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(ws.recv()).poll(&mut context).is_pending());
    let began = Instant::now();
    let end = timeout(Duration::from_secs(3600), ws.recv()).await.expect("the task is woken");
    assert_eq!((end.unwrap_err().cause, began.elapsed().as_secs()), (Cause::TimedOut(Timer::Pong), 43));
}

#[::tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays() {
    let (mut client, mut server) = pair(4096);
    let began = Instant::now();
    let (_, end) = ::tokio::join!(
        async {
            sleep(Duration::from_secs(3600)).await;
        },
        async {
            ::tokio::select! {
                end = server.recv() => Some(end),
                end = client.recv() => Some(end),
                () = sleep(Duration::from_secs(3600)) => None,
            }
        }
    );
    assert_eq!((end, began.elapsed().as_secs()), (None, 3600));
}

#[::tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_and_an_answer_that_does_not_come_time_out() {
    let (_raw, server) = duplex(4096);
    let mut ws = WebSocket::server(server, Config::default());
    assert_eq!(ws.request().await.unwrap_err().cause, Cause::TimedOut(Timer::Opening));
    let (_raw, client) = duplex(4096);
    let mut ws = WebSocket::client(client, &Connect::new("ws://a/").unwrap(), Config::default());
    assert_eq!(ws.opened().await.unwrap_err().end.cause, Cause::TimedOut(Timer::Opening));
}

#[::tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_the_wait_of_a_sender() {
    for is_flush in [false, true] {
        let (_raw, server) = duplex(1000);
        let mut ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
        let began = Instant::now();
        ws.send(vec![0; 100_000]).await.unwrap();
        let result = if is_flush { ws.flush().await } else { ws.send("more").await };
        assert!(result.is_err(), "{is_flush}");
        assert_eq!(began.elapsed().as_secs(), 60, "write_timeout");
        assert_eq!(ws.recv().await.unwrap_err().cause, Cause::TimedOut(Timer::Write));
        assert!(matches!(ws.send("late").await, Err(SendError::Transition(_))));
    }
}

#[::tokio::test(start_paused = true)]
async fn k9_a_close_that_lies_unread_when_the_output_times_out_has_the_code() {
    for role in [Role::Client, Role::Server] {
        for wait in ["send", "flush", "recv", "pause"] {
            let (mut raw, stream) = duplex(1000);
            let high = config(|config| config.client_high_water = Some(64 << 10));
            let mut ws = WebSocket::established(stream, role, Default::default(), high);
            ws.send(vec![0; 100_000]).await.unwrap();
            let frames = [Raw::new(Raw::TEXT, "last words"), Raw::close(4001, "bye")];
            for frame in frames {
                raw.write_all(&frame.for_endpoint(role)).await.unwrap();
            }
            let began = Instant::now();
            match wait {
                "send" => assert!(ws.send("more").await.is_err()),
                "flush" => assert!(ws.flush().await.is_err()),
                "pause" => ws.connection_mut().pause_reading(),
                _ => {}
            }
            assert_eq!(ws.recv().await.unwrap().as_text(), Some("last words"), "{role:?}, {wait}");
            let end = ws.recv().await.unwrap_err();
            assert_eq!((u16::from(end.code), end.cause, end.is_clean), (4001, Cause::PeerClosed, false), "{wait}");
            assert_eq!(began.elapsed().as_secs(), 60, "write_timeout");
        }
    }
}

/// A minute and a half of sending to a peer that reads slowly, pings, and answers no Ping.
#[::tokio::test(start_paused = true)]
async fn a_peer_is_not_late_while_the_program_sends() {
    for role in [Role::Client, Role::Server] {
        let (mut raw, stream) = duplex(1000);
        let mut ws = WebSocket::established(stream, role, Default::default(), Config::default());
        let reading = ::tokio::spawn(async move {
            let (mut buffer, mut total) = (vec![0; 20_000], 0);
            // A Ping that nobody takes while the other end sends.
            raw.write_all(&Raw::new(Raw::PING, "").for_endpoint(role)).await.unwrap();
            while total < 2_400_000 {
                sleep(Duration::from_millis(40)).await;
                total += raw.read(&mut buffer).await.unwrap();
            }
            raw
        });
        let began = Instant::now();
        for _ in 0..24 {
            ws.send(vec![0; 100_000]).await.unwrap();
        }
        ws.flush().await.unwrap();
        assert!(began.elapsed().as_secs() > 80, "{role:?}: {:?}", began.elapsed());
        drop(reading.await.unwrap());
        assert_eq!(ws.recv().await.unwrap_err().cause.kind(), CauseKind::TransportLost);
    }
}

#[::tokio::test(start_paused = true)]
async fn a_drip_of_bytes_does_not_stop_the_timer_of_a_message() {
    let (mut raw, server) = duplex(4096);
    let config = config(|config| config.message_timeout = Some(Duration::from_secs(30)));
    let mut ws = WebSocket::established(server, Role::Server, Default::default(), config);
    let dripping = ::tokio::spawn(async move {
        let mut bytes = vec![0x82, 0xFE, 0xFF, 0xFF, 1, 2, 3, 4];
        while raw.write_all(&bytes).await.is_ok() {
            bytes = vec![0];
            sleep(Duration::from_millis(100)).await;
        }
    });
    let began = Instant::now();
    assert_eq!(ws.recv().await.unwrap_err().cause, Cause::TimedOut(Timer::Message));
    assert!((30..=34).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    dripping.abort();
}

#[::tokio::test(start_paused = true)]
async fn a_closing_handshake_without_an_answer_ends_in_time() {
    let (mut client, server) = pair_with(4096, Config::default());
    assert!(once(client.recv()).await.is_none(), "the alarm is set for a later deadline");
    let began = Instant::now();
    let end = client.close(1000, "").await.unwrap();
    assert_eq!((end.cause, end.is_clean), (Cause::TimedOut(Timer::Closing), false));
    assert!(began.elapsed().as_secs() <= 13, "{:?}", began.elapsed());
    drop(server);
}
