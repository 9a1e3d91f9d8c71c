//! Headers that claim more than anybody will send.

use crate::support::{
    Raw,
    loopback::{Neighbours, RawClient, Served, Witness},
    process::FaultServer,
    request_head,
};
use statesocket::{Cause, Config, ProtocolError};

/// The header of a frame with `first` as its first byte, up to and with eight bytes of length.
fn claim(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0xFF][..], &length.to_be_bytes()].concat()
}

#[test]
fn an_impossible_length_is_closed_with_1002_at_once() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let neighbours = Neighbours::start(&served.url("/ws"));
    for length in [1 << 63, 1 << 63 | 1, u64::MAX] {
        let mut client = RawClient::open(served.address, "/ws");
        client.write(&claim(0x82, length));
        assert_eq!(client.frame(), Raw::close(1002, &ProtocolError::LengthOverflow.to_string()), "{length:#x}");
        assert_eq!(calls.end_after_all().disconnect.cause, Cause::Protocol(ProtocolError::LengthOverflow));
    }
    neighbours.end();
}

#[test]
fn a_control_frame_that_claims_16_mib_is_closed_with_1002_at_once() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let neighbours = Neighbours::start(&served.url("/ws"));
    for opcode in [Raw::CLOSE, Raw::PING, Raw::PONG] {
        let mut client = RawClient::open(served.address, "/ws");
        client.write(&claim(0x80 | opcode, 16 << 20));
        assert_eq!(client.frame(), Raw::close(1002, &ProtocolError::ControlTooLong.to_string()));
        assert_eq!(calls.end_after_all().disconnect.cause, Cause::Protocol(ProtocolError::ControlTooLong));
    }
    neighbours.end();
}

#[test]
fn nothing_is_reserved_for_what_is_only_claimed() {
    let server = FaultServer::start(&[]);
    let neighbours = Neighbours::start(&server.url());
    let mut claimants: Vec<_> = (0..100).map(|_| server.open()).collect();
    for client in &mut claimants {
        // All that a frame may have, and only the first bytes of it.
        client.write(&[&claim(0x82, 16 << 20)[..], &[0; 4 + 10]].concat());
    }
    neighbours.end();
    drop(claimants);
    let report = server.stop();
    assert!(report.peak() < 1 << 20, "for 1.6 GiB that are claimed: {report:?}");
}

#[test]
fn a_head_of_10_000_lines_is_answered_with_431() {
    let served = Served::echo(Config::default());
    let neighbours = Neighbours::start(&served.url("/ws"));
    let head = request_head("/ws", &[]);
    let lines = "a:\r\n".repeat(10_000);
    let mut client = RawClient::dial(served.address);
    client.write(&[&head[..head.len() - 2], lines.as_bytes(), b"\r\n"].concat());
    let answer = client.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("more than 100 headers"), "{answer}");
    neighbours.end();
    assert_eq!(served.stop().ended["handshake failed"], 1);
}
