//! The example `room_server`.

use crate::support::{Raw, loopback::RawClient, process::Process, request_head};
use std::net::SocketAddr;

struct RoomServer {
    process: Process,
    address: SocketAddr,
}

impl RoomServer {
    fn start(threads: usize) -> Self {
        let process = Process::start("room_server", &["127.0.0.1:0", "--threads", &threads.to_string()]);
        let first = process.stdout.next().expect("the first line is the address");
        let address = first.strip_prefix("listening on ws://").and_then(|rest| rest.split('/').next());
        Self { address: address.and_then(|text| text.parse().ok()).expect("an address"), process }
    }

    fn open(&self, target: &str) -> RawClient {
        RawClient::open(self.address, target)
    }
}

/// The next message that is no tick.
#[track_caller]
fn told(client: &mut RawClient) -> String {
    loop {
        let frame = client.frame();
        let text = String::from_utf8_lossy(&frame.payload).into_owned();
        assert_eq!(frame, Raw::new(Raw::TEXT, &text));
        if !text.starts_with("tick ") {
            return text;
        }
    }
}

/// Answers the next Close, which has this code.
#[track_caller]
fn closed(client: &mut RawClient, code: u16) {
    let close = loop {
        let frame = client.frame();
        if !frame.payload.starts_with(b"tick ") {
            break frame;
        }
    };
    assert_eq!(&close.payload[..2], code.to_be_bytes());
    client.send(close);
}

#[test]
fn a_room_server_tells_its_members_who_comes_speaks_and_goes() {
    for threads in [1, 3] {
        tells_its_members(&RoomServer::start(threads));
    }
}

fn tells_its_members(server: &RoomServer) {
    let mut anna = server.open("/ws/red?token=secret&name=anna");
    assert_eq!(told(&mut anna), r#"{"joined":"anna","members":1}"#);
    let mut ben = server.open("/ws/red?token=secret&name=ben");
    let mut carl = server.open("/ws/blue?token=secret&name=carl");
    for member in [&mut anna, &mut ben] {
        assert_eq!(told(member), r#"{"joined":"ben","members":2}"#);
    }
    assert_eq!(told(&mut carl), r#"{"joined":"carl","members":1}"#);

    ben.send(Raw::new(Raw::TEXT, "Hello \"all\""));
    for member in [&mut anna, &mut ben] {
        assert_eq!(told(member), r#"{"from":"ben","text":"Hello \"all\""}"#);
    }
    ben.send(Raw::new(Raw::TEXT, "/close 1005x"));
    assert_eq!(told(&mut ben), r#"{"error":"invalid digit found in string"}"#);
    ben.send(Raw::new(Raw::TEXT, "/close 4001 bye"));
    closed(&mut ben, 4001);
    assert_eq!(told(&mut anna), r#"{"code":4001,"left":"ben","members":1}"#);
    carl.send(Raw::new(Raw::BINARY, "no text"));
    closed(&mut carl, 1003);
}

#[test]
fn a_room_server_checks_the_token_and_chooses_a_subprotocol() {
    let server = RoomServer::start(1);
    for (target, status) in [("/ws/red", 401), ("/ws/red?token=guess", 403), ("/ws", 404)] {
        let mut client = RawClient::dial(server.address);
        client.write(&request_head(target, &[]));
        assert!(client.rest_as_text().starts_with(&format!("HTTP/1.1 {status} ")), "{target}");
    }
    let mut client = RawClient::dial(server.address);
    client.write(&request_head("/ws/red?token=secret", &[("Sec-WebSocket-Protocol", "chat.v1, chat.v2")]));
    assert!(client.head().to_lowercase().contains("\r\nsec-websocket-protocol: chat.v2\r\n"));
}

#[cfg(unix)]
#[test]
fn a_room_server_ticks_and_stops_gracefully() {
    let server = RoomServer::start(1);
    let mut client = server.open("/ws/red?token=secret");
    while !client.frame().payload.starts_with(b"tick ") {}
    server.process.signal("TERM");
    closed(&mut client, 1001);
    drop(client);
    assert_eq!(server.process.wait().0, Some(0));
}
