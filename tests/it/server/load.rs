//! Many messages and many connections at once, in large pieces and small, as the buffers of the system cut them.

use crate::support::{
    Raw,
    loopback::{LONG, RawClient, Served, allowed_connections},
    request_head,
};
use statesocket::Config;
use std::{io::Write, thread};

#[test]
fn ten_thousand_messages_in_one_write_are_echoed() {
    let served = Served::echo(Config::default());
    let mut client = served.open();
    let messages = (0..10_000_u32).map(|n| Raw::new(Raw::TEXT, n.to_string()));
    let bytes: Vec<u8> = messages.clone().flat_map(|message| message.masked().bytes()).collect();
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).expect("the server reads"));
        for message in messages {
            assert_eq!(client.frame(), message);
        }
    });
}

#[test]
fn ten_thousand_messages_behind_the_request_are_echoed() {
    let served = Served::echo(Config::default());
    let mut client = RawClient::dial(served.address);
    let message = Raw::new(Raw::TEXT, "Hello");
    let bytes = [request_head("/ws", &[]), message.clone().masked().bytes().repeat(10_000)].concat();
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).expect("the server reads"));
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        for _ in 0..10_000 {
            assert_eq!(client.frame(), message);
        }
    });
}

#[test]
fn a_message_that_arrives_byte_by_byte_is_echoed() {
    let served = Served::echo(Config::default());
    let mut client = RawClient::dial(served.address);
    let message = Raw::new(Raw::TEXT, "κόσμε".repeat(20));
    let bytes = [request_head("/ws", &[]), message.clone().masked().bytes()].concat();
    for byte in bytes {
        client.write(&[byte]);
    }
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.frame(), message);
}

#[test]
fn a_thousand_connections_are_echoed() {
    let served = Served::echo(Config::default());
    let count = allowed_connections(1000);
    let mut clients: Vec<_> = (0..count).map(|_| served.open()).collect();
    for round in 0..3 {
        for (i, client) in clients.iter_mut().enumerate() {
            client.send(Raw::new(Raw::TEXT, format!("{round} of {i}")));
        }
        for (i, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.frame(), Raw::new(Raw::TEXT, format!("{round} of {i}")));
        }
    }
    served.handle.shutdown(1001, LONG).expect("the server is running");
    for client in &mut clients {
        assert_eq!(client.frame(), Raw::close(1001, ""));
    }
}
