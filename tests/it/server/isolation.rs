//! What one peer does never touches another.

use crate::support::{
    Raw,
    loopback::{RawClient, Served, Witness},
    request_head,
};
use statesocket::Config;

fn open(served: &Served) -> RawClient {
    RawClient::open(served.address, "/ws")
}

/// Has `misbehave` done by one client while another echoes, from before until after.
fn beside_an_echo(misbehave: impl Fn(&Served)) {
    let served = Served::echo(Config::default());
    let mut neighbour = open(&served);
    let half = Raw::new(Raw::TEXT, "in two halves").masked().bytes();
    for round in 0..3 {
        neighbour.echo(&format!("before {round}"));
        neighbour.write(&half[..10]);
        misbehave(&served);
        neighbour.write(&half[10..]);
        assert_eq!(neighbour.frame(), Raw::new(Raw::TEXT, "in two halves"));
        open(&served).echo("a newcomer");
    }
}

/// Checks that `bytes`, sent on an open connection, are answered with a Close that has `code`, then the end.
fn assert_closes(served: &Served, bytes: &[u8], code: u16) {
    let mut client = open(served);
    client.write(bytes);
    let close = client.frame();
    assert_eq!((close.first, &close.payload[..2]), (0x80 | Raw::CLOSE, &code.to_be_bytes()[..]), "{close:?}");
    assert_eq!(client.rest().expect("the server ends in order"), b"");
}

#[test]
fn a_reset_in_mid_frame() {
    beside_an_echo(|served| {
        let frame = Raw::new(Raw::BINARY, vec![7; 100_000]).masked().bytes();
        open(served).reset_after(&frame[..50_000]);
    });
}

#[test]
fn a_client_that_vanishes() {
    beside_an_echo(|served| {
        drop(RawClient::dial(served.address));
        drop(open(served));
        let mut client = open(served);
        client.write(&Raw::new(Raw::BINARY, vec![7; 100_000]).masked().bytes()[..50_000]);
        drop(client);
    });
}

#[test]
fn garbage_instead_of_a_request() {
    beside_an_echo(|served| {
        // The first is how TLS begins.
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
fn an_endless_head() {
    beside_an_echo(|served| {
        let mut client = RawClient::dial(served.address);
        let head = request_head("/ws", &[("X", &"x".repeat(100_000))]);
        client.write(&head);
        assert!(client.head().starts_with("HTTP/1.1 431 "));
        client.rest().expect("the server ends in order");
    });
}

#[test]
fn garbage_instead_of_frames() {
    beside_an_echo(|served| {
        let garbage: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u8 | 0x70).collect();
        assert_closes(served, &garbage, 1002);
    });
}

#[test]
fn a_protocol_violation() {
    beside_an_echo(|served| {
        assert_closes(served, &Raw::new(Raw::TEXT, "unmasked").bytes(), 1002);
        assert_closes(served, &Raw::new(Raw::TEXT, b"\xFF").masked().bytes(), 1007);
        assert_closes(served, &Raw::new(Raw::CONTINUATION, "").masked().bytes(), 1002);
        assert_closes(served, &Raw::close(1005, "").masked().bytes(), 1002);
    });
}

#[test]
fn a_huge_claimed_length() {
    beside_an_echo(|served| {
        for length in [16 << 20 | 1, u64::from(u32::MAX), i64::MAX as u64] {
            let header = [&[0x82, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat();
            assert_closes(served, &header, 1009);
        }
        let overflow = [&[0x82, 0xFF][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
        assert_closes(served, &overflow, 1002);
    });
}

#[test]
fn a_client_that_talks_before_it_is_answered() {
    let (served, _calls) = Served::witnessed(Config::default(), |peer, request| match request.raw_query() {
        Some("wait") => {}
        _ => Witness::accept(peer, request),
    });
    let mut neighbour = open(&served);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws?wait", &[]));
    neighbour.echo("before");
    let frame = Raw::new(Raw::BINARY, vec![7; 60_000]).masked().bytes();
    client.write(&frame);
    neighbour.echo("between");
    client.write(&frame);
    let answer = client.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    neighbour.echo("after");
}
