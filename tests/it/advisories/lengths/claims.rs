//! Headers that claim more than the peer ever sends, over sockets: no memory is reserved for the claim.

use crate::support::{
    Raw,
    loopback::{Neighbours, Served, Witness, beside_an_echo},
    process::FaultServer,
};
use statesocket::{Cause, Config, ProtocolError};

/// The header of a frame with `first` as its first byte, up to and including eight bytes of length.
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
fn a_control_frame_of_16_mib_is_closed_with_1002_at_once() {
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
fn no_memory_is_reserved_for_a_claimed_length() {
    let server = FaultServer::start(&[]);
    let neighbours = Neighbours::start(&server.url());
    let mut claimants: Vec<_> = (0..100).map(|_| server.open()).collect();
    for client in &mut claimants {
        // The longest frame that is allowed, and only its first bytes.
        client.write(&[&claim(0x82, 16 << 20)[..], &[0; 4 + 10]].concat());
    }
    neighbours.end();
    drop(claimants);
    let report = server.stop();
    assert!(report.peak() < 1 << 20, "for a claim of 1.6 GiB: {report:?}");
}

#[test]
fn a_huge_claimed_length_is_closed_with_1009_or_1002() {
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
