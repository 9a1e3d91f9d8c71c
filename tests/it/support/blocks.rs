//! Streams of DEFLATE (RFC 1951), written block by block.

/// The payload of a compressed message in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    /// The bits in use of the last byte; 0 if all are.
    bits: usize,
}

/// A part of the text of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Text(&'a [u8]),
    /// `len` bytes, 3 to 258, from `distance` bytes before, 1 to 32,768.
    Copy {
        len: usize,
        distance: usize,
    },
}

impl Blocks {
    /// Adds a block that is not compressed.
    pub(crate) fn stored(mut self, is_final: bool, text: &[u8]) -> Self {
        self.put(u32::from(is_final), 3);
        self.bits = 0;
        let len = u16::try_from(text.len()).expect("a stored block has at most 65,535 bytes");
        self.bytes.extend([len.to_le_bytes(), (!len).to_le_bytes()].concat());
        self.bytes.extend(text);
        self
    }

    /// Adds a block with the fixed code.
    pub(crate) fn fixed(mut self, is_final: bool, parts: &[Part<'_>]) -> Self {
        self.put(u32::from(is_final) | 0b010, 3);
        for part in parts {
            match *part {
                Part::Text(text) => text.iter().for_each(|byte| self.symbol(u32::from(*byte))),
                Part::Copy { len, distance } => self.copy(len as u32, distance as u32),
            }
        }
        self.symbol(256);
        if is_final {
            // RFC 7692 section 7.2.3.4: "padding bits" up to a byte.
            self.bits = 0;
        }
        self
    }

    /// The payload of a message: an empty stored block behind the others, without its last four bytes.
    pub(crate) fn message(mut self) -> Vec<u8> {
        self.put(0, 3);
        self.bytes
    }

    /// The blocks themselves. The rest of the last byte is zero.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    fn copy(&mut self, len: u32, distance: u32) {
        match len {
            3..=10 => self.symbol(254 + len),
            258 => self.symbol(285),
            _ => {
                let extra = (len - 3).ilog2() - 2;
                self.symbol(257 + 4 * (extra + 1) + ((len - 3) >> extra) - 4);
                self.put((len - 3) & ((1 << extra) - 1), extra);
            }
        }
        let before = distance - 1;
        if before < 4 {
            return self.code(before, 5);
        }
        let extra = before.ilog2() - 1;
        self.code(2 * (extra + 1) + ((before >> extra) & 1), 5);
        self.put(before & ((1 << extra) - 1), extra);
    }

    /// RFC 1951 section 3.2.6.
    fn symbol(&mut self, symbol: u32) {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xC0 + symbol - 280, 8),
        }
    }

    /// Section 3.1.1: a code is packed from its most significant bit.
    fn code(&mut self, code: u32, len: u32) {
        (0..len).rev().for_each(|at| self.put(code >> at & 1, 1));
    }

    /// The least significant bit first.
    fn put(&mut self, value: u32, len: u32) {
        for at in 0..len {
            if self.bits == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("one was pushed") |= ((value >> at & 1) as u8) << self.bits;
            self.bits = (self.bits + 1) % 8;
        }
    }
}
