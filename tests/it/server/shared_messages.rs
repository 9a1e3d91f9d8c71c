//! One message to many connections, without a server.

use crate::support::{Fragments, ROLES, Raw, established, feed, sent};
use statesocket::{
    Agreed, Config, Connection, Event, Message, Role, SendError, SharedMessage, SharedMessages, bytes::Bytes,
};
use std::{io::IoSlice, sync::Arc, time::Instant};

/// Long enough not to be copied.
const LONG: usize = 100_000;

fn server() -> Connection {
    established(Role::Server, Config::default())
}

#[test]
fn a_long_message_is_shared_by_all_servers_that_queue_it() {
    let message = SharedMessage::binary(&vec![7; LONG]);
    let mut connections = [(); 3].map(|()| server());
    for connection in &mut connections {
        connection.send_shared(&message).expect("the connection is open");
    }
    let places = connections.each_ref().map(|connection| connection.output().as_ptr());
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    assert_eq!(connections[0].output()[10..].as_ptr(), message.payload().as_ptr());
    for connection in &mut connections {
        assert_eq!(sent(connection), [Raw::new(Raw::BINARY, vec![7; LONG])]);
    }
}

#[test]
fn a_payload_that_is_handed_over_is_copied_only_if_it_is_short() {
    for len in [0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, LONG] {
        let (bytes, text) = (Bytes::from(vec![7; len]), "x".repeat(len));
        let (address, copy) = (text.as_ptr(), text.clone());
        let messages = [SharedMessage::from(bytes.clone()), SharedMessage::from(text)];
        assert!(messages == [SharedMessage::binary(&bytes), SharedMessage::text(&copy)], "{len} bytes");
        for (message, address) in messages.iter().zip([bytes.as_ptr(), address]) {
            assert_eq!(message.payload().as_ptr() == address, len >= 16_384, "{len} bytes");
        }
        let all: SharedMessages = messages.iter().collect();
        for role in ROLES {
            let mut connection = established(role, Config::default());
            for message in &messages {
                connection.send_shared(message).expect("the connection is open");
            }
            connection.send_shared_all(&all).expect("the connection is open");
            let mut wire = Vec::new();
            connection.write_to(&mut wire).expect("memory takes everything");
            let events = feed(&mut established(role.peer(), Config::default()), &wire);
            let sent = [Message::from(&bytes[..]), Message::from(copy.as_str())].map(Event::Message);
            assert!(events == [&sent[..], &sent].concat(), "{len} bytes, {role:?}");
        }
    }
}

#[test]
fn a_payload_that_is_handed_over_is_one_for_all_servers() {
    let bytes = Bytes::from(vec![7; LONG]);
    let message = SharedMessage::from(bytes.clone());
    let mut connections = [(); 3].map(|()| server());
    for connection in &mut connections {
        connection.send_shared(&message).expect("the connection is open");
        connection.send_text("behind").expect("the connection is open");
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(connection.output_slices(&mut slices), 3);
        assert_eq!((slices[0].len(), slices[1].as_ptr()), (10, bytes.as_ptr()));
    }
}

#[test]
fn a_long_message_keeps_its_place_among_others() {
    let (short, long) = (SharedMessage::text("short"), SharedMessage::text(&"x".repeat(LONG)));
    let mut connection = server();
    connection.send_text("before").expect("the connection is open");
    connection.send_shared(&long).expect("the connection is open");
    connection.send_shared(&short).expect("the connection is open");
    connection.send_shared(&long).expect("the connection is open");
    connection.close(1000, "").expect("the connection is open");
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(connection.output_slices(&mut slices), 5);
    assert_eq!(slices[1].as_ptr(), slices[3].as_ptr());
    let wire: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
    assert_eq!(wire.len(), connection.output_len());
    let long = Raw::new(Raw::TEXT, "x".repeat(LONG));
    let frames =
        [Raw::new(Raw::TEXT, "before"), long.clone(), Raw::new(Raw::TEXT, "short"), long, Raw::close(1000, "")];
    assert_eq!(wire, frames.each_ref().map(Raw::bytes).concat());
}

#[test]
fn a_client_masks_a_copy_of_its_own() {
    let message = SharedMessage::binary(&vec![7; LONG]);
    let wires = [1, 2].map(|seed| {
        let agreed = Agreed::new().seed([seed; 32]);
        let mut client = Connection::established(Role::Client, agreed, Arc::new(Config::default()), Instant::now());
        client.send_shared(&message).expect("the connection is open");
        let wire = client.output().to_vec();
        assert_eq!(sent(&mut client), [Raw::new(Raw::BINARY, vec![7; LONG])]);
        wire
    });
    assert!(wires[0] != wires[1], "every client has its own masking keys");
    assert_eq!(message.payload(), vec![7; LONG]);
}

#[test]
fn a_refused_shared_message_changes_nothing() {
    let message = SharedMessage::text(&"x".repeat(LONG));
    for role in ROLES {
        let mut config = Config::default();
        config.max_output_bytes = LONG;
        let mut full = established(role, config);
        full.send_text("").expect("the connection is open");
        let waits = full.output_len();
        assert_eq!(full.send_shared(&message), Err(SendError::OutputFull { queued: waits, limit: LONG }));
        let mut in_between = established(role, Config::default());
        in_between.send_text_fragment("begun", false).expect("the connection is open");
        let queued = in_between.output_len();
        assert_eq!(in_between.send_shared(&message), Err(SendError::MessageInProgress));
        assert_eq!((full.output_len(), in_between.output_len()), (waits, queued));
        let mut closed = established(role, Config::default());
        closed.close(1000, "").expect("the connection is open");
        assert!(matches!(closed.send_shared(&message), Err(SendError::Transition(_))));
    }
}

#[test]
fn a_shared_message_is_made_of_any_message() {
    for message in [Message::Text("κόσμε".into()), Message::Binary((&b"\0\xFF"[..]).into())] {
        let shared = SharedMessage::from(&message);
        assert_eq!(shared.payload(), message.as_bytes());
        assert_eq!(shared.is_text(), message.as_text().is_some());
    }
}
