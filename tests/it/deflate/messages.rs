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

#[test]
fn the_history_is_not_shown() {
    let mut server = compressing(Role::Server, "permessage-deflate", |_| {});
    server.send_text(&"the secret ".repeat(10)).unwrap();
    server.advance(server.output_len());
    let secret = format!("{:?}", b"secret");
    assert!(!format!("{:?}", server.internals()).contains(secret.trim_matches(['[', ']'])));
}
