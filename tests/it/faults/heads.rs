//! Peers whose request is garbage, or does not end.

use crate::support::{
    loopback::{Neighbours, RawClient, Served, beside_an_echo},
    request_head,
};
use statesocket::{CauseKind, Config};

#[test]
fn garbage_instead_of_a_request_gets_a_400() {
    beside_an_echo(|served| {
        // TLS begins like the first one.
        for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n"[..], b"\0\0\r\n\r\n", b"Hello\r\n\r\n"]
        {
            let mut client = RawClient::dial(served.address);
            client.write(garbage);
            let answer = client.rest_as_text();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
    });
}

#[test]
fn an_endless_head_gets_a_431() {
    beside_an_echo(|served| {
        let mut client = RawClient::dial(served.address);
        let head = request_head("/ws", &[("X", &"x".repeat(100_000))]);
        client.write(&head);
        assert!(client.head().starts_with("HTTP/1.1 431 "));
        client.rest().expect("the server ends the stream cleanly");
    });
}

#[test]
fn a_head_of_10_000_lines_gets_a_431() {
    let served = Served::echo(Config::default());
    let neighbours = Neighbours::start(&served.url("/ws"));
    let head = request_head("/ws", &[]);
    let lines = "a:\r\n".repeat(10_000);
    let mut client = RawClient::dial(served.address);
    client.write(&[&head[..head.len() - 2], lines.as_bytes(), b"\r\n"].concat());
    let answer = client.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("more than 100 headers"), "{answer}");
    neighbours.end();
    assert_eq!(served.stop().ended(CauseKind::Handshake), 1);
}
