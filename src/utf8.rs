//! Incremental UTF-8 validation (RFC 6455 section 8.1). A code point may straddle pieces. The first byte that cannot
//! belong to a valid stream fails at once.

/// The stream is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

/// The state between two pieces of a text: the first bytes of a code point that is not complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Utf8Stream {
    tail: [u8; 4],
    len: u8,
}

impl Utf8Stream {
    pub(crate) const EMPTY: Self = Self { tail: [0; 4], len: 0 };

    /// Whether the text so far ends with a complete code point.
    pub(crate) const fn is_complete(self) -> bool {
        self.len == 0
    }

    /// The bytes of a code point that is not complete.
    #[cfg(feature = "deflate")]
    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }

    /// Takes the next piece. Returns the code point that the piece completes, and the text behind it. Keeps the first
    /// bytes of a code point at the end of the piece.
    pub(crate) fn push<'a>(&mut self, mut piece: &'a [u8]) -> Result<(Option<char>, &'a str), InvalidUtf8> {
        let mut completed = None;
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok((None, "")) };
            piece = rest;
            self.tail[usize::from(self.len)] = byte;
            self.len += 1;
            match std::str::from_utf8(&self.tail[..usize::from(self.len)]) {
                Ok(text) => {
                    completed = text.chars().next();
                    self.len = 0;
                }
                Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
                Err(_) => {}
            }
        }
        Ok((completed, self.split(piece)?))
    }

    /// Splits `piece` into complete code points, which it returns, and the first bytes of one more, which it keeps.
    fn split<'a>(&mut self, piece: &'a [u8]) -> Result<&'a str, InvalidUtf8> {
        let (whole, tail) = piece.split_at(piece.len() - unfinished(piece));
        let text = simdutf8::basic::from_utf8(whole).map_err(|_| InvalidUtf8)?;
        if tail.is_empty() {
            return Ok(text);
        }
        // Not every sequence of first bytes can be completed.
        if std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_some()) {
            return Err(InvalidUtf8);
        }
        self.tail[..tail.len()].copy_from_slice(tail);
        self.len = tail.len() as u8;
        Ok(text)
    }
}

/// The number of bytes at the end of `piece` that belong to an unfinished code point. The first of them tells its
/// length.
fn unfinished(piece: &[u8]) -> usize {
    if piece.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    let first = piece.iter().rev().zip(1..=3).find(|(byte, _)| !matches!(byte, 0x80..=0xBF));
    first.filter(|(byte, so_far)| byte.leading_ones() > *so_far).map_or(0, |(_, so_far)| so_far as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text, or the number of bytes read when it failed.
    fn run(pieces: &[&[u8]]) -> Result<String, usize> {
        let (mut stream, mut text, mut read) = (Utf8Stream::EMPTY, String::new(), 0);
        for piece in pieces {
            read += piece.len();
            let (completed, rest) = stream.push(piece).map_err(|InvalidUtf8| read)?;
            text.extend(completed);
            text.push_str(rest);
        }
        if stream.is_complete() { Ok(text) } else { Err(read) }
    }

    #[test]
    fn fails_at_the_first_byte_that_makes_the_stream_invalid() {
        for (bytes, fails_at) in [
            (&b"\xC0"[..], 1),
            (b"a\xFF", 2),
            (b"\xED\xA0", 2),
            (b"\xF4\x90", 2),
            (b"\xE0\x80", 2),
            (b"\xCE\xBA\x80", 3),
        ] {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(run(&single), Err(fails_at), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_std_however_the_text_is_split(
            text in "\\PC{0,40}",
            noise in proptest::collection::vec(any::<u8>(), 0..3),
            at in any::<prop::sample::Index>(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, noise);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(run(&pieces).ok(), String::from_utf8(bytes.clone()).ok());
        }
    }
}
