//! Text is valid UTF-8 from its first byte to its last: RFC 6455 sections 5.6 and 8.1.

use super::{binary_message, fragment, text_message};
use crate::support::{ROLES, Raw, assert_fails, established, feed, peer_sends};
use statesocket::{Config, Event, ProtocolError};

/// Texts with an invalid byte that no later byte can repair.
const BAD_TEXTS: [&[u8]; 14] = [
    b"\x80",
    b"abc\xFF",
    b"abc\xC0\x80",
    b"\xC1",
    b"\xE0\x80\x80",
    b"\xED\xA0\x80",
    b"\xED\xBF\xBF",
    b"\xF0\x80\x80\x80",
    b"\xF4\x90\x80\x80",
    b"\xF5",
    b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80edited",
    b"\xE2\x82a",
    b"\xF0\x9F\x98\xC3",
    b"\xF8\x88\x80\x80\x80",
];

/// The number of bytes up to and including the first invalid one.
fn bad_at(bytes: &[u8]) -> usize {
    (1..=bytes.len())
        .find(|&n| std::str::from_utf8(&bytes[..n]).is_err_and(|error| error.error_len().is_some()))
        .expect("the text is invalid")
}

#[test]
fn f16_text_fails_at_its_first_invalid_byte() {
    for role in ROLES {
        for bad in BAD_TEXTS {
            let at = bad_at(bad);
            // The frame would be longer, and more fragments would follow; the failure does not wait for them.
            let frame = Raw::new(Raw::TEXT, [bad, &[b'.'; 40]].concat()).more().for_endpoint(role);
            let last = frame.len() - 40 - bad.len() + at - 1;
            let mut connection = established(role, Config::default());
            for byte in &frame[..last] {
                assert_eq!(feed(&mut connection, &[*byte]), [], "{bad:x?} to a {role:?}");
            }
            let case = format!("{bad:x?} byte by byte to a {role:?}");
            assert_fails(&mut connection, &frame[last..=last], ProtocolError::InvalidText, &case);

            let mut connection = established(role, Config::default());
            let case = format!("{bad:x?} at once to a {role:?}");
            assert_fails(&mut connection, &frame, ProtocolError::InvalidText, &case);

            let mut connection = established(role, Config::default());
            let whole = Raw::new(Raw::TEXT, bad).for_endpoint(role);
            assert_fails(&mut connection, &whole, ProtocolError::InvalidText, &case);
        }
    }
}

#[test]
fn f16_text_fails_in_the_fragment_with_the_invalid_byte() {
    for role in ROLES {
        for bad in BAD_TEXTS {
            let at = bad_at(bad);
            for split in 0..at {
                let case = format!("{bad:x?} split at {split} to a {role:?}");
                let mut connection = established(role, Config::default());
                let first = [Raw::new(Raw::TEXT, &bad[..split]).more(), Raw::new(Raw::PONG, "")];
                assert_eq!(peer_sends(&mut connection, first), [Event::Pong(b"".into())], "{case}");
                let second = fragment(&bad[split..]).more().for_endpoint(role);
                assert_fails(&mut connection, &second, ProtocolError::InvalidText, &case);
            }
        }
    }
}

#[test]
fn f16_text_that_ends_inside_a_code_point_fails() {
    for role in ROLES {
        for cut in ["\u{e9}".as_bytes(), "\u{20ac}".as_bytes(), "\u{1f600}".as_bytes()] {
            for len in 1..cut.len() {
                let case = format!("{:x?} to a {role:?}", &cut[..len]);
                let whole = Raw::new(Raw::TEXT, [b"ab", &cut[..len]].concat());
                let ended_by_nothing = [whole.clone().more(), fragment("")];
                for frames in [vec![whole], ended_by_nothing.to_vec()] {
                    let mut connection = established(role, Config::default());
                    let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
                    assert_fails(&mut connection, &bytes, ProtocolError::InvalidText, &case);
                }
            }
        }
    }
}

#[test]
fn f16_a_code_point_may_span_fragments_and_reads() {
    let whole = "\u{e9}\u{20ac}\u{1f600}\u{10ffff}\u{7ff}z";
    for role in ROLES {
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                let bytes = whole.as_bytes();
                let frames = [
                    Raw::new(Raw::TEXT, &bytes[..first]).more(),
                    Raw::new(Raw::PING, ""),
                    fragment(&bytes[first..second]).more(),
                    fragment(&bytes[second..]),
                ];
                let case = format!("split at {first} and {second} to a {role:?}");
                let mut connection = established(role, Config::default());
                let expected = [Event::Ping(b"".into()), text_message(whole)];
                assert_eq!(peer_sends(&mut connection, frames.clone()), expected, "{case}");

                let mut connection = established(role, Config::default());
                let wire: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
                let events: Vec<_> = wire.iter().flat_map(|byte| feed(&mut connection, &[*byte])).collect();
                assert_eq!(events, expected, "{case}, byte by byte");
            }
        }
    }
}

#[test]
fn f16_binary_messages_need_not_be_utf8() {
    for role in ROLES {
        for bytes in BAD_TEXTS {
            let mut connection = established(role, Config::default());
            assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::BINARY, bytes)]), [binary_message(bytes)]);
        }
    }
}
