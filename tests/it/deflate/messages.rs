//! Messages between two ends that compress.

use super::compressing;
use statesocket::{Event, Message, Role};
use std::time::Instant;

#[test]
fn messages_come_as_they_were_sent_and_refer_to_earlier_ones() {
    let mut client = compressing(Role::Client, "permessage-deflate; client_max_window_bits=12", |_| {});
    let mut server = compressing(Role::Server, "permessage-deflate; client_max_window_bits=12", |_| {});
    let text = "{\"room\": \"a\", \"text\": \"Hello, everybody in this room\", \"number\": 7}";
    let mut lens = Vec::new();
    for (from, to) in [(0, 1), (1, 0), (0, 1), (1, 0)] {
        let ends = [&mut client, &mut server];
        ends[from].send_text(text).unwrap();
        let mut bytes = ends[from].output().to_vec();
        ends[from].advance(bytes.len());
        lens.push(bytes.len());
        let mut input = &mut bytes[..];
        let Some(Event::Message(message)) = ends[to].receive(&mut input, Instant::now()) else { panic!() };
        assert_eq!(message, Message::from(text));
    }
    assert!(lens[1] < text.len() && lens[3] < 10, "{lens:?}");
}

/// Section 7.2.3.1: the message "Hello", compressed, and 7.2.3.2: again, with a reference to the first.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let mut client = compressing(Role::Client, "permessage-deflate", |_| {});
    for bytes in [&b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00"[..], b"\xC1\x05\xF2\x00\x11\x00\x00"] {
        let mut bytes = bytes.to_vec();
        let Some(Event::Message(message)) = client.receive(&mut &mut bytes[..], Instant::now()) else { panic!() };
        assert_eq!(message, Message::from("Hello"));
    }
}
