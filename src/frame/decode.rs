//! Bytes to headers.

use super::{FIN, Header, MAX_CONTROL_PAYLOAD, MAX_HEADER, MAX_LEN, OpCode};
use crate::{error::ProtocolError, role::Role};

/// The reserved bits, in the first byte of a header.
const RESERVED: u8 = 0x70;

/// The opcode, in the first byte of a header.
const OPCODE: u8 = 0x0F;

/// The MASK bit, in the second byte of a header.
const MASK: u8 = 0x80;

/// The payload length, or its form, in the second byte of a header.
const LEN: u8 = 0x7F;

/// Reads the header at the front of `bytes`, which an endpoint of role `local` has received. Returns it and its length;
/// `Ok(None)` if it is not complete. `defined` has the reserved bits that an extension defines for the first frame of a
/// message.
///
/// Checks every rule at the first byte that can break it, in the order of the bytes. So a header breaks the same rule
/// however its bytes are cut.
pub(crate) fn decode(bytes: &[u8], local: Role, defined: u8) -> Result<Option<(Header, usize)>, ProtocolError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let reserved = first & RESERVED;
    if reserved != 0 && (reserved & !defined != 0 || !begins_message(first)) {
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
        return Ok(Some((Header { is_final, reserved, opcode, len, key: [0; 4] }, after_len)));
    }
    let Some(&key) = bytes[after_len..].first_chunk() else { return Ok(None) };
    Ok(Some((Header { is_final, reserved, opcode, len, key }, after_len + key.len())))
}

/// Whether a frame with this first byte begins a message.
const fn begins_message(first: u8) -> bool {
    matches!(OpCode::from_bits(first & OPCODE), Some(OpCode::Text | OpCode::Binary))
}

/// The first bytes of a header that is not complete.
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

    /// Takes a header off the front of `input`, or all of `input` if the header is not complete. `DEFINED` has the
    /// reserved bits that an extension defines.
    pub(crate) fn decode<const DEFINED: u8>(
        &mut self,
        input: &mut &mut [u8],
        local: Role,
    ) -> Result<Option<Header>, ProtocolError> {
        if self.len == 0
            && let Some((header, used)) = decode(input, local, DEFINED)?
        {
            skip(input, used);
            return Ok(Some(header));
        }
        let held = usize::from(self.len);
        let taken = input.len().min(MAX_HEADER - held);
        self.bytes[held..held + taken].copy_from_slice(&input[..taken]);
        match decode(&self.bytes[..held + taken], local, DEFINED)? {
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

/// Takes `n` bytes off the front of `input`, which has at least as many.
fn skip(input: &mut &mut [u8], n: usize) {
    input.split_off_mut(..n).expect("a header is read from bytes that are there");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tungstenite::protocol::frame::FrameHeader;

    /// Headers that both decoders accept read the same. A header that only tungstenite accepts breaks one of our rules.
    #[test]
    fn agrees_with_tungstenite_on_every_first_two_bytes() {
        for first_two in 0..=u16::MAX {
            for tail in [[0u8; 12], [0x12; 12], [0xFF; 12]] {
                let mut bytes = first_two.to_be_bytes().to_vec();
                bytes.extend(tail);
                for local in [Role::Server, Role::Client] {
                    let theirs = FrameHeader::parse(&mut Cursor::new(&bytes));
                    match decode(&bytes, local, 0) {
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

    /// RFC 7692 section 6: an extension defines a bit for the first frame of a message, and for no other frame.
    #[test]
    fn a_defined_bit_is_read_on_the_first_frame_of_a_message_only() {
        for (first, defined) in (0..=u8::MAX).flat_map(|first| (0..8).map(move |bits| (first, bits << 4))) {
            let (reserved, plain) = (first & RESERVED, first & !RESERVED);
            let (read, of_plain) = [first, plain].map(|first| decode(&[first, 0], Role::Client, defined)).into();
            let may_be_set = reserved & !defined == 0 && matches!(plain & OPCODE, 0x1 | 0x2);
            match read {
                Err(ProtocolError::ReservedBits) => assert!(reserved != 0 && !may_be_set, "{first:#x}, {defined:#x}"),
                Ok(Some((header, _))) => {
                    assert_eq!(header.reserved, reserved);
                    assert_eq!(of_plain, Ok(Some((Header { reserved: 0, ..header }, 2))));
                }
                read => assert_eq!(read, of_plain, "{first:#x}, {defined:#x}"),
            }
        }
    }

    #[test]
    fn a_reserved_bit_is_refused_at_the_first_byte() {
        for first in [0xC9, 0xC0, 0x48, 0xA1, 0xD1, 0xC3] {
            assert_eq!(decode(&[first], Role::Server, 0x40), Err(ProtocolError::ReservedBits), "{first:#x}");
        }
    }

    #[test]
    fn a_header_in_pieces_reads_as_the_whole() {
        let whole = [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 0xAA];
        let (expected, used) = decode(&whole, Role::Server, 0).unwrap().unwrap();
        for split in 0..used {
            let mut partial = PartialHeader::EMPTY;
            let (mut first, mut second) = (whole[..split].to_vec(), whole[split..].to_vec());
            assert_eq!(partial.decode::<0>(&mut first.as_mut_slice(), Role::Server), Ok(None));
            let mut rest = second.as_mut_slice();
            assert_eq!(partial.decode::<0>(&mut rest, Role::Server), Ok(Some(expected)));
            assert_eq!(rest, [0xAA]);
        }
    }
}
