//! What a connection holds for others.

use crate::support::{ROLES, Raw, config, drain, established, feed, handshake::server, request_head, response_head};
use statesocket::{Config, Connection, Message, Role, SharedMessage, SharedMessages, handshake::Connect};
use std::{sync::Arc, time::Instant};

/// A frame as the peer of `role` sends it.
fn of_peer(role: Role, frame: Raw) -> Vec<u8> {
    if role == Role::Server { frame.masked().bytes() } else { frame.bytes() }
}

#[test]
fn a11_an_idle_connection_holds_nothing() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        assert_eq!(connection.buffered_bytes(), 0);
        for frame in [Raw::new(Raw::TEXT, "whole"), Raw::new(Raw::PING, ""), Raw::new(Raw::BINARY, vec![7; 100_000])] {
            feed(&mut connection, &of_peer(role, frame));
            drain(&mut connection);
            assert_eq!(connection.buffered_bytes(), 0);
        }
        connection.close(1000, "").expect("it is open");
        drain(&mut connection);
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

#[test]
fn a11_an_unfinished_message_counts_until_it_ends() {
    for role in ROLES {
        for opcode in [Raw::TEXT, Raw::BINARY] {
            let mut connection = established(role, Config::default());
            feed(&mut connection, &of_peer(role, Raw::new(opcode, vec![b'x'; 10_000]).more()));
            let held = connection.buffered_bytes();
            assert!((10_000..=40_000).contains(&held), "{held}");
            feed(&mut connection, &of_peer(role, Raw::new(Raw::PING, "")));
            drain(&mut connection);
            assert_eq!(connection.buffered_bytes(), held, "a control frame in between changes nothing");
            assert_eq!(feed(&mut connection, &of_peer(role, Raw::new(Raw::CONTINUATION, "end"))).len(), 1);
            assert_eq!(connection.buffered_bytes(), 0);

            feed(&mut connection, &of_peer(role, Raw::new(opcode, vec![b'x'; 10_000]).more()));
            connection.abort();
            assert_eq!(connection.buffered_bytes(), 0, "nothing is held after the end");
        }
    }
}

#[test]
fn a11_queued_output_counts_until_it_is_written() {
    let shared = SharedMessage::binary(&[7; 10_000]);
    let both: SharedMessages = [&shared, &shared].into_iter().collect();
    let sends: [&dyn Fn(&mut Connection); 4] = [
        &|connection| connection.send_binary(&[7; 10_000]).expect("there is room"),
        &|connection| connection.send(Message::from(vec![7; 10_000])).expect("there is room"),
        &|connection| connection.send_shared(&shared).expect("there is room"),
        &|connection| connection.send_shared_all(&both).expect("there is room"),
    ];
    for role in ROLES {
        let mut connection = established(role, Config::default());
        for send in sends {
            let before = connection.buffered_bytes();
            send(&mut connection);
            assert!(connection.buffered_bytes() >= before + 10_000, "{role:?}");
        }
        let queued = connection.output_len();
        assert!((queued..2 * queued).contains(&connection.buffered_bytes()));
        while connection.output_len() > 0 {
            assert!(connection.buffered_bytes() >= connection.output_len(), "what is written leaves");
            connection.advance(connection.output_len().min(999));
        }
        assert_eq!(connection.buffered_bytes(), 0);
        sends[0](&mut connection);
        connection.transport_failed();
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

#[test]
fn a11_heads_and_what_follows_them_count() {
    let head = request_head("/", &[("X", &"y".repeat(5_000))]);
    let mut half = server(Config::default());
    feed(&mut half, &head[..5_000]);
    assert!((5_000..=10_000).contains(&half.buffered_bytes()));

    let mut early = server(config(|config| config.max_output_bytes = 1 << 20));
    feed(&mut early, &head);
    assert_eq!(early.buffered_bytes(), 0, "a request that waits is bounded by the limits of a head");
    let frames = Raw::new(Raw::BINARY, vec![7; 10_000]).masked().bytes();
    feed(&mut early, &frames);
    assert!((10_000..=20_100).contains(&early.buffered_bytes()));
    early.accept(Default::default()).expect("the request waits");
    drain(&mut early);
    assert!(early.buffered_bytes() >= 10_000, "the frames are handed out later");
    assert!(early.poll_event().is_some() && early.poll_event().is_none());
    assert_eq!(early.buffered_bytes(), 0);

    let connect = Connect::new("ws://server.example.com/").expect("it is valid");
    let mut client = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
    drain(&mut client);
    let answer = response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "9000")]);
    feed(&mut client, &[answer, vec![b'x'; 5_000]].concat());
    assert!(client.buffered_bytes() >= 5_000);
    feed(&mut client, &[b'x'; 4_000]);
    assert_eq!(client.buffered_bytes(), 0);
}
