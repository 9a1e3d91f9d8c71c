//! `split`: a reader and writers in several tasks.

use super::{once, pair};
use ::tokio::{
    io::{AsyncReadExt, duplex},
    task::yield_now,
    time::{Duration, timeout},
};
use statesocket::{Cause, CauseKind, Config, Role, SendError, State, Timer, tokio::WebSocket};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

#[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_in_two_tasks_and_a_reader_in_a_third_lose_nothing() {
    let (client, mut server) = pair(4096);
    let (mut reader, writer) = client.split();
    let echo = ::tokio::spawn(async move {
        loop {
            match server.recv().await {
                Ok(message) => server.send(message).await.unwrap(),
                Err(end) => return end,
            }
        }
    });
    let writing = [0u8, 1].map(|task| {
        let writer = writer.clone();
        ::tokio::spawn(async move {
            for n in 0..2000usize {
                writer.send([&[task][..], &vec![n as u8; n * 7 % 3000]].concat()).await.unwrap();
            }
        })
    });
    let mut counts = [0; 2];
    while counts != [2000; 2] {
        let message = reader.recv().await.unwrap();
        let task = usize::from(message.as_bytes()[0]);
        let n: usize = counts[task];
        assert_eq!(message.as_bytes()[1..], vec![n as u8; n * 7 % 3000], "in the order of its task");
        counts[task] += 1;
    }
    for task in writing {
        task.await.unwrap();
    }
    writer.close(1000, "done").unwrap();
    assert!(reader.recv().await.unwrap_err().is_clean);
    assert_eq!(echo.await.unwrap().reason, "done");
    assert!(matches!(writer.send("late").await, Err(SendError::Transition(_))));
    assert_eq!(writer.with(|connection| connection.client_state()), State::Disconnected);
}

#[::tokio::test]
async fn a_writer_that_waits_is_woken_by_the_room_and_by_the_end() {
    let (client, server) = pair(1000);
    let (mut reader, writer) = server.split();
    let (mut client_reader, _client_writer) = client.split();
    let driving = ::tokio::spawn(async move { reader.recv().await });
    writer.send(vec![0; 100_000]).await.unwrap();
    let waiting = {
        let writer = writer.clone();
        ::tokio::spawn(async move { writer.send("behind").await })
    };
    yield_now().await;
    assert!(!waiting.is_finished());
    assert_eq!(client_reader.recv().await.unwrap().len(), 100_000);
    assert_eq!(client_reader.recv().await.unwrap().as_text(), Some("behind"));
    assert_eq!(waiting.await.unwrap(), Ok(()));

    writer.send(vec![0; 100_000]).await.unwrap();
    let waiting = ::tokio::spawn(async move { writer.send("too late").await });
    yield_now().await;
    drop((client_reader, _client_writer));
    assert!(waiting.await.unwrap().is_err());
    assert!(driving.await.unwrap().is_err());
}

/// The reader arms the timers of what a writer has left behind.
#[::tokio::test(start_paused = true)]
async fn what_a_writer_leaves_behind_has_a_timeout() {
    for closes in [false, true] {
        let (_raw, server) = duplex(1000);
        let ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
        let (mut reader, writer) = ws.split();
        let began = ::tokio::time::Instant::now();
        let reading = ::tokio::spawn(async move { reader.recv().await.unwrap_err() });
        ::tokio::time::sleep(Duration::from_secs(1)).await;
        writer.send(vec![0; 10_000]).await.unwrap();
        if closes {
            writer.close(1000, "").unwrap();
        }
        let flushed = writer.flush().await;
        assert_eq!(reading.await.unwrap().cause, Cause::TimedOut(Timer::Write), "with a Close: {closes}");
        assert_eq!((flushed, began.elapsed().as_secs()), (Err(SendError::TransportLost), 61), "with a Close: {closes}");
    }
}

/// After the Close nothing can be sent, which is no reason to look again and again.
#[::tokio::test]
async fn a_flush_behind_a_close_is_polled_only_when_bytes_can_leave() {
    let (mut raw, server) = duplex(1000);
    let ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
    let (mut reader, writer) = ws.split();
    writer.send(vec![0; 10_000]).await.unwrap();
    writer.close(1000, "").unwrap();
    let reading = ::tokio::spawn(async move { reader.recv().await });
    let polls = Arc::new(AtomicUsize::new(0));
    let flushing = ::tokio::spawn({
        let polls = Arc::clone(&polls);
        async move {
            let mut flush = pin!(writer.flush());
            poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                flush.as_mut().poll(cx)
            })
            .await
        }
    });
    for _ in 0..100 {
        yield_now().await;
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!((1..10).contains(&polls), "{polls}");
    raw.read_exact(&mut [0; 10_008]).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(5), flushing).await.expect("it is woken").unwrap(), Ok(()));
    drop(raw);
    assert_eq!(reading.await.unwrap().unwrap_err().cause.kind(), CauseKind::TransportLost);
}

#[::tokio::test]
async fn a_panic_within_with_leaves_the_connection_whole() {
    let (client, mut server) = pair(4096);
    let (_reader, writer) = client.split();
    let panicking = writer.clone();
    let panicked = ::tokio::spawn(async move { panicking.with(|_| panic!("of the program")) });
    assert!(panicked.await.unwrap_err().is_panic());
    writer.send("still there").await.unwrap();
    assert_eq!(server.recv().await.unwrap().as_text(), Some("still there"));
}

#[::tokio::test]
async fn a_reader_goes_on_when_a_writer_resumes_reading() {
    let (mut client, server) = pair(4096);
    let (mut reader, writer) = server.split();
    writer.with(statesocket::Connection::pause_reading);
    let reading = ::tokio::spawn(async move { reader.recv().await.map(|message| message.len()) });
    client.send("held").await.unwrap();
    yield_now().await;
    assert!(!reading.is_finished());
    writer.with(statesocket::Connection::resume_reading);
    assert_eq!(timeout(Duration::from_secs(5), reading).await.expect("it is woken").unwrap(), Ok(4));
}

#[::tokio::test]
async fn a_writer_that_waits_is_woken_by_the_end_that_another_one_makes() {
    let (_client, server) = pair(1000);
    let (_reader, writer) = server.split();
    writer.send(vec![0; 100_000]).await.unwrap();
    let waiting = {
        let writer = writer.clone();
        ::tokio::spawn(async move { writer.send("behind").await })
    };
    yield_now().await;
    writer.with(statesocket::Connection::abort);
    let sent = timeout(Duration::from_secs(5), waiting).await.expect("it is woken").unwrap();
    assert!(matches!(sent, Err(SendError::Transition(_))), "{sent:?}");
}

#[::tokio::test]
async fn the_reader_has_what_was_read_before_the_split() {
    let (mut client, mut server) = pair(4096);
    for text in ["one", "two", "three"] {
        client.feed(text).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(server.recv().await.unwrap().as_text(), Some("one"));
    let (mut reader, _writer) = server.split();
    assert_eq!(reader.recv().await.unwrap().as_text(), Some("two"));
    assert_eq!(reader.recv().await.unwrap().as_text(), Some("three"));
}

#[::tokio::test]
async fn a_writer_writes_without_a_reader() {
    let (mut raw, server) = duplex(4096);
    let ws = WebSocket::established(server, Role::Server, Default::default(), Config::default());
    let (mut reader, writer) = ws.split();
    assert!(once(reader.recv()).await.is_none());
    writer.send("hi").await.unwrap();
    writer.flush().await.unwrap();
    let mut bytes = [0; 4];
    raw.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"\x81\x02hi");
}
