//! One implementation sends and the other reads: statesocket to tungstenite, and back.

use super::{
    hex, ours, theirs,
    trace::{Case, Item, Limits},
};
use crate::support::Fragments;
use statesocket::{Agreed, Config, Connection, Role};
use std::{sync::Arc, time::Instant};
use tungstenite::{
    Message, WebSocket,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

const REPLIES: Limits = Limits { fragments: u32::MAX, ..Limits::REPLIES };

const CODES: [u16; 8] = [1000, 1001, 1003, 1008, 1011, 1013, 3000, 4999];

/// A call of an application.
#[derive(Clone, Debug)]
enum Call {
    Text(String),
    Binary(Vec<u8>),
    Fragment { data: Payload, is_last: bool },
    Ping(Vec<u8>),
    Close(u16, String),
}

#[derive(Clone, Debug)]
enum Payload {
    Text(String),
    Binary(Vec<u8>),
}

/// Each reads what an application sends through the other as it was meant. The first byte of `data` chooses the role of
/// the sender (1: client); the rest are calls.
///
/// # Panics
///
/// If something else is read.
pub(crate) fn differential_sending(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let (sender, reader) = if choice & 1 == 0 { (Role::Server, Role::Client) } else { (Role::Client, Role::Server) };
    let (calls, meant) = valid(calls(rest));
    let case = |wire| Case { role: reader, has_closed: false, limits: REPLIES, wire };
    let read = [
        ("tungstenite reads", theirs::run(&case(sent_by_ours(sender, &calls)))),
        ("ours reads", ours::run(&case(sent_by_tungstenite(sender, &calls)))),
    ];
    for (who, trace) in read {
        let items: Vec<Item> = trace.items.into_iter().map(|(_, item)| item).collect();
        assert_eq!(items, meant, "{who} something that a {sender:?} did not send\n  data: {}", hex(data));
    }
}

fn calls(mut bytes: &[u8]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut room = REPLIES.message / 2;
    while let [kind, len, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(len % 16).min(rest.len()));
        bytes = rest;
        // Each form of the length is needed, the longest one rarely.
        let times = match len {
            0xFF => 5_000,
            0xC0.. => 30,
            _ => 1,
        };
        // A byte that is not text becomes three.
        let binary = if 3 * payload.len() * times > room { Vec::new() } else { payload.repeat(times) };
        room -= 3 * binary.len();
        let text = String::from_utf8_lossy(&binary).into_owned();
        calls.push(match kind % 8 {
            0 => Call::Text(text),
            1 => Call::Binary(binary),
            2 | 3 => Call::Fragment { data: Payload::Text(text), is_last: kind & 8 != 0 },
            4 | 5 => Call::Fragment { data: Payload::Binary(binary), is_last: kind & 8 != 0 },
            6 => Call::Ping(payload.to_vec()),
            _ => Call::Close(CODES[usize::from(kind / 8) % 8], String::from_utf8_lossy(payload).into_owned()),
        });
    }
    calls
}

/// The calls that are legal in their order (RFC 6455 section 5.4), and what is read from them.
fn valid(calls: Vec<Call>) -> (Vec<Call>, Vec<Item>) {
    let (mut kept, mut meant) = (Vec::new(), Vec::new());
    let mut open: Option<Item> = None;
    for call in calls {
        let item = match (&call, open.take()) {
            (Call::Ping(payload), begun) => {
                open = begun;
                Item::Ping(payload.clone())
            }
            (Call::Close(code, reason), _) => {
                meant.push(Item::Close(Some((*code, reason.clone()))));
                kept.push(call);
                break;
            }
            (Call::Text(text), None) => Item::Text(text.clone()),
            (Call::Binary(bytes), None) => Item::Binary(bytes.clone()),
            (Call::Fragment { data, is_last }, begun) => {
                let item = match (data, begun) {
                    (Payload::Text(text), None) => Item::Text(text.clone()),
                    (Payload::Binary(bytes), None) => Item::Binary(bytes.clone()),
                    (Payload::Text(text), Some(Item::Text(begun))) => Item::Text(begun + text),
                    (Payload::Binary(bytes), Some(Item::Binary(begun))) => Item::Binary([&begun, &bytes[..]].concat()),
                    (_, begun) => {
                        open = begun;
                        continue;
                    }
                };
                if !is_last {
                    open = Some(item);
                    kept.push(call);
                    continue;
                }
                item
            }
            (Call::Text(_) | Call::Binary(_), begun) => {
                open = begun;
                continue;
            }
        };
        meant.push(item);
        kept.push(call);
    }
    (kept, meant)
}

fn sent_by_ours(role: Role, calls: &[Call]) -> Vec<u8> {
    let agreed = Agreed::new().seed([7; 32]);
    let mut connection = Connection::established(role, agreed, Arc::new(Config::default()), Instant::now());
    for call in calls {
        let result = match call {
            Call::Text(text) => connection.send_text(text),
            Call::Binary(bytes) => connection.send_binary(bytes),
            Call::Fragment { data: Payload::Text(text), is_last } => connection.send_text_fragment(text, *is_last),
            Call::Fragment { data: Payload::Binary(bytes), is_last } => {
                connection.send_binary_fragment(bytes, *is_last)
            }
            Call::Ping(payload) => {
                connection.ping(payload).expect("the Ping is short and the connection open");
                Ok(())
            }
            Call::Close(code, reason) => {
                connection.close(*code, reason).expect("both roles may send the code");
                Ok(())
            }
        };
        result.expect("the calls are legal");
    }
    connection.output().to_vec()
}

fn sent_by_tungstenite(role: Role, calls: &[Call]) -> Vec<u8> {
    let mut socket = WebSocket::from_raw_socket(theirs::Bytewise::new(Vec::new()), role.into(), None);
    let mut is_open = false;
    for call in calls {
        let message = match call {
            Call::Text(text) => Message::text(text.as_str()),
            Call::Binary(bytes) => Message::binary(bytes.clone()),
            Call::Fragment { data, is_last } => {
                let (first, bytes) = match data {
                    Payload::Text(text) => (Data::Text, text.clone().into_bytes()),
                    Payload::Binary(bytes) => (Data::Binary, bytes.clone()),
                };
                let opcode = OpCode::Data(if is_open { Data::Continue } else { first });
                is_open = !is_last;
                Message::Frame(Frame::message(bytes, opcode, *is_last))
            }
            Call::Ping(payload) => Message::Ping(payload.clone().into()),
            Call::Close(code, reason) => {
                Message::Close(Some(CloseFrame { code: (*code).into(), reason: reason.as_str().into() }))
            }
        };
        socket.send(message).expect("memory takes what is written");
    }
    socket.get_ref().output.clone()
}
