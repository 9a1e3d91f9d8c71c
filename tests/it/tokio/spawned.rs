//! `spawn`: a task drives the connection whatever the program does.

use super::pair;
use ::tokio::time::{Duration, sleep};
use futures_util::StreamExt;
use statesocket::{Cause, CloseCode, Event, Timer};

#[::tokio::test(start_paused = true)]
async fn pings_are_answered_while_the_program_is_busy() {
    let (mut client, server) = pair(4096);
    let (_writer, _receiver) = server.spawn(1);
    client.connection_mut().ping(b"?").unwrap();
    assert!(matches!(client.event().await, Some(Event::Pong(payload)) if *payload == *b"?"));
}

#[::tokio::test(start_paused = true)]
async fn a_full_mailbox_pauses_reading_and_loses_nothing() {
    let (client, server) = pair(200);
    let (writer, mut receiver) = server.spawn(2);
    let (mut reader, client_writer) = client.split();
    let sending = ::tokio::spawn(async move {
        for n in 0..100u8 {
            client_writer.send(vec![n; 100]).await.unwrap();
        }
        client_writer.flush().await.unwrap();
        client_writer
    });
    let driving = ::tokio::spawn(async move { reader.recv().await });
    // The peer answers no Ping meanwhile that it does not read, and is not blamed.
    sleep(Duration::from_secs(50)).await;
    assert!(writer.with(|connection| connection.is_reading_paused()));
    for n in 0..100u8 {
        assert_eq!(receiver.recv().await.unwrap().as_bytes(), vec![n; 100]);
    }
    let client_writer = sending.await.unwrap();
    writer.send("still open").await.unwrap();
    assert_eq!(driving.await.unwrap().unwrap().as_text(), Some("still open"));
    drop(client_writer);
}

#[::tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_a_task_whose_mailbox_is_full() {
    let (mut client, server) = pair(200);
    let (writer, mut receiver) = server.spawn(1);
    for n in ["1", "2", "3"] {
        client.send(n).await.unwrap();
        client.flush().await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    writer.send(vec![0; 10_000]).await.unwrap();
    sleep(Duration::from_secs(300)).await;
    assert!(writer.send("late").await.is_err());
    let (mut texts, end) = (vec![], loop_to_end(&mut receiver).await);
    texts.extend(end.0);
    // The third one was in the pipe, from which the task did not read.
    assert_eq!((texts.concat(), end.1), ("123".to_owned(), Cause::TimedOut(Timer::Write)));
}

async fn loop_to_end(receiver: &mut statesocket::tokio::Receiver) -> (Vec<String>, Cause) {
    let mut texts = vec![];
    loop {
        match receiver.recv().await {
            Ok(message) => texts.push(message.as_text().unwrap().to_owned()),
            Err(end) => return (texts, end.cause),
        }
    }
}

#[::tokio::test(start_paused = true)]
async fn without_a_receiver_and_a_writer_the_connection_is_closed() {
    for is_receiver_first in [true, false] {
        let (mut client, server) = pair(4096);
        let (writer, receiver) = server.spawn(1);
        let clone = writer.clone();
        if is_receiver_first {
            drop(receiver);
            client.send("nobody takes it").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            clone.send("open").await.unwrap();
            assert_eq!(client.recv().await.unwrap().as_text(), Some("open"));
            drop((writer, clone));
        } else {
            drop((writer, clone));
            client.send("open").await.unwrap();
            client.flush().await.unwrap();
            sleep(Duration::from_secs(1)).await;
            drop(receiver);
        }
        let end = client.recv().await.unwrap_err();
        assert_eq!((end.code, end.is_clean), (CloseCode::GOING_AWAY, true), "{is_receiver_first}");
    }
}

#[::tokio::test]
async fn the_receiver_tells_the_end_as_often_as_it_is_asked_and_is_a_stream() {
    let (mut client, server) = pair(4096);
    let (_writer, mut receiver) = server.spawn(4);
    client.send("one").await.unwrap();
    let (closed, first) = ::tokio::join!(client.close(1000, "bye"), receiver.next());
    assert_eq!((closed.unwrap().is_clean, first.unwrap().as_text()), (true, Some("one")));
    assert_eq!(receiver.next().await, None);
    let end = receiver.recv().await.unwrap_err();
    assert_eq!((end.reason.as_str(), receiver.recv().await), ("bye", Err(end.clone())));
}

#[test]
fn a_runtime_that_shuts_down_aborts_the_connection() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_writer, mut receiver) = runtime.block_on(async {
        let (_client, server) = pair(4096);
        let spawned = server.spawn(1);
        sleep(Duration::from_millis(1)).await;
        std::mem::forget(_client);
        spawned
    });
    drop(runtime);
    let other = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(other.block_on(receiver.recv()).unwrap_err().cause, Cause::Aborted);
}
