//! A second reading of DEFLATE (RFC 1951), which reports the blocks and how far they refer back.

/// A part of a stream, read to the end of its last block.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The plain text, without that before it.
    pub(crate) text: Vec<u8>,
    /// The largest distance.
    pub(crate) farthest: usize,
    /// The blocks: their kind, 0 to 2, and whether each is final.
    pub(crate) blocks: Vec<(u32, bool)>,
}

/// Why a stream cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends within a block.
    Short,
    Corrupt,
}

/// Reads the payload of a message, with the four bytes that its sender has removed. `before` is the text that it may
/// refer to. After a final block the next begins at a byte. A payload may end with a final block, or be empty.
pub(crate) fn walk_message(payload: &[u8], before: &[u8]) -> Result<Walk, Fault> {
    let (walk, result) = walk_as_far_as_it_goes(payload, before, usize::MAX, true);
    result.map(|()| walk)
}

/// The same for the first bytes of a payload, or for all if they are `whole`, with the text before a fault. Behind a
/// final block nothing refers to more than the last `window` bytes.
pub(crate) fn walk_as_far_as_it_goes(
    payload: &[u8],
    before: &[u8],
    window: usize,
    whole: bool,
) -> (Walk, Result<(), Fault>) {
    let tail: &[u8] = if whole { &[0x00, 0x00, 0xFF, 0xFF] } else { &[] };
    let bytes = [payload, tail].concat();
    let mut reader = Bits { bytes: &bytes, at: 0 };
    let mut walk = Walk { text: before.to_vec(), ..Walk::default() };
    let result = read_blocks(&mut reader, 8 * payload.len(), &mut walk, window, whole);
    walk.text.drain(..before.len());
    (walk, result)
}

fn read_blocks(bits: &mut Bits<'_>, end: usize, walk: &mut Walk, window: usize, whole: bool) -> Result<(), Fault> {
    let mut first = 0;
    while bits.at < end {
        let is_final = read_block(bits, walk, first)?;
        if is_final {
            bits.align();
            first = walk.text.len().saturating_sub(window);
        }
        if is_final && bits.at > end {
            return Err(Fault::Corrupt);
        }
    }
    // A block of the payload may end with the tail. If none does, the tail is none.
    let has_end = end == 0 || walk.blocks.last().is_some_and(|(_, is_final)| *is_final);
    if whole && !has_end && bits.at < 8 * bits.bytes.len() {
        return Err(Fault::Corrupt);
    }
    Ok(())
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, n: usize) -> Result<u32, Fault> {
        let bytes = self.bytes.get(self.at / 8..(self.at + n).div_ceil(8)).ok_or(Fault::Short)?;
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        let value = value >> (self.at % 8) & ((1 << n) - 1);
        self.at += n;
        Ok(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// A Huffman code: how many symbols have each length, and the symbols in the order of their codes.
struct Code {
    counts: [u32; 16],
    symbols: Vec<usize>,
}

impl Code {
    /// A code with unused bit strings is allowed only if it has at most one symbol, of one bit, and `may_be_short`.
    fn new(lens: &[u32], may_be_short: bool) -> Result<Self, Fault> {
        let mut counts = [0; 16];
        lens.iter().for_each(|len| counts[*len as usize] += 1);
        counts[0] = 0;
        let mut symbols: Vec<usize> = (0..lens.len()).filter(|symbol| lens[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lens[*symbol]);
        let mut left = 1_i64;
        for count in &counts[1..] {
            left = 2 * left - i64::from(*count);
            if left < 0 {
                return Err(Fault::Corrupt);
            }
        }
        let is_single = symbols.len() <= 1 && counts[2..].iter().all(|count| *count == 0);
        let is_allowed = left == 0 || may_be_short && is_single;
        if is_allowed { Ok(Self { counts, symbols }) } else { Err(Fault::Corrupt) }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[(index + code - first) as usize]);
            }
            index += count;
            // Of an incomplete code, the only other bit has been read.
            if index as usize == self.symbols.len() {
                break;
            }
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Fault::Corrupt)
    }
}

/// Whether the block is the final one. It refers to no text before `first`.
fn read_block(bits: &mut Bits<'_>, walk: &mut Walk, first: usize) -> Result<bool, Fault> {
    let is_final = bits.take(1)? == 1;
    let kind = bits.take(2)?;
    match kind {
        0 => {
            bits.align();
            let (len, check) = (bits.take(16)?, bits.take(16)?);
            if len != !check & 0xFFFF {
                return Err(Fault::Corrupt);
            }
            for _ in 0..len {
                walk.text.push(bits.take(8)? as u8);
            }
        }
        1 => {
            let lens: Vec<u32> =
                [(8, 144), (9, 112), (7, 24), (8, 8)].iter().flat_map(|(len, n)| vec![*len; *n]).collect();
            read_text(bits, walk, first, &Code::new(&lens, false)?, &Code::new(&[5; 32], false)?)?;
        }
        2 => {
            let (literals, distances) = read_codes(bits)?;
            read_text(bits, walk, first, &literals, &distances)?;
        }
        _ => return Err(Fault::Corrupt),
    }
    walk.blocks.push((kind, is_final));
    Ok(is_final)
}

fn read_codes(bits: &mut Bits<'_>) -> Result<(Code, Code), Fault> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (bits.take(5)? as usize + 257, bits.take(5)? as usize + 1);
    let used = bits.take(4)? as usize + 4;
    if literals > 286 || distances > 30 {
        return Err(Fault::Corrupt);
    }
    let mut lens = [0; 19];
    for at in &ORDER[..used] {
        lens[*at] = bits.take(3)?;
    }
    if lens == [0; 19] {
        // zlib notices that no code can be read behind the last of them.
        (0..literals + distances).try_for_each(|_| bits.take(1).map(drop))?;
        return Err(Fault::Corrupt);
    }
    let code = Code::new(&lens, false)?;
    let mut lens = Vec::new();
    while lens.len() < literals + distances {
        let (len, times) = match code.read(bits)? as u32 {
            16 => {
                let times = 3 + bits.take(2)?;
                (*lens.last().ok_or(Fault::Corrupt)?, times)
            }
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            len => (len, 1),
        };
        lens.extend((0..times).map(|_| len));
    }
    if lens.len() > literals + distances || lens[256] == 0 {
        return Err(Fault::Corrupt);
    }
    Ok((Code::new(&lens[..literals], true)?, Code::new(&lens[literals..], true)?))
}

fn read_text(
    bits: &mut Bits<'_>,
    walk: &mut Walk,
    first: usize,
    literals: &Code,
    distances: &Code,
) -> Result<(), Fault> {
    loop {
        let len = match literals.read(bits)? {
            literal @ 0..256 => {
                walk.text.push(literal as u8);
                continue;
            }
            256 => return Ok(()),
            symbol @ 257..265 => symbol - 254,
            symbol @ 265..285 => {
                let extra = (symbol - 261) / 4;
                ((4 + (symbol - 261) % 4) << extra) + 3 + bits.take(extra)? as usize
            }
            285 => 258,
            _ => return Err(Fault::Corrupt),
        };
        let distance = match distances.read(bits)? {
            symbol @ 0..4 => symbol + 1,
            symbol @ 4..30 => {
                let extra = symbol / 2 - 1;
                ((2 + symbol % 2) << extra) + 1 + bits.take(extra)? as usize
            }
            _ => return Err(Fault::Corrupt),
        };
        if distance > walk.text.len() - first {
            return Err(Fault::Corrupt);
        }
        walk.farthest = walk.farthest.max(distance);
        for _ in 0..len {
            walk.text.push(walk.text[walk.text.len() - distance]);
        }
    }
}
