//! One received frame: RFC 6455 sections 5.1, 5.2, 5.3, 5.5 and 5.7.

use crate::support::{ROLES, Raw, assert_fails, config, established, feed, peer_sends, pending};
use statesocket::{Cause, Config, Event, Phase, ProtocolError, Role};

const OPCODES: [u8; 6] = [Raw::CONTINUATION, Raw::TEXT, Raw::BINARY, Raw::CLOSE, Raw::PING, Raw::PONG];

/// The violation in the first two bytes of a frame, whatever follows.
fn verdict(first: u8, second: u8, local: Role) -> Option<ProtocolError> {
    let (opcode, is_final) = (first & 0x0F, first & 0x80 != 0);
    let (is_masked, len) = (second & 0x80 != 0, second & 0x7F);
    let is_control = opcode >= 8;
    if first & 0x70 != 0 {
        Some(ProtocolError::ReservedBits)
    } else if matches!(opcode, 0x3..=0x7 | 0xB..=0xF) {
        Some(ProtocolError::UnknownOpCode(opcode))
    } else if is_control && !is_final {
        Some(ProtocolError::FragmentedControl)
    } else if local == Role::Server && !is_masked {
        Some(ProtocolError::UnmaskedFrame)
    } else if local == Role::Client && is_masked {
        Some(ProtocolError::MaskedFrame)
    } else if is_control && len > 125 {
        Some(ProtocolError::ControlTooLong)
    } else {
        None
    }
}

/// The rest of a frame that begins with `first` and `second`: its length in the shortest form, a key of zeros, and a
/// payload that its opcode allows.
fn rest_of_frame(first: u8, second: u8) -> (Vec<u8>, Vec<u8>) {
    let (mut rest, len) = match second & 0x7F {
        126 => (126u16.to_be_bytes().to_vec(), 126),
        127 => (65_536u64.to_be_bytes().to_vec(), 65_536),
        short => (Vec::new(), usize::from(short)),
    };
    let mut payload = vec![b'a'; len];
    if first & 0x0F == Raw::CLOSE && len >= 2 {
        payload[..2].copy_from_slice(&1000u16.to_be_bytes());
    }
    rest.extend([0; 4].iter().take(if second & 0x80 == 0 { 0 } else { 4 }));
    rest.extend(&payload);
    (rest, payload)
}

#[test]
fn f5_f6_f12_every_first_two_bytes() {
    for first_two in 0..=u16::MAX {
        let [first, second] = first_two.to_be_bytes();
        for role in ROLES {
            let case = format!("{first:#04x} {second:#04x} to a {role:?}");
            let mut connection = established(role, Config::default());
            if let Some(error) = verdict(first, second, role) {
                assert_fails(&mut connection, &[first, second], error, &case);
                continue;
            }
            let (rest, payload) = rest_of_frame(first, second);
            match (first & 0x0F, payload.len()) {
                (Raw::CONTINUATION, _) => {
                    let bytes = [&[first, second], rest.as_slice()].concat();
                    assert_fails(&mut connection, &bytes, ProtocolError::UnexpectedContinuation, &case);
                    continue;
                }
                (Raw::CLOSE, 1) => {
                    let bytes = [&[first, second], rest.as_slice()].concat();
                    assert_fails(&mut connection, &bytes, ProtocolError::CloseBodyTooShort, &case);
                    continue;
                }
                _ => {}
            }
            let mut events = feed(&mut connection, &[first, second]);
            events.extend(feed(&mut connection, &rest));
            let expected = match first {
                0x81 => vec![Event::Message(String::from_utf8(payload).unwrap().into())],
                0x82 => vec![Event::Message(payload.into())],
                0x89 => vec![Event::Ping(payload.into())],
                0x8A => vec![Event::Pong(payload.into())],
                0x88 => {
                    assert!(matches!(events.as_slice(), [Event::Disconnect(_)]), "{case}: {events:?}");
                    continue;
                }
                _ => vec![],
            };
            assert_eq!(events, expected, "{case}");
            assert_eq!(connection.phase(), Phase::Open, "{case}");
        }
    }
}

#[test]
fn f2_f4_a_server_needs_the_mask_bit_and_a_client_refuses_it() {
    for opcode in OPCODES {
        for payload in ["", "payload"] {
            let frame = Raw::new(opcode, payload);
            let case = format!("opcode {opcode:#x} with {payload:?}");
            let mut server = established(Role::Server, Config::default());
            assert_fails(&mut server, &frame.bytes(), ProtocolError::UnmaskedFrame, &case);
            let mut client = established(Role::Client, Config::default());
            assert_fails(&mut client, &frame.masked().bytes(), ProtocolError::MaskedFrame, &case);
        }
    }
}

#[test]
fn f4_a_key_of_zeros_is_still_a_mask() {
    let mut client = established(Role::Client, Config::default());
    assert_fails(&mut client, b"\x81\x82\0\0\0\0hi", ProtocolError::MaskedFrame, "a mask that changes nothing");
}

#[test]
fn f6_an_unknown_opcode_fails_a_fragmented_message() {
    for role in ROLES {
        for opcode in [0x3, 0x7, 0xB, 0xF] {
            let mut connection = established(role, Config::default());
            assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "be").more()]), []);
            let case = format!("opcode {opcode:#x} to a {role:?}");
            assert_fails(&mut connection, &[0x80 | opcode], ProtocolError::UnknownOpCode(opcode), &case);
        }
    }
}

const LENGTHS: [u64; 12] = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX];

/// The header of a frame for an endpoint of role `local`, with `len` in 0, 2 or 8 further bytes, if it fits.
fn header(first: u8, len: u64, form: usize, local: Role) -> Option<Vec<u8>> {
    let mask_bit = u8::from(local == Role::Server) << 7;
    let mut bytes = vec![first];
    match form {
        0 => bytes.push(mask_bit | u8::try_from(len).ok().filter(|len| *len <= 125)?),
        2 => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(len).ok()?.to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    if local == Role::Server {
        bytes.extend([0; 4]);
    }
    Some(bytes)
}

fn length_error(len: u64, form: usize) -> Option<ProtocolError> {
    match form {
        2 if len < 126 => Some(ProtocolError::LengthNotMinimal),
        8 if len >> 63 == 1 => Some(ProtocolError::LengthOverflow),
        8 if len <= 0xFFFF => Some(ProtocolError::LengthNotMinimal),
        _ => None,
    }
}

#[test]
fn f7_f8_every_length_in_every_form() {
    let limit = Config::default().max_frame_bytes;
    let unlimited = config(|config| {
        config.max_frame_bytes = u64::MAX;
        config.max_message_bytes = u64::MAX;
    });
    for role in ROLES {
        for len in LENGTHS {
            for form in [0, 2, 8] {
                let Some(bytes) = header(0x82, len, form, role) else { continue };
                let case = format!("length {len} in {form} bytes to a {role:?}");
                let mut connection = established(role, unlimited.clone());
                if let Some(error) = length_error(len, form) {
                    assert_fails(&mut connection, &bytes, error, &case);
                    continue;
                }
                let events = feed(&mut connection, &bytes);
                assert_eq!(events.len(), usize::from(len == 0), "{case}: {events:?}");
                assert_eq!((connection.phase(), connection.output()), (Phase::Open, &[][..]), "{case}");

                let mut connection = established(role, Config::default());
                if len > limit {
                    let error = ProtocolError::FrameTooLarge { size: len, limit };
                    assert_fails(&mut connection, &bytes, error, &case);
                }
            }
        }
    }
}

#[test]
fn f7_f8_a_bad_length_fails_at_its_last_byte() {
    for role in ROLES {
        for (len, form) in [(125, 2), (0, 2), (0, 8), (65_535, 8), (1 << 63, 8), (u64::MAX, 8)] {
            let bytes = header(0x81, len, form, role).expect("the length fits");
            let last = 2 + form - 1;
            let mut connection = established(role, Config::default());
            for byte in &bytes[..last] {
                assert_eq!(feed(&mut connection, &[*byte]), []);
            }
            let error = length_error(len, form).expect("a bad length");
            assert_fails(&mut connection, &bytes[last..=last], error, &format!("length {len} in {form} bytes"));
        }
    }
}

#[test]
fn f7_a_frame_that_never_ends_takes_no_memory_and_no_work() {
    let unlimited = config(|config| {
        config.max_frame_bytes = u64::MAX;
        config.max_message_bytes = u64::MAX;
    });
    for role in ROLES {
        let mut connection = established(role, unlimited.clone());
        let bytes = header(0x82, (1 << 63) - 1, 8, role).expect("eight bytes hold it");
        assert_eq!(feed(&mut connection, &bytes), []);
        assert_eq!(feed(&mut connection, &[0; 1000]), []);
        connection.receive_eof();
        let events = pending(&mut connection);
        let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(disconnect.cause, Cause::TransportLost(None));
    }
}

#[test]
fn f9_the_mask_is_xor_with_the_key_which_the_length_excludes() {
    for key in [[0; 4], [0xFF; 4], [1, 2, 3, 4], [0x37, 0xFA, 0x21, 0x3D]] {
        for len in (0..=70).chain([125, 126, 127, 255, 256, 1000]) {
            let payload: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let frame = Raw { key: Some(key), ..Raw::new(Raw::BINARY, &payload) };
            let bytes = frame.bytes();
            for split in (0..bytes.len()).step_by(1 + len / 30) {
                let mut server = established(Role::Server, Config::default());
                let mut events = feed(&mut server, &bytes[..split]);
                events.extend(feed(&mut server, &bytes[split..]));
                let expected = [Event::Message(payload.clone().into())];
                assert_eq!(events, expected, "key {key:?}, length {len}, split at {split}");
            }
        }
    }
}

#[test]
fn f12_control_frames_have_up_to_125_bytes_and_one_fragment() {
    for role in ROLES {
        for opcode in [Raw::CLOSE, Raw::PING, Raw::PONG] {
            let mut body = vec![b'a'; 125];
            body[..2].copy_from_slice(&1000u16.to_be_bytes());
            let mut connection = established(role, Config::default());
            let events = peer_sends(&mut connection, [Raw::new(opcode, &body)]);
            assert_eq!(events.len(), 1, "opcode {opcode:#x} of 125 bytes to a {role:?}: {events:?}");

            for form in [2, 8] {
                for len in [0, 125, 126, 65_536] {
                    let Some(bytes) = header(0x80 | opcode, len, form, role) else { continue };
                    let mut connection = established(role, Config::default());
                    let case = format!("opcode {opcode:#x}, length {len} in {form} bytes, to a {role:?}");
                    assert_fails(&mut connection, &bytes, ProtocolError::ControlTooLong, &case);
                }
            }
            for payload in ["", "payload"] {
                let bytes = Raw::new(opcode, payload).more().for_endpoint(role);
                let mut connection = established(role, Config::default());
                let case = format!("fragmented opcode {opcode:#x} to a {role:?}");
                assert_fails(&mut connection, &bytes, ProtocolError::FragmentedControl, &case);
            }
        }
    }
}

#[test]
fn f23_the_examples_of_section_5_7_are_received() {
    let bytes_256: Vec<u8> = (0..=255).collect();
    let bytes_64k = vec![0x5A; 65_536];
    let hello = || Event::Message("Hello".into());
    for (name, role, wire, expected) in [
        ("a text frame", Role::Client, b"\x81\x05\x48\x65\x6c\x6c\x6f".to_vec(), hello()),
        ("a masked text frame", Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(), hello()),
        ("a fragmented text", Role::Client, b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f".to_vec(), hello()),
        ("a ping", Role::Client, b"\x89\x05\x48\x65\x6c\x6c\x6f".to_vec(), Event::Ping(b"Hello".into())),
        (
            "a masked pong",
            Role::Server,
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(),
            Event::Pong(b"Hello".into()),
        ),
        (
            "256 bytes",
            Role::Client,
            [b"\x82\x7e\x01\x00", bytes_256.as_slice()].concat(),
            Event::Message(bytes_256.clone().into()),
        ),
        (
            "64 KiB",
            Role::Client,
            [b"\x82\x7f\0\0\0\0\0\x01\0\0", bytes_64k.as_slice()].concat(),
            Event::Message(bytes_64k.clone().into()),
        ),
    ] {
        let mut connection = established(role, Config::default());
        assert_eq!(feed(&mut connection, &wire), [expected], "{name}");
    }
}
