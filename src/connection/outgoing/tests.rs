//! Frames as they are queued.

use super::*;

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
fn fragments_of_one_kind_follow_each_other_until_the_last() {
    let mut outgoing = server();
    for (is_last, opcode) in [(false, OpCode::Text), (false, OpCode::Continuation), (true, OpCode::Continuation)] {
        assert_eq!(outgoing.fragment_opcode(Kind::Text), Some(opcode));
        outgoing.fragment(Kind::Text, opcode, b"x", is_last);
        assert_eq!(outgoing.is_mid_message(), !is_last);
        assert_eq!(outgoing.fragment_opcode(Kind::Binary), is_last.then_some(OpCode::Binary));
    }
    assert_eq!(outgoing.as_slice(), b"\x01\x01x\x00\x01x\x80\x01x");
}

#[test]
fn a_frame_fits_up_to_the_limit_and_not_beyond() {
    let mut outgoing = server();
    outgoing.extend(&[0; 10]);
    let needed = 10 + max_encoded_len(100);
    assert_eq!(outgoing.check_room(100, needed), Ok(()));
    assert_eq!(outgoing.check_room(100, needed - 1), Err(10));
    assert_eq!(outgoing.check_room(usize::MAX, usize::MAX), Ok(()), "the sum saturates");
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
