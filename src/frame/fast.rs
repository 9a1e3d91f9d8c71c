//! The fast paths of the codec, for the frames that most traffic consists of: whole, unfragmented messages.
//!
//! Contract: a `Some` holds the result of the general path, [`decode`](super::decode::decode) or
//! [`encode`](super::encode::encode). `None` means "take the general path"; it says nothing else about the input, and
//! has changed nothing. The callers are `message::reader` (`read_whole`) and `output::queue` (`try_message`).
//!
//! The fast paths are short because they leave out the rare cases. The decoder accepts no control frame, no fragment
//! and no partial header, and it has no error to choose. The encoder knows no masks and no payloads over 65,535 bytes,
//! and asks its caller for memory once. Both are inlined into the loop of the caller.
//!
//! The tests below compare both paths: the decoders for every value of the first two bytes and every cut, the encoders
//! for every form of length. The properties in `tests/it/proof` compare them again through the public API.

use super::{FIN, Header, MAX_LEN, OpCode, mask};
use crate::role::Role;

/// Fast path of [`decode`](super::decode::decode): the header at the front of `bytes`, if it is complete and valid and
/// begins an unfragmented text or binary message.
#[inline(always)]
pub(crate) fn decode(bytes: &[u8], local: Role) -> Option<(Header, usize)> {
    let &[first, second, ..] = bytes else { return None };
    let opcode = match first ^ FIN {
        0x1 => OpCode::Text,
        0x2 => OpCode::Binary,
        _ => return None,
    };
    let is_masked = local == Role::Server;
    let (len, after_len) = match second ^ u8::from(is_masked) << 7 {
        len @ 0..126 => (u64::from(len), 2),
        126 => match u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?) {
            ..126 => return None,
            len => (u64::from(len), 4),
        },
        127 => match u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) {
            len @ 0x1_0000..=MAX_LEN => (len, 10),
            _ => return None,
        },
        _ => return None,
    };
    let (key, used) =
        if is_masked { (*bytes.get(after_len..)?.first_chunk()?, after_len + 4) } else { ([0; 4], after_len) };
    Some((Header { is_final: true, reserved: 0, opcode, len, key }, used))
}

/// Fast path of [`encode`](super::encode::encode) for a server's whole message of up to 65,535 bytes. Asks `room` once
/// for the memory of the whole frame and writes it there. Returns the length of the frame.
#[inline(always)]
pub(crate) fn encode<'r>(
    opcode: OpCode,
    payload: &[u8],
    room: impl FnOnce(usize) -> Option<&'r mut [u8]>,
) -> Option<usize> {
    let first = FIN | opcode.bits();
    match payload.len() {
        len @ 0..=125 => write(room, [first, len as u8], payload),
        len @ 126..=0xFFFF => {
            let [high, low] = (len as u16).to_be_bytes();
            write(room, [first, 126, high, low], payload)
        }
        _ => None,
    }
}

#[inline(always)]
fn write<'r, const LEN: usize>(
    room: impl FnOnce(usize) -> Option<&'r mut [u8]>,
    header: [u8; LEN],
    payload: &[u8],
) -> Option<usize> {
    let len = LEN + payload.len();
    let (front, body) = room(len)?.split_first_chunk_mut()?;
    *front = header;
    copy(body, payload);
    Some(len)
}

/// `copy_from_slice`. Copies the 16 to 32 bytes of a small message as two vectors that may overlap, without a call.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    if let (16..=32, Some(first), Some(last)) = (from.len(), from.first_chunk::<16>(), from.last_chunk::<16>())
        && to.len() == from.len()
    {
        to[..16].copy_from_slice(first);
        to[from.len() - 16..].copy_from_slice(last);
    } else {
        mask::copy_plain(to, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    #[test]
    fn the_decoders_agree_on_every_first_two_bytes_and_every_cut() {
        for first_two in 0..=u16::MAX {
            for tail in [[0; 12], [0x12; 12], [0xFF; 12]] {
                let bytes = [&first_two.to_be_bytes()[..], &tail].concat();
                for (len, local) in (0..=14).flat_map(|len| [(len, Role::Server), (len, Role::Client)]) {
                    let bytes = &bytes[..len];
                    let expected = frame::decode::decode(bytes, local, 0).ok().flatten().filter(|(header, _)| {
                        matches!(header.opcode, OpCode::Text | OpCode::Binary) && header.is_final
                    });
                    assert_eq!(decode(bytes, local), expected, "{bytes:x?} to a {local:?}");
                }
            }
        }
    }

    #[test]
    fn the_encoders_agree_on_every_form_of_length() {
        for len in (0..=300).chain([4095, 4096, 4097, 0xFFFE, 0xFFFF, 0x1_0000, 0x1_0001]) {
            for opcode in [OpCode::Text, OpCode::Binary] {
                let payload: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
                let mut expected = Vec::new();
                frame::encode::encode(&mut expected, true, opcode, &payload, None);
                let mut memory = vec![0xEE; expected.len()];
                let fast = encode(opcode, &payload, |len| memory.get_mut(..len));
                assert_eq!(fast, (len <= 0xFFFF).then_some(expected.len()), "a payload of {len} bytes");
                assert!(fast.is_none() || memory == expected, "a payload of {len} bytes");
            }
        }
    }

    #[test]
    fn the_encoder_writes_nothing_where_there_is_no_room() {
        assert_eq!(encode(OpCode::Text, &[7; 100], |_| None), None);
    }
}
