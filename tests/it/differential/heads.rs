//! Requests and responses that are mostly right.

use super::{Data, scaled};
use crate::proof::differential::{HandshakeRow, differential_handshake, handshake_differences, request};
use crate::support::{accepted_head, request_head, response_head};
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

const NAMES: [&str; 14] = [
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Content-Length",
    "Transfer-Encoding",
    "Origin",
    "sec-websocket-key",
    "UPGRADE",
    "X-Y",
];

const VALUES: [&str; 30] = [
    "",
    "websocket",
    "WebSocket",
    "h2c, websocket",
    "websocket, foo",
    "Upgrade",
    "upgrade",
    "keep-alive, Upgrade",
    "keep-alive,\tupgrade",
    "keep-alive Upgrade",
    "close",
    "13",
    "8",
    "13, 8",
    "dGhlIHNhbXBsZSBub25jZQ==",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZR==",
    "chat",
    "chat, superchat",
    "chat, chat",
    "un known",
    "permessage-deflate; client_max_window_bits=\"15\"",
    "a;;b",
    "0",
    "5",
    "chunked",
    "server.example.com:8080",
    "user@server",
    "[::1]:x",
    "caf\u{E9}",
];

/// A change to the lines of a head.
#[derive(Clone, Debug)]
enum Edit {
    Change(String, &'static str),
    Replace(Index, &'static [u8], &'static [u8]),
    Insert(Index, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let bytes: Vec<(&[u8], &[u8])> = vec![
        (b"\r\n", b"\n"),
        (b"\r\n", b"\r\n "),
        (b"\r\n", b"\r"),
        (b"\r\n", b"\r\n\r\n"),
        (b": ", b":"),
        (b": ", b" : "),
        (b": ", b":\t  "),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.2"),
        (b"HTTP/1.1", b"HTTP/1.10"),
        (b"HTTP/1.1", b"HTTP/2.0"),
        (b"GET", b"POST"),
        (b"GET", b"HEAD"),
        (b"GET ", b"GET  "),
        (b"/chat", b"*"),
        (b"/chat", b"/chat?q=%20#part"),
        (b"/chat", b"http://example.com"),
        (b"/chat", b"wss://example.com?q"),
        (b"/chat", b"example.com:80"),
        (b" 101 ", b" 200 "),
        (b" 101 ", b" 1010 "),
        (b"e", b"\xC3\xA9"),
        (b"e", b"\xFF"),
    ];
    let name = (any::<bool>(), select(NAMES.to_vec()))
        .prop_map(|(is_added, name)| if is_added { format!("+{name}") } else { name.to_owned() });
    prop_oneof![
        4 => (name, select(VALUES.to_vec())).prop_map(|(name, value)| Edit::Change(name, value)),
        2 => (any::<Index>(), select(bytes)).prop_map(|(at, (from, to))| Edit::Replace(at, from, to)),
        1 => (any::<Index>(), select(b"\0\t\n\r ,:\x7F\x80a".to_vec())).prop_map(|(at, byte)| Edit::Insert(at, byte)),
    ]
}

fn edited(bytes: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits {
        match edit {
            Edit::Change(..) => {}
            Edit::Replace(at, from, to) => {
                let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
                if !places.is_empty() {
                    let at = places[at.index(places.len())];
                    bytes.splice(at..at + from.len(), to.iter().copied());
                }
            }
            Edit::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
        }
    }
}

/// A request, or a response to one, mostly right.
fn handshake() -> impl Strategy<Value = Data> {
    let rest = prop_oneof![4 => Just(vec![]), 1 => vec(any::<u8>(), 1..4)];
    let cut = prop::option::weighted(0.1, any::<Index>());
    (0..4u8, 0..8u8, vec(edit(), 0..4), rest, cut).prop_map(|(choice, answer, edits, rest, cut)| {
        let change =
            |edit: &Edit| if let Edit::Change(name, value) = edit { Some((name.clone(), *value)) } else { None };
        let changes: Vec<(String, &str)> = edits.iter().filter_map(change).collect();
        let mut changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut bytes = match (choice & 1, answer) {
            (0, _) => request_head("/chat", &changes),
            (_, 0) => response_head("HTTP/1.1 404 Not Found", &changes),
            (_, 1) => {
                let hints = response_head("HTTP/1.1 103 Early Hints", &changes);
                [hints, accepted_head(&request(choice & 2 != 0), &[])].concat()
            }
            _ => {
                if choice & 2 != 0 {
                    changes.insert(0, ("Sec-WebSocket-Protocol", "superchat"));
                }
                accepted_head(&request(choice & 2 != 0), &changes)
            }
        };
        edited(&mut bytes, &edits);
        bytes.extend(rest);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        Data([&[choice], bytes.as_slice()].concat())
    })
}

proptest! {
    #![proptest_config(scaled(4))]

    #[test]
    fn heads_are_read_as_tungstenite_reads_them(data in handshake()) {
        differential_handshake(&data.0);
    }
}

#[test]
fn every_header_is_read_as_tungstenite_reads_it() {
    for name in NAMES {
        for value in VALUES {
            for name in [name, &format!("+{name}")] {
                differential_handshake(&[&[0], request_head("/chat", &[(name, value)]).as_slice()].concat());
                differential_handshake(&[&[1], accepted_head(&request(false), &[(name, value)]).as_slice()].concat());
            }
        }
    }
}

#[test]
fn every_allowed_difference_of_a_handshake_occurs() {
    for row in HandshakeRow::ALL {
        let data = row.example();
        let rows = handshake_differences(&data);
        assert!(rows.contains(&row), "{row:?} is not needed for {}, which needs {rows:?}", data.escape_ascii());
    }
}
