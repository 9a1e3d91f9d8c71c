//! The answers of the implementations to frames that RFC 6455 forbids a client to send, as observed.

use crate::{
    driver::{MAX_BYTES, Sample},
    implementations::{ALL, Implementation},
    socket::Socket,
};
use statesocket::Role;
use statesocket_benches::wire::{KEY, frame};
use std::rc::Rc;

/// The faults, and frames with each.
fn faults() -> Vec<(&'static str, Vec<u8>)> {
    let mut too_long = vec![0x82, 0xFF];
    too_long.extend((MAX_BYTES as u64 + 1).to_be_bytes());
    too_long.extend(KEY);
    let not_shortest = [&[0x82, 0xFE, 0, 1], &KEY[..], &[0]].concat();
    let masked = |first, payload: &[u8]| frame(first, payload, Role::Server);
    vec![
        ("a frame that is not masked", vec![0x82, 1, b'a']),
        ("a reserved bit", masked(0xC2, b"a")),
        ("a reserved opcode", masked(0x83, b"a")),
        ("text that is not UTF-8", masked(0x81, b"a\xFF")),
        ("text that ends within a code point", masked(0x81, b"a\xE2\x82")),
        ("a fragmented Ping", masked(0x09, b"a")),
        ("a Ping of 126 bytes", masked(0x89, &[0; 126])),
        ("a length in more bytes than it needs", not_shortest),
        ("a continuation without a message", masked(0x80, b"a")),
        ("a message within a message", [masked(0x02, b"a"), masked(0x82, b"b")].concat()),
        ("a header that announces 16 MiB and one byte", too_long),
        ("a Close with one byte of a code", masked(0x88, &[3])),
        ("a Close with code 1005", masked(0x88, &1005_u16.to_be_bytes())),
        ("a Close whose reason is not UTF-8", masked(0x88, &[0x03, 0xE8, 0xFF])),
    ]
}

/// The code of the Close that `implementation` answers with, "error" if it only reports one, "-" if it accepts `wire`.
fn answer(implementation: &Implementation, wire: &[u8]) -> String {
    let socket = Socket::new(wire.to_vec(), wire.len());
    let mut connection = (implementation.connect)(Rc::clone(&socket), Sample { is_text: false, payload: Vec::new() });
    let (result, seen) = socket.watch(|| {
        assert!(socket.wake());
        connection.on_readable(true)
    });
    match (result, seen.output.as_slice()) {
        (_, [0x88, 2..126, high, low, ..]) => u16::from_be_bytes([*high, *low]).to_string(),
        (Err(_), _) => "error".to_owned(),
        (Ok(()), _) => "-".to_owned(),
    }
}

/// A row per fault, a column per implementation.
///
/// # Panics
/// This crate does not answer with the right code.
pub fn rows() -> Vec<Vec<String>> {
    let row = |(fault, wire): (&str, Vec<u8>)| {
        let cells = ALL.iter().map(|implementation| answer(implementation, &wire));
        let row: Vec<String> = [fault.to_owned()].into_iter().chain(cells).collect();
        let code = match fault {
            _ if fault.contains("UTF-8") || fault.contains("code point") => "1007",
            _ if fault.contains("16 MiB") => "1009",
            _ => "1002",
        };
        assert_eq!(row[1], code, "the answer of this crate to {fault}");
        row
    };
    faults().into_iter().map(row).collect()
}
