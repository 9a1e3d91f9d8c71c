//! permessage-deflate: RFC 7692.

mod chunks;
mod faults;
mod fragments;
mod idle;
mod lending;
mod limits;
mod messages;
mod properties;
mod reading;
mod sending;
mod sharing;

use crate::support::{Raw, blocks::Blocks, drain, feed, sent, walker::walk_message};
use statesocket::{
    Agreed, AgreedDeflate, Config, Connection, Deflate, Event, Role,
    handshake::{Extension, deflate},
    http,
};
use std::{sync::Arc, time::Instant};

const RSV1: u8 = 0x40;

const BOTH_WAYS: &str = "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12";
const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What both ends agree on if the client offers and the server answers this.
fn agreed(offer: &str, answer: &str) -> AgreedDeflate {
    let parsed = |value: &str| {
        let headers = [(http::header::SEC_WEBSOCKET_EXTENSIONS, value.parse().unwrap())];
        Extension::all(&headers.into_iter().collect(), 100).unwrap()
    };
    deflate::agree(&parsed(offer), &parsed(answer)).unwrap().unwrap()
}

/// An open connection that has agreed on compression by `answer`.
fn compressing(role: Role, answer: &str, change: impl FnOnce(&mut Config)) -> Connection {
    let config = Config::default().with(|config| config.deflate = Some(Deflate::default())).with(change);
    let agreed = Agreed::new().deflate(agreed("permessage-deflate; client_max_window_bits", answer)).seed([7; 32]);
    Connection::established(role, agreed, Arc::new(config), Instant::now())
}

/// The same, with changes to how it compresses.
fn compressing_with(role: Role, answer: &str, change: impl FnOnce(&mut Deflate)) -> Connection {
    let deflate = Deflate::default().with(change);
    compressing(role, answer, |config| config.deflate = Some(deflate))
}

/// A compressed message in one frame.
fn text(payload: impl AsRef<[u8]>) -> Raw {
    Raw::new(Raw::TEXT, payload).set(RSV1)
}

fn binary(payload: impl AsRef<[u8]>) -> Raw {
    Raw::new(Raw::BINARY, payload).set(RSV1)
}

/// The messages and chunks of text and bytes in `events`, which are all of them.
#[track_caller]
fn payloads(events: &[Event<'_>]) -> Vec<Vec<u8>> {
    let payload = |event: &Event<'_>| match event {
        Event::Message(message) => message.as_bytes().to_vec(),
        other => panic!("{other:?} is no message"),
    };
    events.iter().map(payload).collect()
}

/// Hands `bytes` to `to`, in pieces of `len`.
fn feed_by(to: &mut Connection, bytes: &[u8], len: usize) -> Vec<Event<'static>> {
    bytes.chunks(len).flat_map(|piece| feed(to, piece)).collect()
}

/// Carries the output of `from` to `to`.
fn carry(from: &mut Connection, to: &mut Connection) -> Vec<Event<'static>> {
    let bytes = all(from);
    feed(to, &bytes)
}

/// Takes all queued bytes.
fn all(from: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while from.output_len() > 0 {
        bytes.extend(drain(from));
    }
    bytes
}

/// The only frame that `from` has queued.
#[track_caller]
fn only_frame(from: &mut Connection) -> Raw {
    let mut frames = sent(from);
    assert_eq!(frames.len(), 1, "{frames:?}");
    frames.remove(0)
}

/// The plain text of a compressed message that refers to nothing.
#[track_caller]
fn inflate_alone(frame: &Raw) -> Vec<u8> {
    assert_eq!(frame.first & RSV1, RSV1, "{frame:?} is compressed");
    walk_message(&frame.payload, &[]).expect("it refers to itself only").text
}

/// The payload of `text` as a peer compresses it that refers to nothing, or in stored blocks if that is not shorter.
fn deflated(text: &[u8]) -> Vec<u8> {
    let mut peer = compressing_with(Role::Server, NO_TAKEOVER, |deflate| deflate.threshold = Some(0));
    peer.send_binary(text).unwrap();
    let bytes = all(&mut peer);
    let frame = Raw::parse(&mut &bytes[..]);
    if frame.first & RSV1 == RSV1 { frame.payload } else { stored(text) }
}

/// The payload of `text` in stored blocks.
fn stored(text: &[u8]) -> Vec<u8> {
    text.chunks(60_000).fold(Blocks::default(), |blocks, part| blocks.stored(false, part)).message()
}

/// Records that begin alike, as messages do.
fn records(seed: u32, len: usize) -> String {
    let mut number = seed.wrapping_mul(2_654_435_761) | 1;
    let mut text = String::new();
    while text.len() < len {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(r#"{{"id":{},"name":"{}","price":{}.5}},"#, number >> 8, number >> 20, number % 977));
    }
    text.truncate(len);
    text
}

/// Bytes that nothing compresses.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Two ends of one connection, the sender first.
fn pair(sender: Role, answer: &str, change: impl Fn(&mut Deflate)) -> [Connection; 2] {
    [sender, sender.peer()].map(|role| compressing_with(role, answer, &change))
}
