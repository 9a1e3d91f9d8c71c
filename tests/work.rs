//! Work that is linear in the input. Each workload can have any size, so that `tests/linear/run` can count its
//! instructions. By itself this checks that each workload does what it says.
//!
//! The environment variable `WORK_SIZE` sets the size, in about as many bytes.

use statesocket::{Agreed, Config, Connection, Delivery, Event, Role, handshake::Accept};
use std::{sync::Arc, time::Instant};

const SMALL: usize = 1_000;

fn size() -> usize {
    std::env::var("WORK_SIZE").map_or(SMALL, |size| size.parse().expect("WORK_SIZE is a number"))
}

fn open(delivery: Delivery) -> Connection {
    let mut config = Config::default();
    config.delivery = delivery;
    config.max_fragments = u32::MAX;
    // A workload of any size comes in one piece, and each of its bytes leaves at the same cost.
    (config.high_water, config.low_water) = (None, usize::MAX);
    Connection::established(Role::Server, Agreed::new(), Arc::new(config), Instant::now())
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len) if len < 126 => bytes.push(0x80 | len as u8),
        Ok(len) => bytes.extend([&[0x80 | 126][..], &len.to_be_bytes()].concat()),
        Err(_) => bytes.extend([&[0x80 | 127][..], &(payload.len() as u64).to_be_bytes()].concat()),
    }
    [bytes, vec![0; 4], payload.to_vec()].concat()
}

/// Hands in `bytes` in pieces of `len`. Returns the number of events.
fn feed(connection: &mut Connection, mut bytes: Vec<u8>, len: usize) -> usize {
    let (now, mut events) = (Instant::now(), 0);
    for piece in bytes.chunks_mut(len) {
        let mut input = piece;
        while connection.receive(&mut input, now).is_some() {
            events += 1;
        }
    }
    events
}

#[test]
fn a_message_in_single_bytes() {
    let message = frame(0x82, &vec![7; size()]);
    assert_eq!(feed(&mut open(Delivery::Messages), message, 1), 1);
}

#[test]
fn a_text_with_every_code_point_cut() {
    let message = frame(0x81, "\u{10348}".repeat(size() / 4).as_bytes());
    assert_eq!(feed(&mut open(Delivery::Messages), message, 3), 1);
}

#[test]
fn a_text_in_chunks() {
    let message = frame(0x81, "\u{10348}".repeat(size() / 4).as_bytes());
    assert!(feed(&mut open(Delivery::Chunks), message, 3) >= size() / 8);
}

#[test]
fn a_message_in_fragments_of_one_byte() {
    let mut bytes = frame(0x01, b"a");
    bytes.extend(frame(0x00, b"a").repeat(size()));
    bytes.extend(frame(0x80, b""));
    assert_eq!(feed(&mut open(Delivery::Messages), bytes, 4096), 1);
}

#[test]
fn empty_fragments_between_pings() {
    let mut bytes = frame(0x01, b"");
    bytes.extend([frame(0x00, b""), frame(0x89, b"ping")].concat().repeat(size() / 10));
    assert_eq!(feed(&mut open(Delivery::Messages), bytes, 1), size() / 10);
}

#[test]
fn messages_that_are_echoed_and_not_read() {
    let mut connection = open(Delivery::Messages);
    let (now, mut bytes) = (Instant::now(), frame(0x81, b"hello").repeat(size() / 5));
    let mut input = bytes.as_mut_slice();
    while let Some(Event::Message(message)) = connection.receive(&mut input, now) {
        connection.send(&message).expect("the output has room");
    }
    assert_eq!(connection.output_len(), size() / 5 * 7);
    while connection.output_len() > 0 {
        connection.advance(1);
    }
}

#[test]
fn pings_that_are_answered_behind_unread_output() {
    let mut connection = open(Delivery::Messages);
    connection.send_binary(&vec![7; size()]).expect("the output has room");
    assert_eq!(feed(&mut connection, frame(0x89, b"ping").repeat(size() / 10), 4096), size() / 10);
    assert!(connection.output_len() < size() + 1_000, "a few Pongs are queued, not all");
}

#[test]
fn messages_before_the_answer() {
    let mut config = Config::default();
    config.max_early_bytes = usize::MAX;
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let head = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let frames = frame(0x81, b"hello").repeat(size() / 5);
    assert_eq!(feed(&mut server, [head.to_vec(), frames].concat(), 100), 1);
    server.accept(Accept::new()).expect("a request is pending");
    let messages = std::iter::from_fn(|| server.poll_event()).count();
    assert_eq!(messages, size() / 5);
}

#[test]
fn a_request_in_single_bytes() {
    let mut config = Config::default();
    (config.max_head_bytes, config.max_headers) = (usize::MAX, usize::MAX);
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let lines: String = (0..size() / 100).map(|n| format!("X-{n}: {}\r\n", "x".repeat(100))).collect();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    );
    assert_eq!(feed(&mut server, head.into_bytes(), 1), 1);
}

#[test]
fn lists_of_subprotocols() {
    let mut config = Config::default();
    config.max_head_bytes = usize::MAX;
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let names: Vec<String> = (0..size() / 8).map(|n| format!("p{n}")).collect();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: {}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        names.join(", ")
    );
    assert_eq!(feed(&mut server, head.into_bytes(), 4096), 1);
}

#[test]
fn cookies_of_a_request() {
    let mut config = Config::default();
    (config.max_head_bytes, config.max_headers) = (usize::MAX, usize::MAX);
    let mut server = Connection::server(Arc::new(config), Instant::now());
    let (pairs, lines) = ("a=b; ".repeat(size() / 10), "Cookie: c=d\r\n".repeat(size() / 26));
    let mut head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: {pairs}\r\n{lines}\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: last=1\r\n\r\n"
    )
    .into_bytes();
    let event = server.receive(&mut head.as_mut_slice(), Instant::now());
    let Some(Event::Request(request)) = event else { panic!("{event:?}") };
    assert_eq!(request.cookie("last"), Some("1"));
    assert_eq!(request.cookies().count(), size() / 10 + size() / 26 + 1);
}

/// A server that inflates.
#[cfg(feature = "deflate")]
fn open_inflating(delivery: Delivery) -> Connection {
    use statesocket::{
        Deflate,
        handshake::{Extension, deflate},
        http::header::SEC_WEBSOCKET_EXTENSIONS,
    };
    let offer = deflate::offer(&Deflate::default());
    let headers = [(SEC_WEBSOCKET_EXTENSIONS, offer)];
    let offered = Extension::all(&headers.into_iter().collect(), 10).expect("our own offer");
    let (_, agreed) = deflate::answer(&offered, &Deflate::default()).expect("our own offer");
    let plain = open(delivery);
    let (config, now) = (Arc::new(plain.config().clone()), Instant::now());
    Connection::established(Role::Server, Agreed::new().deflate(agreed), config, now)
}

/// `text` in stored blocks of 1,000 bytes.
#[cfg(feature = "deflate")]
fn stored(text: &[u8]) -> Vec<u8> {
    let block = |text: &[u8]| {
        let len = text.len() as u16;
        [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), text].concat()
    };
    [text.chunks(1_000).flat_map(block).collect(), vec![0]].concat()
}

#[cfg(feature = "deflate")]
#[test]
fn a_compressed_message_in_single_bytes() {
    let message = frame(0xC2, &stored(&vec![7; size()]));
    assert_eq!(feed(&mut open_inflating(Delivery::Messages), message, 1), 1);
}

#[cfg(feature = "deflate")]
#[test]
fn a_compressed_text_in_chunks() {
    let message = frame(0xC1, &stored("\u{10348}".repeat(size() / 4).as_bytes()));
    assert!(feed(&mut open_inflating(Delivery::Chunks), message, 300) >= 1);
}

#[cfg(feature = "deflate")]
#[test]
fn empty_blocks_and_final_blocks() {
    let payload = [[0x00, 0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00].repeat(size() / 7), vec![0]].concat();
    assert_eq!(feed(&mut open_inflating(Delivery::Messages), frame(0xC1, &payload), 4096), 1);
}

#[cfg(feature = "deflate")]
#[test]
fn a_text_that_is_much_longer_than_its_payload() {
    let mut sender = open_inflating(Delivery::Messages);
    sender.send_binary(&vec![0; 100 * size()]).expect("the output has room");
    // Its header has two more bytes from 126 bytes of payload on.
    let at = if sender.output_len() < 128 { 2 } else { 4 };
    let payload = sender.output()[at..].to_vec();
    assert_eq!(feed(&mut open_inflating(Delivery::Messages), frame(0xC2, &payload), 4096), 1);
}

#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_that_are_echoed() {
    let mut connection = open_inflating(Delivery::Messages);
    let (now, text) = (Instant::now(), "a line that is repeated; ".repeat(8));
    let mut bytes = frame(0xC1, &stored(text.as_bytes())).repeat(1 + size() / 200);
    let mut input = bytes.as_mut_slice();
    while let Some(Event::Message(message)) = connection.receive(&mut input, now) {
        connection.send(&message).expect("the output has room");
    }
    assert!((1..size() / 2 + 100).contains(&connection.output_len()), "{}", connection.output_len());
}

#[test]
fn input_after_the_end() {
    let mut connection = open(Delivery::Messages);
    let bytes = [frame(0x88, b""), frame(0x81, b"late").repeat(size() / 10)].concat();
    assert_eq!(feed(&mut connection, bytes, 1), 1);
}
