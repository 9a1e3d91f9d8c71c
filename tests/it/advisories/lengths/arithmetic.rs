//! Arithmetic with the length of a frame.

use crate::support::{ROLES, Raw, disconnect_in, established, feed, peer_sends};
use statesocket::{Cause, Config, Connection, Event, ProtocolError, Role};

/// Lengths at which an integer type or a form of the length overflows.
const LENGTHS: [u64; 16] = [
    0,
    125,
    126,
    127,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 125,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX,
];

/// The header of a binary frame for `role`, with `length` in 0, 2 or 8 further bytes; `None` if it does not fit.
fn header(role: Role, first: u8, length: u64, form: usize) -> Option<Vec<u8>> {
    let mask_bit = if role == Role::Server { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match form {
        0 => bytes.push(mask_bit | u8::try_from(length).ok().filter(|short| *short < 126)?),
        2 => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(length).ok()?.to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(if mask_bit != 0 { &[0; 4][..] } else { &[] });
    Some(bytes)
}

fn without_limits() -> Config {
    let mut config = Config::default();
    config.max_frame_bytes = u64::MAX;
    config.max_message_bytes = u64::MAX;
    config
}

fn cause_of(events: &[Event<'_>]) -> Cause {
    disconnect_in(events).cause
}

/// The violation in a header with `length` in `form`, apart from limits.
fn violation(length: u64, form: usize) -> Option<ProtocolError> {
    match (form, length) {
        (8, 0x8000_0000_0000_0000..) => Some(ProtocolError::LengthOverflow),
        (8, ..=0xFFFF) | (2, ..=125) => Some(ProtocolError::LengthNotMinimal),
        _ => None,
    }
}

/// Every length in every form, with and without limits: never a panic, never a wrong number.
#[test]
fn tungstenite_33_every_length_in_every_form_is_read() {
    for role in ROLES {
        for (length, form) in LENGTHS.into_iter().flat_map(|length| [0, 2, 8].map(|form| (length, form))) {
            let Some(bytes) = header(role, 0x82, length, form) else { continue };
            for (config, limit) in [(without_limits(), u64::MAX), (Config::default(), 16 << 20)] {
                let mut connection = established(role, config);
                let events = feed(&mut connection, &bytes);
                let case = format!("{role:?}: {length:#x} in {form}: {events:?}");
                match violation(length, form) {
                    Some(error) => assert_eq!(cause_of(&events), Cause::Protocol(error), "{case}"),
                    None if length > limit => {
                        let error = ProtocolError::FrameTooLarge { size: length, limit };
                        assert_eq!(cause_of(&events), Cause::Protocol(error), "{case}");
                    }
                    None if length == 0 => assert!(matches!(events.as_slice(), [Event::Message(_)]), "{case}"),
                    None => assert_eq!(events, [], "{case}"),
                }
            }
        }
    }
}

/// tungstenite panicked for a frame without any limit.
#[test]
fn tungstenite_a_frame_without_a_limit_is_no_panic() {
    for role in ROLES {
        let mut connection = established(role, without_limits());
        let bytes = header(role, 0x82, (1 << 63) - 1, 8).expect("it fits");
        assert_eq!(feed(&mut connection, &bytes), []);
        assert_eq!(feed(&mut connection, &[7; 1000]), [], "the frame is never complete");
    }
}

/// A length that is truncated to 32 bits would make a short frame, and another one of the bytes behind it.
#[test]
fn tungstenite_545_a_length_is_not_truncated() {
    for role in ROLES {
        let mut connection = established(role, without_limits());
        let bytes = header(role, 0x82, 1 << 32 | 2, 8).expect("it fits");
        assert_eq!(feed(&mut connection, &bytes), []);
        let short = Raw::new(Raw::TEXT, "no frame").for_endpoint(role);
        assert_eq!(feed(&mut connection, &short), [], "the bytes are payload");
    }
}

fn assert_overflow(role: Role, lengths: impl IntoIterator<Item = u64>) {
    for length in lengths {
        let mut connection = established(role, without_limits());
        let bytes = header(role, 0x82, length, 8).expect("it fits");
        let error = Cause::Protocol(ProtocolError::LengthOverflow);
        assert_eq!(cause_of(&feed(&mut connection, &bytes[..10])), error, "{length:#x}");
    }
}

/// gorilla/websocket added the lengths of fragments as signed 64-bit integers.
#[test]
fn cve_2020_27813_the_lengths_of_fragments_do_not_overflow() {
    let big = (1 << 63) - 1;
    for role in ROLES {
        for limit in [u64::MAX - 1, i64::MAX as u64] {
            let mut config = without_limits();
            config.max_message_bytes = limit;
            let mut connection = established(role, config);
            assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::BINARY, [0; 3]).more()]), []);
            let next = header(role, 0x00, big, 8).expect("it fits");
            let events = feed(&mut connection, &next);
            if limit > 1 << 63 {
                assert_eq!(events, [], "{limit:#x}: the sum is within the limit");
            } else {
                let error = ProtocolError::MessageTooLarge { size: big + 3, limit };
                assert_eq!(cause_of(&events), Cause::Protocol(error));
            }
        }
    }
}

/// nats-server crashed on a length with its top bit set, before any login.
#[test]
fn cve_2026_27889_a_server_refuses_a_length_with_its_top_bit_set() {
    assert_overflow(Role::Server, (0..63).map(|bit| 1 << 63 | 1 << bit));
}

/// swift-nio crashed on a length with its top bit set, too.
#[test]
fn cve_2026_43678_both_roles_refuse_a_length_with_its_top_bit_set() {
    ROLES.into_iter().for_each(|role| assert_overflow(role, [1 << 63, u64::MAX]));
}

/// undici, a client, threw an exception for a 64-bit length.
#[test]
fn cve_2026_1528_a_client_refuses_a_length_with_its_top_bit_set() {
    assert_overflow(Role::Client, (0..63).map(|bit| 1 << 63 | 1 << bit));
}

/// noPoll read a 16-bit length as a signed integer.
#[test]
fn nopoll_84_a_16_bit_length_is_unsigned() {
    for role in ROLES {
        for length in [0x7FFF, 0x8000, 0xFFFF] {
            let mut connection: Connection = established(role, Config::default());
            let events = peer_sends(&mut connection, [Raw::new(Raw::BINARY, vec![7; length])]);
            let [Event::Message(message)] = events.as_slice() else { panic!("{length:#x}: {events:?}") };
            assert_eq!(message.as_bytes().len(), length);
        }
    }
}
