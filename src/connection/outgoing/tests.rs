//! Frames as they are queued.

use super::*;
use crate::{frame::encode::max_encoded_len, message::Message};
use std::io;

const MARKS: Marks = Marks { low: 20, high: 50, limit: 200 };

fn server() -> Outgoing {
    Outgoing::new(None)
}

fn client() -> Outgoing {
    Outgoing::new(Some(Random::from_seed([7; 32])))
}

#[test]
fn only_a_client_masks_and_each_frame_with_its_own_key() {
    let mut outgoing = server();
    outgoing.frame(true, OpCode::Text, b"same");
    outgoing.frame(true, OpCode::Text, b"same");
    assert_eq!(outgoing.as_slice(), b"\x81\x04same\x81\x04same");

    let mut outgoing = client();
    outgoing.frame(true, OpCode::Text, b"same");
    outgoing.frame(true, OpCode::Text, b"same");
    let (first, second) = outgoing.as_slice().split_at(10);
    for frame in [first, second] {
        let [0x81, 0x84, key @ .., a, b, c, d] = *<&[u8; 10]>::try_from(frame).expect("the frame has 10 bytes") else {
            panic!("the frame is not masked: {frame:x?}")
        };
        assert_eq!([a ^ key[0], b ^ key[1], c ^ key[2], d ^ key[3]], *b"same");
    }
    assert_ne!(first[2..6], second[2..6]);
}

#[test]
fn fragments_follow_each_other_until_the_last() {
    let mut outgoing = server();
    for is_last in [false, false, true] {
        outgoing.fragment(Kind::Text, b"x", is_last);
        assert_eq!(outgoing.fragmented(), (!is_last).then_some(Kind::Text));
        assert_eq!(outgoing.is_mid_message(), !is_last);
    }
    assert_eq!(outgoing.as_slice(), b"\x01\x01x\x00\x01x\x80\x01x");
}

#[test]
fn a_frame_fits_up_to_the_limit_or_alone() {
    let mut outgoing = server();
    assert_eq!(outgoing.check_room(1000, || MARKS), Ok(()), "nothing else is queued");
    assert_eq!(outgoing.check_room(usize::MAX, || MARKS), Ok(()), "the sum saturates");
    outgoing.extend(&[0; 10]);
    let most = MARKS.limit - 10 - max_encoded_len(0);
    for len in [0, 1, most] {
        assert_eq!(outgoing.check_room(len, || MARKS), Ok(()), "{len} bytes");
    }
    for len in [most + 1, usize::MAX] {
        assert_eq!(outgoing.check_room(len, || MARKS), Err(Full { queued: 10, limit: 200 }), "{len} bytes");
    }
}

#[test]
fn a_level_is_noticed_whatever_raises_it_and_stays_until_the_low_mark() {
    let raise: [fn(&mut Outgoing); 3] = [
        |outgoing| {
            outgoing.check_room(60, || MARKS).expect("it fits");
            outgoing.message(Kind::Binary, &[0; 60]);
        },
        |outgoing| {
            outgoing.pong(&[0; 60]);
        },
        |outgoing| {
            for _ in 0..6 {
                outgoing.check_room(8, || MARKS).expect("it fits");
                outgoing.fragment(Kind::Binary, &[0; 8], false);
            }
        },
    ];
    for (i, raise) in raise.into_iter().enumerate() {
        let mut outgoing = server();
        raise(&mut outgoing);
        assert!(outgoing.has_edge() && !outgoing.is_settled(), "way {i}");
        outgoing.settle(MARKS);
        assert_eq!((outgoing.level(), outgoing.is_settled()), (Level::High, false), "way {i}");
        outgoing.advance(outgoing.len() - 21, || MARKS);
        assert_eq!((outgoing.level(), outgoing.is_settled()), (Level::High, false), "way {i}");
        outgoing.advance(1, || MARKS);
        assert_eq!((outgoing.level(), outgoing.is_settled()), (Level::Low, true), "way {i}");
    }
}

#[test]
fn a_high_level_counts_even_if_nobody_has_looked_before_the_write() {
    let mut outgoing = server();
    outgoing.check_room(60, || MARKS).expect("it fits");
    outgoing.message(Kind::Binary, &[0; 60]);
    outgoing.advance(20, || MARKS);
    assert_eq!((outgoing.level(), outgoing.len()), (Level::High, 42));
    outgoing.clear();
    assert_eq!((outgoing.level(), outgoing.level_now(MARKS)), (Level::Low, Level::Low));
}

/// Takes at most `limit` bytes per write.
struct Short {
    taken: Vec<u8>,
    limit: usize,
}

impl io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.limit - self.taken.len());
        self.taken.extend(&bytes[..len]);
        Ok(len)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.write(slice)).sum()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_message_cut_short_at_any_byte_leaves_the_rest_in_the_queue() {
    let expected = b"queued\x82\x05hello";
    for limit in 0..=expected.len() {
        for message in [Message::from(&b"hello"[..]), Message::from(b"hello".to_vec())] {
            let mut outgoing = server();
            outgoing.extend(b"queued");
            let mut writer = Short { taken: Vec::new(), limit };
            assert_eq!(outgoing.write_message(message, &mut writer), limit);
            assert_eq!([&writer.taken, outgoing.as_slice()].concat(), expected, "after {limit} bytes");
            assert_eq!(outgoing.len(), expected.len() - limit);
        }
    }
}
