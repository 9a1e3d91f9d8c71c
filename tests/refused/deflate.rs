//! Compressed messages that find no memory.

use super::{
    MIB, ROLES, alone, assert_out_of_memory, assert_works, config, end_in, header, with_exact_room, with_room,
};
use statesocket::{
    Agreed, Config, Connection, Deflate, Delivery, Event, Message, Role, SharedMessage,
    handshake::{Extension, deflate},
    http::header::SEC_WEBSOCKET_EXTENSIONS,
};
use std::{sync::Arc, time::Instant};

fn open(role: Role, config: &Arc<Config>) -> Connection {
    let parsed = |value: &str| {
        let headers = [(SEC_WEBSOCKET_EXTENSIONS, value.parse().expect("a header"))];
        Extension::all(&headers.into_iter().collect(), 100).expect("a right header")
    };
    let plain = parsed("permessage-deflate");
    let agreed = deflate::agree(&plain, &plain).expect("a right answer").expect("an answer");
    Connection::established(role, Agreed::new().deflate(agreed).seed([7; 32]), Arc::clone(config), Instant::now())
}

/// A frame for `role` that inflates to `len` zeros.
fn zeros(role: Role, len: usize) -> Vec<u8> {
    let mut sender = open(role.peer(), &config(|_| ()));
    sender.send_binary(&vec![0; len]).expect("there is room");
    drain(&mut sender)
}

fn drain(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.output_len() > 0 {
        let len = connection.output().len();
        bytes.extend(connection.output());
        connection.advance(len);
    }
    bytes
}

/// Neither an engine nor the text finds memory. The peer has decided on both.
#[test]
fn a13_a_compressed_message_without_memory_ends_its_connection_alone() {
    alone(|| {
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            let config = config(|config| config.delivery = delivery);
            for role in ROLES {
                // An engine has 47,552 bytes, and its results 64 KiB.
                for (len, room) in [(1_000, 20_000), (1_000, 90_000), (64 * MIB, 8 * MIB)] {
                    if delivery == Delivery::Chunks && len > MIB {
                        continue;
                    }
                    let mut frame = zeros(role, len);
                    let mut connection = open(role, &config);
                    let case = format!("{len} bytes to a {role:?}, {delivery:?}, {room}");
                    let end = with_exact_room(room, || end_in(&mut connection, &mut frame));
                    assert_out_of_memory(&end.expect(&case), &case);
                    with_room(8 * MIB, || assert_works(role, &config));
                }
            }
        }
    });
}

/// A message that finds no memory to be compressed leaves as it is, and the next one is right.
#[test]
fn a13_what_finds_no_memory_for_a_compressor_leaves_plain() {
    alone(|| {
        let config = config(|_| ());
        let text = "a line that is repeated; ".repeat(40);
        let shared = SharedMessage::text(&text);
        for role in ROLES {
            let [mut from, mut to] = [role, role.peer()].map(|role| open(role, &config));
            let send = |from: &mut Connection, way: usize| match way {
                0 => from.send_text(&text),
                1 => from.send_shared(&shared.clone().uncompressed()),
                _ => from.send(text.clone()),
            };
            for (way, room) in [(0, 150_000), (2, 150_000), (0, 8 * MIB), (1, 150_000), (2, 8 * MIB), (0, 8 * MIB)] {
                with_exact_room(room, || send(&mut from, way).expect("there is room"));
                let mut bytes = drain(&mut from);
                let is_compressed = bytes[0] == 0xC1;
                assert_eq!(is_compressed, way != 1 && room > MIB, "{role:?}, {way}, {room}");
                let event = to.receive(&mut &mut bytes[..], Instant::now());
                assert_eq!(event, Some(Event::Message(Message::from(text.as_str()))));
            }
        }
    });
}

/// Its first fragment says that a message is compressed, so the others have to be, with or without memory.
#[test]
fn a13_fragments_without_memory_are_stored_blocks() {
    alone(|| {
        let deflate = Deflate::default().with(|deflate| deflate.fragments = true);
        let config = config(|config| config.deflate = Some(deflate));
        let text = "a line that is repeated; ".repeat(400);
        for role in ROLES {
            for rooms in [[150_000, 150_000], [150_000, 8 * MIB], [8 * MIB, 8 * MIB]] {
                let [mut from, mut to] = [role, role.peer()].map(|role| open(role, &config));
                with_exact_room(rooms[0], || from.begin_text(&text).expect("there is room"));
                with_exact_room(rooms[1], || from.continue_text(&text, true).expect("there is room"));
                let mut bytes = drain(&mut from);
                assert_eq!(bytes[0], 0x41, "the first frame is compressed");
                let event = to.receive(&mut &mut bytes[..], Instant::now());
                assert_eq!(event, Some(Event::Message(Message::from(text.repeat(2)))));
            }
        }
    });
}

/// What is held of a message that never ends is bounded by what is there, too.
#[test]
fn a13_compressed_bytes_that_wait_without_memory_end_the_connection() {
    alone(|| {
        let config = config(|_| ());
        for role in ROLES {
            let mut connection = open(role, &config);
            let mut head = header(role, 0xC2, 1 << 20);
            assert_eq!(end_in(&mut connection, &mut head), None);
            let mut piece = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(10_000);
            let end = with_exact_room(30_000, || end_in(&mut connection, &mut piece));
            assert_out_of_memory(&end.expect("no room for an engine"), "empty blocks");
        }
    });
}
