//! Headers that claim more than the peer ever sends, over sockets: nothing is reserved for the claim.

use crate::support::{
    Raw,
    loopback::{Neighbours, Served, Witness, beside_an_echo},
    process::FaultServer,
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
        let mut client = served.open();
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
        let mut client = served.open();
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
fn a_huge_claimed_length() {
    beside_an_echo(|served| {
        for length in [16 << 20 | 1, u64::from(u32::MAX), i64::MAX as u64] {
            let header = [&[0x82, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat();
            let mut client = served.open();
            client.write(&header);
            client.assert_closed(1009);
        }
        let overflow = [&[0x82, 0xFF][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
        let mut client = served.open();
        client.write(&overflow);
        client.assert_closed(1002);
    });
}
