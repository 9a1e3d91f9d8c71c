//! Futures that are dropped before they are ready.

use super::{once, pair};
use crate::support::Raw;
use ::tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::{JoinSet, yield_now},
    time::{Duration, timeout},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use statesocket::{
    Config, Message, Role,
    handshake::Accept,
    tokio::{Reader, WebSocket, Writer},
};
use std::{collections::HashMap, sync::Arc};

/// The client's bytes of a whole connection, one per poll.
#[::tokio::test]
async fn every_future_that_receives_may_be_dropped_after_every_byte() {
    let request = crate::support::request_head("/", &[]);
    let mut frames = vec![Raw::new(Raw::TEXT, "Hello"), Raw::new(Raw::PING, "?"), Raw::new(Raw::BINARY, [7; 300])];
    frames.push(Raw::new(Raw::TEXT, "").more());
    frames.extend([Raw::new(Raw::CONTINUATION, "split"), Raw::close(4001, "bye")]);
    let frames: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(Role::Server)).collect();

    let (mut raw, server) = duplex(4096);
    let mut ws = WebSocket::server(server, Config::default());
    let mut found = None;
    for byte in &request {
        assert!(found.is_none());
        raw.write_all(&[*byte]).await.unwrap();
        found = once(ws.request()).await;
    }
    found.expect("the head is complete").unwrap();
    ws.accept(Accept::new()).unwrap();
    let mut received = vec![];
    for byte in &frames {
        raw.write_all(&[*byte]).await.unwrap();
        received.extend(once(ws.recv()).await);
    }
    raw.shutdown().await.unwrap();
    let mut answer = vec![];
    let (end, _) = ::tokio::join!(ws.recv(), raw.read_to_end(&mut answer));
    let messages: Vec<_> = received.into_iter().map(Result::unwrap).collect();
    assert_eq!(messages, ["Hello".into(), Message::from(vec![7; 300]), "split".into()]);
    let end = end.unwrap_err();
    assert_eq!((u16::from(end.code), end.reason.as_str(), end.is_clean), (4001, "bye", true));
    assert!(answer.ends_with(b"\x8A\x01?\x88\x05\x0F\xA1bye"), "the Pong and the Close");
}

/// A message of which most bytes go straight to its memory.
#[::tokio::test]
async fn a_large_message_survives_a_dropped_recv_per_read() {
    let (mut client, mut server) = pair(10_000);
    let message: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    let mut drops = 0;
    let (sent, received) = ::tokio::join!(
        async {
            client.send(message.as_slice()).await.unwrap();
            client.flush().await
        },
        async {
            loop {
                if let Some(received) = once(server.recv()).await {
                    break received.unwrap();
                }
                drops += 1;
                yield_now().await;
            }
        }
    );
    assert_eq!((sent, received.as_bytes() == message), (Ok(()), true));
    assert!(drops > 50, "{drops}");
}

#[::tokio::test(start_paused = true)]
async fn a_dropped_send_has_sent_all_of_its_message_or_nothing() {
    let (mut client, mut server) = pair(1024);
    let (mut sent, mut received, mut dropped) = (vec![], vec![], 0);
    for n in 0..60u8 {
        match timeout(Duration::from_millis(10), server.send(vec![n; 20_000])).await {
            Ok(result) => {
                result.unwrap();
                sent.push(n);
            }
            Err(_) => dropped += 1,
        }
        for _ in 0..if n % 8 == 7 { 3 } else { 0 } {
            let _ = timeout(Duration::from_millis(10), async {
                let receiving = async { received.push(client.recv().await) };
                ::tokio::join!(async { server.flush().await.unwrap() }, receiving);
            })
            .await;
        }
    }
    let (end, ()) = ::tokio::join!(server.close(1000, ""), async {
        while let Ok(message) = client.recv().await {
            received.push(Ok(message));
        }
    });
    assert!(end.unwrap().is_clean && dropped > 5 && sent.len() > 5, "{dropped} dropped, {} sent", sent.len());
    assert_eq!(received.len(), sent.len());
    for (message, n) in received.into_iter().zip(sent) {
        assert!(message.unwrap().as_bytes() == [n; 20_000], "message {n}");
    }
}

/// Repeats a call until it is ready. Drops its future after a random number of polls each time.
macro_rules! persist {
    ($rng:expr, $call:expr) => {
        loop {
            let turns = $rng.random_range(0..4);
            ::tokio::select! {
                biased;
                result = $call => break result,
                () = yield_times(turns) => {}
            }
        }
    };
}

async fn yield_times(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

const ROOMS: usize = 100;
const MEMBERS: usize = 10;
const MESSAGES: usize = 5;

/// What one sender says: its name, the number of the message, and padding of any length.
fn line(rng: &mut StdRng, member: usize, n: usize) -> String {
    format!("{member} {n} {}", "x".repeat(rng.random_range(0..3000)))
}

/// Echoes to every member of the room, until the client leaves.
async fn serve(mut rng: StdRng, mut reader: Reader<DuplexStream>, room: Arc<Vec<Writer<DuplexStream>>>) {
    while let Ok(message) = persist!(rng, reader.recv()) {
        for writer in room.iter() {
            let message = Message::from(message.as_text().expect("a text"));
            persist!(rng, writer.send(message.clone())).expect("all stay to the end");
        }
    }
}

/// Sends the lines of a member, and takes those of all. Returns them by sender.
async fn take_part(mut rng: StdRng, member: usize, ws: WebSocket<DuplexStream>) -> HashMap<usize, Vec<String>> {
    let (mut reader, writer) = ws.split();
    let lines: Vec<_> = (0..MESSAGES).map(|n| line(&mut rng, member, n)).collect();
    let mut sender_rng = StdRng::from_rng(&mut rng);
    let sending = ::tokio::spawn(async move {
        for line in &lines {
            persist!(sender_rng, writer.send(line.as_str())).unwrap();
        }
        writer
    });
    let mut heard: HashMap<usize, Vec<String>> = HashMap::new();
    for _ in 0..MEMBERS * MESSAGES {
        let message = persist!(rng, reader.recv()).unwrap();
        let text = message.as_text().unwrap();
        let [sender, n, _] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        heard.entry(sender.parse().unwrap()).or_default().push(n.to_owned());
    }
    drop((reader, sending.await.unwrap()));
    heard
}

/// 1,000 clients in rooms of 10. Every future is dropped at random, and what was sent comes once and in order.
#[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_of_1000_clients_loses_nothing_when_futures_are_dropped() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut clients, mut servers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..ROOMS {
        let (mut readers, mut writers) = (vec![], vec![]);
        for member in 0..MEMBERS {
            let (client, server) = pair(2048);
            let (reader, writer) = server.split();
            readers.push(reader);
            writers.push(writer);
            clients.spawn(take_part(StdRng::from_rng(&mut rng), member, client));
        }
        let writers = Arc::new(writers);
        for reader in readers {
            servers.spawn(serve(StdRng::from_rng(&mut rng), reader, Arc::clone(&writers)));
        }
    }
    let expected: Vec<_> = (0..MESSAGES).map(|n| n.to_string()).collect();
    while let Some(heard) = clients.join_next().await {
        let heard = heard.unwrap();
        assert_eq!(heard.len(), MEMBERS);
        assert!(heard.values().all(|lines| *lines == expected), "{heard:?}");
    }
    servers.abort_all();
}
