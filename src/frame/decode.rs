//! Bytes to headers.

use super::{Header, MAX_CONTROL_PAYLOAD, MAX_HEADER, OpCode};
use crate::error::ProtocolError;
use tungstenite::protocol::Role;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASK: u8 = 0x80;
const LEN: u8 = 0x7F;

/// Section 5.2: "the most significant bit MUST be 0".
const MAX_LEN: u64 = i64::MAX as u64;

/// Reads the header at the front of `bytes`, received by a party of role `local`.
///
/// `Ok(None)` if it is not whole yet. Every rule is checked as soon as the byte that can break it is there, in the
/// order of the bytes, so that the same header breaks the same rule in whatever pieces it comes.
pub(crate) fn decode(bytes: &[u8], local: Role) -> Result<Option<(Header, usize)>, ProtocolError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first & RESERVED != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    let opcode = OpCode::from_bits(first & OPCODE).ok_or(ProtocolError::UnknownOpCode(first & OPCODE))?;
    let is_final = first & FIN != 0;
    if opcode.is_control() && !is_final {
        return Err(ProtocolError::FragmentedControl);
    }

    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let masked = second & MASK != 0;
    match local {
        Role::Server if !masked => return Err(ProtocolError::UnmaskedFrame),
        Role::Client if masked => return Err(ProtocolError::MaskedFrame),
        Role::Server | Role::Client => {}
    }
    let short_len = second & LEN;
    if opcode.is_control() && usize::from(short_len) > MAX_CONTROL_PAYLOAD {
        return Err(ProtocolError::ControlTooLong);
    }

    let (len, after_len) = match short_len {
        126 => {
            let Some(&extended) = bytes[2..].first_chunk() else { return Ok(None) };
            let len = u64::from(u16::from_be_bytes(extended));
            if len < 126 {
                return Err(ProtocolError::LengthNotMinimal);
            }
            (len, 4)
        }
        127 => {
            let Some(&extended) = bytes[2..].first_chunk() else { return Ok(None) };
            let len = u64::from_be_bytes(extended);
            if len > MAX_LEN {
                return Err(ProtocolError::LengthOverflow);
            }
            if len <= u64::from(u16::MAX) {
                return Err(ProtocolError::LengthNotMinimal);
            }
            (len, 10)
        }
        short => (u64::from(short), 2),
    };

    if !masked {
        return Ok(Some((Header { is_final, opcode, len, key: [0; 4] }, after_len)));
    }
    let Some(&key) = bytes[after_len..].first_chunk() else { return Ok(None) };
    Ok(Some((Header { is_final, opcode, len, key }, after_len + key.len())))
}

/// What [`decode`] says of the header at the front of `bytes`, only sooner, if it is that of a whole message, is all there and
/// breaks no rule. `None` says nothing.
#[inline(always)]
pub(crate) fn decode_short(bytes: &[u8], local: Role) -> Option<(Header, usize)> {
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
    Some((Header { is_final: true, opcode, len, key }, used))
}

/// The beginning of a header whose end is still to come.
#[derive(Clone, Debug)]
pub(crate) struct PartialHeader {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl PartialHeader {
    pub(crate) const EMPTY: Self = Self { bytes: [0; MAX_HEADER], len: 0 };

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a header off the front of `input`, or all of `input` if the header is still not whole.
    pub(crate) fn decode(&mut self, input: &mut &mut [u8], local: Role) -> Result<Option<Header>, ProtocolError> {
        if self.len == 0
            && let Some((header, used)) = decode(input, local)?
        {
            skip(input, used);
            return Ok(Some(header));
        }
        let held = usize::from(self.len);
        let taken = input.len().min(MAX_HEADER - held);
        self.bytes[held..held + taken].copy_from_slice(&input[..taken]);
        match decode(&self.bytes[..held + taken], local)? {
            Some((header, used)) => {
                skip(input, used - held);
                self.len = 0;
                Ok(Some(header))
            }
            None => {
                skip(input, taken);
                self.len += taken as u8;
                Ok(None)
            }
        }
    }
}

fn skip(input: &mut &mut [u8], n: usize) {
    *input = &mut std::mem::take(input)[n..];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tungstenite::protocol::frame::FrameHeader;

    /// Where both decoders take a header they read the same; where tungstenite's takes more, one of our rules says why.
    #[test]
    fn agrees_with_tungstenite_on_every_first_two_bytes() {
        for first_two in 0..=u16::MAX {
            for tail in [[0u8; 12], [0x12; 12], [0xFF; 12]] {
                let mut bytes = first_two.to_be_bytes().to_vec();
                bytes.extend(tail);
                for local in [Role::Server, Role::Client] {
                    let theirs = FrameHeader::parse(&mut Cursor::new(&bytes));
                    match decode(&bytes, local) {
                        Ok(Some((header, used))) => {
                            let (their_header, their_len) = theirs.unwrap().unwrap();
                            assert_eq!(header.is_final, their_header.is_final);
                            assert_eq!(header.opcode.bits(), u8::from(their_header.opcode));
                            assert_eq!(header.len, their_len);
                            assert_eq!(their_header.mask.unwrap_or_default(), header.key);
                            assert_eq!(used, their_header.len(their_len));
                        }
                        Ok(None) => panic!("14 bytes hold any header"),
                        Err(ProtocolError::UnknownOpCode(_)) => assert!(theirs.is_err()),
                        Err(_) => {}
                    }
                }
            }
        }
    }

    #[test]
    fn the_short_way_reads_what_it_is_for_as_the_long_one() {
        for first_two in 0..=u16::MAX {
            for tail in [[0; 12], [0x12; 12], [0xFF; 12]] {
                let bytes = [&first_two.to_be_bytes()[..], &tail].concat();
                for (len, local) in (0..=14).flat_map(|len| [(len, Role::Server), (len, Role::Client)]) {
                    let bytes = &bytes[..len];
                    let expected = decode(bytes, local).ok().flatten().filter(|(header, _)| {
                        matches!(header.opcode, OpCode::Text | OpCode::Binary) && header.is_final
                    });
                    assert_eq!(decode_short(bytes, local), expected, "{bytes:x?} to a {local:?}");
                }
            }
        }
    }

    #[test]
    fn a_header_in_pieces_reads_as_the_whole() {
        let whole = [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 0xAA];
        let (expected, used) = decode(&whole, Role::Server).unwrap().unwrap();
        for split in 0..used {
            let mut partial = PartialHeader::EMPTY;
            let (mut first, mut second) = (whole[..split].to_vec(), whole[split..].to_vec());
            assert_eq!(partial.decode(&mut first.as_mut_slice(), Role::Server), Ok(None));
            let mut rest = second.as_mut_slice();
            assert_eq!(partial.decode(&mut rest, Role::Server), Ok(Some(expected)));
            assert_eq!(rest, [0xAA]);
        }
    }
}
