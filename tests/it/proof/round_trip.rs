//! One end receives what the other end sends, however it is sent and cut.

use super::{
    compression::{self, Compression},
    frames::{joined, written},
    reference::{self, Said},
    settings,
};
use crate::support::{Fragments, Raw, drain, waiting};
use arbitrary::{Result, Unstructured};
use statesocket::{Config, Connection, Event, Role, SendError, SharedMessage, SharedMessages};
use std::{sync::Arc, time::Instant};

/// After this many bytes, more prove nothing.
const MOST: usize = 200_000;

/// Draws messages, Pings and a Close, sends them, and carries them over in pieces.
pub(crate) fn check(data: &[u8]) {
    let (compression, data) = compression::split(data);
    let mut source = Unstructured::new(data);
    // The list ends when the bytes run out; that is no fault.
    let _ = exchange(&mut source, compression);
}

fn exchange(source: &mut Unstructured<'_>, compression: Option<Compression>) -> Result<()> {
    let role = if source.arbitrary()? { Role::Client } else { Role::Server };
    // Only the delivery and the limits of the receiver, which no message here reaches.
    let mut config = settings::config(source.arbitrary::<u8>()? & 0x02);
    if let Some(compression) = compression {
        compression.apply(&mut config);
    }
    let config = Arc::new(config);
    let [mut sender, mut receiver] = [role, role.peer()].map(|role| {
        Connection::established(role, compression::agreed(compression), Arc::clone(&config), Instant::now())
    });
    let sent = send(&mut sender, source);
    let wire = waiting(&sender);
    assert_eq!(drain_all(&mut sender), wire, "vectored and plain writes give the same bytes");
    check_wire(&wire, role, &config, &sent, compression);

    let mut events = Vec::new();
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        let len = if source.is_empty() { rest.len() } else { source.int_in_range(1..=rest.len().min(300))? };
        let (piece, later) = rest.split_at(len);
        rest = later;
        let mut buffer = piece.to_vec();
        let mut input = buffer.as_mut_slice();
        while let Some(event) = receiver.receive(&mut input, Instant::now()) {
            events.push(event.into_owned());
        }
        assert!(input.is_empty(), "`receive` takes all input");
    }
    let is_close = |said: &Said| matches!(said, Said::Close(_));
    let heard: Vec<Said> = joined(&events).iter().filter_map(Said::of).collect();
    let told: Vec<Said> = sent.iter().filter(|said| !is_close(said)).cloned().collect();
    assert_eq!(heard, told, "the receiver gets what was sent");
    let ended = events.iter().any(|event| matches!(event, Event::Disconnect(_)));
    assert_eq!(ended, sent.iter().any(is_close), "exactly a Close ends the connection");
    Ok(())
}

/// Sends what `source` yields until it is empty. Returns what was said.
fn send(sender: &mut Connection, source: &mut Unstructured<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    while let Ok(choice) = source.arbitrary::<u8>()
        && !source.is_empty()
        && sender.output_len() < MOST
    {
        let payload = payload(source, choice >> 3);
        let text = String::from_utf8_lossy(&payload).into_owned();
        match choice & 7 {
            0 | 1 => done(sender.send_text(&text), &mut said, Said::Text(text)),
            2 => done(sender.send_binary(&payload), &mut said, Said::Binary(payload)),
            3 if choice & 0x40 != 0 => {
                let both: SharedMessages = [SharedMessage::text(&text), SharedMessage::binary(b"and")].iter().collect();
                sender.send_shared_all(&both).expect("the output has room");
                said.extend([Said::Text(text), Said::Binary(b"and".to_vec())]);
            }
            3 => done(sender.send_shared(&SharedMessage::text(&text)), &mut said, Said::Text(text)),
            4 => {
                let at = payload.len() / 2;
                let mut pieces = payload.chunks(at.max(1)).peekable();
                sender.send_binary_fragment(&[], false).expect("no other message is in progress");
                done(sender.ping(b"between"), &mut said, Said::Ping(b"between".to_vec()));
                while let Some(piece) = pieces.next() {
                    let is_last = pieces.peek().is_none();
                    sender.send_binary_fragment(piece, is_last).expect("the message is in progress");
                }
                if payload.is_empty() {
                    sender.send_binary_fragment(&[], true).expect("the message is in progress");
                }
                said.push(Said::Binary(payload));
            }
            5 => {
                let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
                sender.send_text_fragment(&text[..middle], false).expect("no other message is in progress");
                assert_eq!(sender.send_binary(b"no"), Err(SendError::MessageInProgress));
                sender.send_text_fragment(&text[middle..], true).expect("the message is in progress");
                said.push(Said::Text(text));
            }
            6 => {
                let payload = &payload[..payload.len().min(125)];
                sender.ping(payload).expect("the connection is open and the output has room");
                said.push(Said::Ping(payload.to_vec()));
            }
            _ if choice == 0xFF => {
                sender.close(1001, "away").expect("the connection is open");
                said.push(Said::Close(Some((1001, "away".to_owned()))));
                assert!(sender.send_text("late").is_err(), "nothing is sent after a Close");
                break;
            }
            _ => done(sender.send(text.clone()), &mut said, Said::Text(text)),
        }
    }
    said
}

fn done(result: std::result::Result<(), impl std::fmt::Debug>, said: &mut Vec<Said>, what: Said) {
    result.expect("the connection is open, no message is in progress, and the output has room");
    said.push(what);
}

/// A few bytes of `source`, repeated many times for a large `size`, so that every form of a length occurs.
fn payload(source: &mut Unstructured<'_>, size: u8) -> Vec<u8> {
    let len = source.int_in_range(0..=40).unwrap_or_default();
    let bytes = source.bytes(len).map(<[u8]>::to_vec).unwrap_or_default();
    match size {
        0..=27 => bytes,
        28 | 29 => bytes.repeat(8),
        _ => bytes.repeat(2_000),
    }
}

fn drain_all(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.output_len() > 0 {
        bytes.extend(drain(connection));
    }
    bytes
}

/// The reference reads the output as it was meant, and a frame is masked if and only if a client sent it.
fn check_wire(wire: &[u8], role: Role, config: &Config, sent: &[Said], compression: Option<Compression>) {
    let reach = compression.map(|it| it.reach(role));
    assert_eq!(reference::read(wire, role.peer(), config, reach), sent, "the reference reads what was sent");
    compression::plain(written(wire, role), reach);
    let keys: Vec<_> = masks(wire, role);
    let distinct: std::collections::HashSet<_> = keys.iter().collect();
    // Two equal keys among a few hundred of 32 bits have a chance of one in a hundred thousand. The seed is fixed, so
    // the outcome never changes.
    assert!(distinct.len() + 1 >= keys.len(), "a fresh key for each frame (section 5.3)");
}

fn masks(mut wire: &[u8], role: Role) -> Vec<[u8; 4]> {
    let frames = written(wire, role);
    let keys: Vec<_> = std::iter::from_fn(|| (!wire.is_empty()).then(|| Raw::parse(&mut wire).key)).flatten().collect();
    assert_eq!(keys.len(), if role == Role::Client { frames.len() } else { 0 });
    keys
}
