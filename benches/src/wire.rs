//! Writes and reads the frames of the peer with code of its own, so that no fault of the crate is on both sides.

use statesocket::{Message, Role};

/// The masking key of a client.
pub const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A client's Close with code 1000, masked with zeros, and the server's reply.
pub const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];
pub const CLOSE_REPLY: [u8; 4] = [0x88, 0x02, 0x03, 0xE8];

/// The content of a message.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Binary,
    /// Text in ASCII.
    Text,
    /// Text with code points of one to four bytes.
    Mixed,
}

/// A length as the tables write it.
#[must_use]
pub fn size_name(len: usize) -> String {
    match len {
        0x400..0x10_0000 => format!("{} KiB", len >> 10),
        0x10_0000.. => format!("{} MiB", len >> 20),
        _ => format!("{len} B"),
    }
}

/// The payload of a message, of exactly `len` bytes.
pub fn payload(kind: Kind, len: usize) -> Vec<u8> {
    match kind {
        Kind::Binary => (0..len).map(|i| (i % 251) as u8).collect(),
        Kind::Text => (0..len).map(|i| b' ' + (i % 95) as u8).collect(),
        Kind::Mixed => {
            let scripts = "Grüße, Καλημέρα, Привет, こんにちは, \u{1F642}. ".repeat(len / 16 + 1);
            let whole = (0..=len).rev().find(|at| scripts.is_char_boundary(*at)).expect("0 is a boundary");
            let mut text = scripts.as_bytes()[..whole].to_vec();
            text.resize(len, b'.');
            text
        }
    }
}

pub fn message(kind: Kind, payload: Vec<u8>) -> Message<'static> {
    match kind {
        Kind::Binary => Message::from(payload),
        Kind::Text | Kind::Mixed => Message::from(String::from_utf8(payload).expect("a text is UTF-8")),
    }
}

/// One message for an end of role `to`, in `fragments` frames of about the same length.
pub fn frames(kind: Kind, payload: &[u8], fragments: usize, to: Role) -> Vec<u8> {
    let pieces: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(fragments)).collect();
    let mut bytes = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        let opcode = match kind {
            _ if n > 0 => 0,
            Kind::Text | Kind::Mixed => 1,
            Kind::Binary => 2,
        };
        let is_last = n + 1 == pieces.len();
        push_frame(&mut bytes, u8::from(is_last) << 7 | opcode, piece, to);
    }
    bytes
}

/// One frame with the first byte `first`, for an end of role `to`.
#[must_use]
pub fn frame(first: u8, payload: &[u8], to: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_frame(&mut bytes, first, payload, to);
    bytes
}

fn push_frame(bytes: &mut Vec<u8>, first: u8, payload: &[u8], to: Role) {
    let mask_bit = if to == Role::Server { 0x80 } else { 0 };
    bytes.push(first);
    match payload.len() {
        len @ 0..126 => bytes.push(mask_bit | len as u8),
        len @ 126..0x1_0000 => {
            bytes.push(mask_bit | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(mask_bit | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    match to {
        Role::Client => bytes.extend(payload),
        Role::Server => {
            bytes.extend(KEY);
            bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
}

/// The unmasked payload of the unfragmented message at the front of `bytes`, and the bytes behind it.
///
/// # Panics
/// `bytes` does not start with such a frame, masked if and only if it is for a server.
pub fn read_frame(kind: Kind, bytes: &[u8], to: Role) -> (Vec<u8>, &[u8]) {
    let first = if matches!(kind, Kind::Binary) { 0x82 } else { 0x81 };
    read_any_frame(first, bytes, to)
}

/// The same for any frame with the first byte `first`.
///
/// # Panics
/// `bytes` does not start with such a frame, masked if and only if it is for a server.
#[must_use]
pub fn read_any_frame(first: u8, bytes: &[u8], to: Role) -> (Vec<u8>, &[u8]) {
    assert_eq!(bytes[0], first, "the first byte of the frame");
    assert_eq!(bytes[1] & 0x80 != 0, to == Role::Server, "masked by a client only");
    let (len, rest) = match bytes[1] & 0x7F {
        126 => (u64::from(u16::from_be_bytes([bytes[2], bytes[3]])), &bytes[4..]),
        127 => (u64::from_be_bytes(bytes[2..10].try_into().expect("eight bytes")), &bytes[10..]),
        len => (u64::from(len), &bytes[2..]),
    };
    let (key, rest) = if to == Role::Server { rest.split_at(4) } else { (&[0; 4][..], rest) };
    let (payload, rest) = rest.split_at(usize::try_from(len).expect("the payload is in memory"));
    (payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect(), rest)
}
