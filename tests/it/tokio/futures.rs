//! `Stream` and `Sink`.

use super::{once, pair};
use futures_util::{SinkExt, StreamExt, stream};
use statesocket::{CauseKind, CloseCode, Message, SendError};

#[::tokio::test]
async fn halves_of_futures_send_and_receive() {
    let (client, mut server) = pair(4096);
    let echo = ::tokio::spawn(async move {
        while let Some(message) = server.next().await {
            SinkExt::send(&mut server, message).await.unwrap();
        }
        server.disconnected().cloned().unwrap()
    });
    let (mut sink, mut stream) = StreamExt::split(client);
    sink.send(Message::from("one")).await.unwrap();
    assert_eq!(stream.next().await.unwrap().as_text(), Some("one"));
    let messages: Vec<Message<'static>> = (0..100).map(|n| Message::from(vec![n; 1000])).collect();
    let mut outgoing = stream::iter(messages.clone().into_iter().map(Ok));
    let (sent, received) = ::tokio::join!(sink.send_all(&mut outgoing), stream.by_ref().take(100).collect::<Vec<_>>());
    assert_eq!((sent, received), (Ok(()), messages));
    let (closed, rest) = ::tokio::join!(sink.close(), stream.next());
    assert_eq!((closed, rest), (Ok(()), None));
    let end = echo.await.unwrap();
    assert_eq!((end.code, end.is_clean), (CloseCode::NORMAL_CLOSURE, true));
}

#[::tokio::test]
async fn a_reader_is_a_stream_of_messages_until_the_end() {
    let (client, server) = pair(4096);
    let (mut reader, writer) = server.split();
    let (client_reader, client_writer) = client.split();
    let echo = ::tokio::spawn(client_reader.for_each(move |message| {
        let writer = client_writer.clone();
        async move { writer.send(message).await.unwrap() }
    }));
    for n in 0..3 {
        writer.send(n.to_string()).await.unwrap();
        assert_eq!(reader.next().await.unwrap().as_text(), Some(n.to_string().as_str()));
    }
    writer.close(4000, "done").unwrap();
    assert_eq!(reader.next().await, None);
    assert!(reader.recv().await.unwrap_err().is_clean);
    echo.await.unwrap();
}

#[::tokio::test]
async fn a_writer_is_a_sink() {
    let (client, server) = pair(4096);
    let (mut reader, mut writer) = client.split();
    let (server_reader, server_writer) = server.split();
    let echo = ::tokio::spawn(server_reader.map(Ok).forward(server_writer));
    let messages: Vec<Message<'static>> = (0..100).map(|n| Message::from(vec![n; 1000])).collect();
    let mut outgoing = stream::iter(messages.clone().into_iter().map(Ok));
    let received = reader.by_ref().take(100).collect::<Vec<_>>();
    let (sent, received) = ::tokio::join!(writer.send_all(&mut outgoing), received);
    assert_eq!((sent, received), (Ok(()), messages));
    let (closed, rest) = ::tokio::join!(SinkExt::close(&mut writer), reader.next());
    assert_eq!((closed, rest), (Ok(()), None));
    let end = reader.recv().await.unwrap_err();
    assert_eq!((end.code, end.is_clean), (CloseCode::NORMAL_CLOSURE, true));
    echo.await.unwrap().unwrap();
    assert!(matches!(SinkExt::feed(&mut writer, Message::from("late")).await, Err(SendError::Transition(_))));
}

#[::tokio::test]
async fn what_is_fed_to_a_writer_leaves_with_the_flush() {
    let (client, server) = pair(4096);
    let (_reader, mut writer) = client.split();
    let (mut reader, _) = server.split();
    for text in ["one", "two"] {
        SinkExt::feed(&mut writer, Message::from(text)).await.unwrap();
    }
    assert!(once(reader.next()).await.is_none());
    SinkExt::flush(&mut writer).await.unwrap();
    assert_eq!(reader.next().await.unwrap().as_text(), Some("one"));
    assert_eq!(reader.next().await.unwrap().as_text(), Some("two"));
}

#[::tokio::test]
async fn a_writer_that_is_full_is_not_ready_and_says_what_is_lost() {
    let (client, server) = pair(1000);
    let (mut reader, mut writer) = server.split();
    SinkExt::feed(&mut writer, Message::from(vec![0; 100_000])).await.unwrap();
    assert!(once(SinkExt::feed(&mut writer, Message::from("no room"))).await.is_none());
    assert!(once(SinkExt::flush(&mut writer)).await.is_none());
    assert!(once(SinkExt::close(&mut writer)).await.is_none());
    assert!(once(SinkExt::close(&mut writer.clone())).await.is_none(), "each flush knows its own bytes");
    drop(client);
    let end = reader.recv().await.unwrap_err();
    assert_eq!(end.cause.kind(), CauseKind::TransportLost);
    assert_eq!(SinkExt::close(&mut writer).await, Err(SendError::TransportLost));
    assert_eq!(SinkExt::close(&mut writer).await, Ok(()), "nothing more is lost");
    assert_eq!(SinkExt::close(&mut writer.clone()).await, Ok(()), "it has queued nothing");
}

#[::tokio::test]
async fn a_sink_that_is_full_is_not_ready() {
    let (_client, mut server) = pair(1000);
    server.feed(vec![0; 100_000]).await.unwrap();
    assert!(once(SinkExt::feed(&mut server, Message::from("no room"))).await.is_none());
    assert!(once(SinkExt::flush(&mut server)).await.is_none());
    assert!(once(SinkExt::close(&mut server)).await.is_none());
    assert!(matches!(SinkExt::feed(&mut server, Message::from("late")).await, Err(SendError::Transition(_))));
}
